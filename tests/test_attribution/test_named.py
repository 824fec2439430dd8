"""Each way of naming a network is tried on a real one with random weights, and what is wrong is one line."""

import contextlib
import hashlib
import importlib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import loopback
import numpy as np
import PIL.Image
import pytest
import safetensors.torch
import timm
import timm.data
import torch
import torchvision.models
import toys
from torchvision.transforms.v2 import functional as transforms
from ways import SMALL, TAGGED, config, published, shufflenet, small

from attribution import MODELS, explain, load_image, load_model
from attribution.__main__ import main
from attribution.described import from_torchvision, last_layer
from attribution.engine.downloads import HASH, fetch
from attribution.hub import from_timm
from attribution.models import CATEGORIES, Model, card, download

ROOT = Path(__file__).parents[2]
OWN = """
import torch
from torch import nn
from attribution.models import Model

def network():
    torch.manual_seed(3)
    layers = nn.Sequential(nn.Conv2d(3, 4, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 10 * 10, 2))
    return Model.wrap(layers, size=32, mean=(0.5,) * 3, std=(0.25,) * 3, categories=["cat", "dog"], device="cpu")

def bare():
    return nn.Linear(2, 2)

def failing():
    raise RuntimeError("no such file\\nsecond line")

def leaving():
    raise SystemExit(3)

value = 3
"""


def photo() -> PIL.Image.Image:
    return PIL.Image.fromarray(np.random.default_rng(1).integers(0, 256, (300, 260, 3), dtype=np.uint8))


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module that can be imported, in the folder where the process runs."""
    (tmp_path / "my_networks.py").write_text(OWN)
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    (tmp_path / "bare_folder").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("my_networks", "broken", "bare_folder"):
        sys.modules.pop(name, None)


@pytest.fixture
def stated():
    """What the hub says that the SHA-256 of the weights at a path is, where that is not their own."""
    return {}


@pytest.fixture
def served(tmp_path, monkeypatch, stated):
    """Files on a hub on loopback, with empty caches. Yields them, its address, and what was asked for."""
    files: dict[str, bytes] = {}
    asked: list[str] = []
    with loopback.hub(files, asked, stated) as address:
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
        known = huggingface_hub.constants
        monkeypatch.setattr(known, "ENDPOINT", address)
        monkeypatch.setattr(known, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
        monkeypatch.setattr(known, "HF_HUB_CACHE", str(tmp_path / "hub"))
        yield files, address, asked


def held(state) -> bytes:
    return safetensors.torch.save(state)


def same(name: str, network: torch.nn.Module, **how) -> Model:
    """The model of that name, which computes what the network does and is explained."""
    model = load_model(name, "cpu", **how)
    x = model.prepare(photo())
    with torch.no_grad():
        expected = network.eval()(x[None])
        torch.testing.assert_close(model.module(x[None]), expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())
    assert model.name == name
    assert explain(model, x, "gradient").attribution.any()
    return model


class TestSixWays:
    def test_timm(self, served, tmp_path):
        files, _, asked = served
        network = small()
        files[f"/timm/{TAGGED}/resolve/main/model.safetensors"] = held(network.state_dict())
        for name in (f"timm/{SMALL}", f"timm/{TAGGED}"):
            same(name, network)
        assert list(download(f"timm/{SMALL}")) == []
        fetched = [one for one in asked if one.startswith("GET")]
        assert len(fetched) == 1, "both names mean the same weights"
        found = card(f"timm/{TAGGED}")
        assert (found.size, found.categories) == (160, CATEGORIES)
        assert found.file.is_relative_to(tmp_path / "torch")

    def test_torchvision(self, served, monkeypatch):
        files, address, _ = served
        weights = torchvision.models.ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1
        network = shufflenet()
        path, weights_file = published(network)
        files[path] = weights_file
        monkeypatch.setattr(weights.value, "url", f"{address}{path}")
        fractions = list(download("torchvision/shufflenet_v2_x0_5"))
        assert all(0 <= one <= 1 for one in fractions)
        same("torchvision/shufflenet_v2_x0_5", network)
        same("torchvision/shufflenet_v2_x0_5.IMAGENET1K_V1", network)
        assert card("torchvision/shufflenet_v2_x0_5").here

    def test_the_hub(self, served):
        files, _, asked = served
        network = small(3)
        files["/me/mine.v1/resolve/main/config.json"] = config(label_names=["a", "b", "c"])
        files["/me/mine.v1/resolve/main/model.safetensors"] = held(network.state_dict())
        same("hf-hub:me/mine.v1", network)
        found = card("hf-hub:me/mine.v1")
        assert found.categories == ("a", "b", "c")
        assert (found.size, found.resize, found.mean) == (96, 128, (0.5,) * 3)
        before = len([one for one in asked if "GET" in one and "safetensors" in one])
        same("hf-hub:me/mine.v1", network)
        assert before == len([one for one in asked if "GET" in one and "safetensors" in one]) == 1

    def test_a_revision_and_old_weights_on_the_hub(self, served):
        files, _, _ = served
        network = small(3)
        buffer = io.BytesIO()
        torch.save(network.state_dict(), buffer)
        files["/me/mine/resolve/v2/config.json"] = config()
        files["/me/mine/resolve/v2/pytorch_model.bin"] = buffer.getvalue()
        same("hf-hub:me/mine@v2", network)

    def test_no_two_names_share_a_file(self, served):
        """Revisions of one network, and names that differ in one sign."""
        files, _, _ = served
        for seed, (name, revision) in enumerate({"me/mine.1": "main", "me/mine_1": "main", "me/mine": "v1"}.items()):
            for path in (f"/{name}/resolve/{revision}", f"/{name}/resolve/{revision}2"):
                files[f"{path}/config.json"] = config()
                files[f"{path}/model.safetensors"] = held(small(3, seed + 10 * path.endswith("2")).state_dict())
        named = {"me/mine.1": 0, "me/mine_1": 1, "me/mine@v1": 2, "me/mine@v12": 12}
        for name, seed in named.items():
            same(f"hf-hub:{name}", small(3, seed))

    def test_what_the_hub_has_downloaded_is_used(self, served):
        """timm and others download there too."""
        files, _, asked = served
        network = small()
        files[f"/timm/{TAGGED}/resolve/main/model.safetensors"] = held(network.state_dict())
        huggingface_hub.hf_hub_download(f"timm/{TAGGED}", "model.safetensors")
        asked.clear()
        assert card(f"timm/{SMALL}").here
        same(f"timm/{SMALL}", network)
        assert not asked

    def test_a_folder(self, tmp_path):
        network = small(3)
        (tmp_path / "config.json").write_bytes(config(label_names=["a", "b", "c"]))
        (tmp_path / "model.safetensors").write_bytes(held(network.state_dict()))
        same(f"local-dir:{tmp_path}", network)
        assert card(f"local-dir:{tmp_path}").categories == ("a", "b", "c")

    @pytest.mark.parametrize("way", ["timm", "torchvision", "built in", "embedded"])
    def test_a_file_of_a_named_network(self, tmp_path, way):
        name, network = {
            "timm": (f"timm/{SMALL}", small(3)),
            "torchvision": ("torchvision/shufflenet_v2_x0_5", torchvision.models.shufflenet_v2_x0_5(num_classes=3)),
            "built in": ("mobilenet_v3_large", torchvision.models.mobilenet_v3_large(num_classes=3)),
            "embedded": ("efficientnet_lite0", timm.create_model("tf_efficientnet_lite0", num_classes=3)),
        }[way]
        file = tmp_path / "mine=1.safetensors"
        file.write_bytes(held(network.state_dict()))
        assert card(f"{name}={file}").categories == ("class 0", "class 1", "class 2")
        (tmp_path / "mine=1.txt").write_text("cat\n dog \nhorse\n\n")
        model = same(f"{name}={file}", network)
        assert model.categories == ("cat", "dog", "horse")
        assert model.size == (160 if way == "timm" else 224)

    def test_the_last_layer_of_a_regnet(self):
        assert last_layer(from_torchvision("regnet_y_400mf").build) == "fc"

    @pytest.mark.parametrize("within", [None, "state_dict", "model"])
    def test_a_state_of_torch_or_a_checkpoint(self, tmp_path, within):
        network = torchvision.models.shufflenet_v2_x0_5()
        state = network.state_dict()
        if within:
            state = {within: {f"module.{key}": value for key, value in state.items()}, "epoch": 3, "args": {"lr": 0.1}}
        torch.save(state, tmp_path / "mine.pth")
        same(f"torchvision/shufflenet_v2_x0_5={tmp_path / 'mine.pth'}", network)
        assert card(f"torchvision/shufflenet_v2_x0_5={tmp_path / 'mine.pth'}").categories == CATEGORIES

    @pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
    def test_a_state_of_several_devices(self, tmp_path, suffix):
        network = torchvision.models.shufflenet_v2_x0_5(num_classes=3)
        state, file = {f"module.{key}": value for key, value in network.state_dict().items()}, tmp_path / f"my{suffix}"
        torch.save(state, file) if suffix == ".pth" else file.write_bytes(held(state))
        assert len(same(f"torchvision/shufflenet_v2_x0_5={file}", network).categories) == 3

    def test_a_function(self, own):
        model = load_model("my_networks:network", "cpu")
        assert (model.name, model.categories, model.size) == ("my_networks:network", ("cat", "dog"), 32)
        x = model.prepare(photo())
        assert explain(model, x, "smooth_taylor", samples=2).attribution.shape == (3, 32, 32)
        assert load_model("my_networks:network", "cpu").digest == model.digest


class TestHashes:
    """No download is used that is not the file which its name, or the hub, says."""

    NAMES = ("timm", "hub", "hub and revision", "torchvision")

    def named(self, files, monkeypatch, way: str, address: str) -> tuple[str, str]:
        """A network on loopback: its name, and the path of its weights."""
        if way == "torchvision":
            weights = torchvision.models.ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1
            buffer = io.BytesIO()
            torch.save(torchvision.models.shufflenet_v2_x0_5().state_dict(), buffer)
            path = f"/shuffle-{hashlib.sha256(buffer.getvalue()).hexdigest()[:8]}.pth"
            monkeypatch.setattr(weights.value, "url", f"{address}{path}")
            files[path] = buffer.getvalue()
            return "torchvision/shufflenet_v2_x0_5", path
        name, root = {
            "timm": (f"timm/{SMALL}", f"/timm/{TAGGED}/resolve/main"),
            "hub": ("hf-hub:me/mine", "/me/mine/resolve/main"),
            "hub and revision": ("hf-hub:me/mine@0123abcd", "/me/mine/resolve/0123abcd"),
        }[way]
        files[f"{root}/config.json"] = config()
        files[f"{root}/model.safetensors"] = held(small(1000 if way == "timm" else 3).state_dict())
        return name, f"{root}/model.safetensors"

    @pytest.mark.parametrize("way", NAMES)
    @pytest.mark.parametrize("damage", ["a bit", "cut"])
    def test_a_damaged_file_is_one_line_and_leaves_nothing(self, served, stated, monkeypatch, tmp_path, way, damage):
        files, address, _ = served
        name, path = self.named(files, monkeypatch, way, address)
        whole = files[path]
        stated[path] = hashlib.sha256(whole).hexdigest()
        files[path] = whole[:-1] + bytes([whole[-1] ^ 1]) if damage == "a bit" else whole[:-100]
        with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
            load_model(name, "cpu")
        assert "could not be downloaded (invalid hash value (expected" in str(caught.value)
        assert not card(name).here
        assert not [
            file
            for file in tmp_path.rglob("*")
            if file.is_file() and file.name != "config.json" and file.stat().st_size > 1000
        ]
        files[path] = whole
        load_model(name, "cpu")
        assert card(name).file.read_bytes() == whole

    @pytest.mark.parametrize("said", ["", "0" * 40, "W/0"])
    def test_without_a_hash_there_is_no_download(self, served, stated, monkeypatch, said):
        files, address, asked = served
        name, path = self.named(files, monkeypatch, "hub", address)
        stated[path] = said
        with pytest.raises(ValueError, match=r"could not be downloaded \(the hub states no SHA-256 for it\): fetch"):
            load_model(name, "cpu")
        assert f"GET /stored{path}" not in asked
        assert not card(name).here

    def test_every_file_that_has_a_name_has_a_hash(self):
        """The hub states one. Elsewhere the name of the file ends with its first digits."""
        cards = list(MODELS.values())
        named = [f"torchvision/{name}.{tag}" for name, tag in every_torchvision()]
        for name in named + [f"timm/{name}" for name in timm.list_pretrained()]:
            with contextlib.suppress(ValueError):  # without classes
                cards.append(card(name))
        downloads = [one for one in cards if one.url]
        assert len(downloads) > 1500
        for one in downloads:
            assert one.stated is not None or HASH.search(one.file.name), one.title

    def test_a_file_without_one_is_not_downloaded(self, tmp_path):
        with pytest.raises(ValueError, match=r"could not be downloaded \(its name does not end with its hash\): fetch"):
            list(fetch("This", "http://127.0.0.1:9/this.pth", tmp_path / "this.pth", 1.0, 0.01))


def every_torchvision() -> Iterator[tuple[str, str]]:
    for name in torchvision.models.list_models(module=torchvision.models):
        for tag in torchvision.models.get_model_weights(name).__members__:
            yield name, tag


class TestCommandLine:
    def test_a_network_of_ones_own(self, own, capsys):
        photo().save("photo.png")
        assert (
            main(["explain", "photo.png", "--model", "my_networks:network", "--device", "cpu", "--samples", "2"]) == 0
        )
        assert re.search(r"smooth_taylor of class [01] \((cat|dog)\): 2 gradients on cpu", capsys.readouterr().out)

    def test_the_list_says_how_others_are_named(self, capsys):
        assert main(["models"]) == 0
        assert "timm/NAME, torchvision/NAME, hf-hub:OWNER/NAME, local-dir:FOLDER, NAME=FILE or MODULE:FUNCTION" in (
            capsys.readouterr().out
        )

    def test_from_the_hub_that_the_environment_names(self, served, tmp_path, capsys):
        """The package of the hub reads the environment when it is imported, so here it is read again."""
        files, address, asked = served
        files["/me/mine/resolve/main/config.json"] = config(label_names=["a", "b", "c"])
        files["/me/mine/resolve/main/model.safetensors"] = held(small(3).state_dict())
        photo().save(tmp_path / "photo.png")
        photos, how = [str(tmp_path / "photo.png")], ["--method", "gradient", "--device", "cpu"]
        there = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hf"), "TORCH_HOME": str(tmp_path / "torch")}
        try:
            with pytest.MonkeyPatch.context() as patch:
                for name, value in there.items():
                    patch.setenv(name, value)
                importlib.reload(huggingface_hub.constants)
                assert main(["explain", *photos, "--model", "hf-hub:me/mine", *how]) == 0
        finally:
            importlib.reload(huggingface_hub.constants)
        assert re.search(r"gradient of class [012] \([abc]\): 1 gradients on cpu", capsys.readouterr().out)
        assert any(one.startswith("GET") and one.endswith("model.safetensors") for one in asked)
        assert list((tmp_path / "hf").rglob("config.json"))

    def test_the_benchmark(self, own, capsys, folder):
        from attribution.benchmark.__main__ import main as benchmark
        from attribution.benchmark.results import Results

        run = [str(folder), "--out", "r.db", "--model", "my_networks:network", "--device", "cpu"]
        assert benchmark([*run, "--methods", "gradient", "--metrics", "total_variation"]) == 0
        rows = list(Results.read(Path("r.db")).rows())
        assert {row.model for row in rows} == {"my_networks:network"}
        capsys.readouterr()
        assert benchmark([*run, "--methods", "gradient", "--metrics", "total_variation"]) == 0
        assert "maps," not in capsys.readouterr().err, "the weights are the same: nothing is measured again"
        assert benchmark(["report", "r.db", "--model", "my_networks:network"]) == 0
        assert "my_networks:network, 3 photos" in capsys.readouterr().out
        assert benchmark(["report", "r.db", "--model", "resnet18"]) == 2
        assert "the file has no resnet18; it has my_networks:network" in capsys.readouterr().err


SMALLER = {
    "timm/convnext_tiny.fb_in22k": f"timm/{TAGGED}",
    "torchvision/resnet50.IMAGENET1K_V2": "torchvision/shufflenet_v2_x0_5.IMAGENET1K_V1",
    "timm/resnet18": f"timm/{SMALL}",
}
"""Networks of the page, and what is run in the place of each: a smaller one of the same place."""


class TestDocs:
    """docs/models.md, followed as it stands, in a folder with the files that it names."""

    PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")

    def prepare(self, files) -> None:
        """The files of the page. Weights of published networks are random, where torch keeps downloads."""
        photo().save("photo.jpg")
        for name in (f"timm/{TAGGED}", "torchvision/shufflenet_v2_x0_5.IMAGENET1K_V1"):
            found = card(name)
            found.file.parent.mkdir(parents=True, exist_ok=True)
            state = found.build().state_dict()
            if found.file.suffix == ".safetensors":
                found.file.write_bytes(held(state))
            else:
                torch.save(state, found.file)
        files["/OWNER/NAME/resolve/main/config.json"] = config()
        files["/OWNER/NAME/resolve/main/model.safetensors"] = held(small(3).state_dict())
        Path("runs/my-network").mkdir(parents=True)
        Path("runs/my-network/config.json").write_bytes(config())
        Path("runs/my-network/model.safetensors").write_bytes(held(small(3).state_dict()))
        Path("runs/weights.safetensors").write_bytes(held(small(2).state_dict()))
        Path("runs/weights.txt").write_text("cat\ndog\n")

    def test_the_six_ways(self, own, served, capsys):
        self.prepare(served[0])
        part = self.PAGE.split("## Any network, by its name\n", 1)[1]
        ways = re.findall(
            r"^\*\*.+?\.\*\* .*\n(?:.+\n)*\n```sh\npython -m attribution (.+)\n```", part, flags=re.MULTILINE
        )
        assert len(ways) == 6
        for name, smaller in SMALLER.items():
            assert len(card(name).categories) >= 1000
            assert sum(name in way for way in ways) == 1
            ways = [way.replace(name, smaller) for way in ways]
        for way in ways:
            assert main([*way.split(), "--method", "gradient", "--device", "cpu"]) == 0, way
            assert re.match(r"gradient of class \d+ \(.+\): 1 gradients on cpu", capsys.readouterr().out), way

    def test_a_network_in_python(self, own):
        photo().save("photo.jpg")
        (code,) = re.findall(r"^```python\n(.*?)^```", self.PAGE, flags=re.DOTALL | re.MULTILINE)
        layers = [torch.nn.Conv2d(3, 4, 16, stride=16), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(784, 2)]
        names = {"network": torch.nn.Sequential(*layers)}
        exec(code, names)
        assert names["done"].attribution.shape == (3, 224, 224)


WRONG = {
    "alexnet": "model 'alexnet' is unknown; use one of efficientnet_lite0, .*, or timm/NAME, torchvision/NAME",
    "timm/resnet19": r"timm has no network 'resnet19'; did you mean (resnet\w+ or )+resnet\w+\?",
    "timm/zzz": "timm has no network 'zzz'; look for its name in the documentation",
    "timm/resnet18.none": "timm/resnet18 has no weights 'none'; use one of a1_in1k, ",
    "timm/vit_base_patch16_224.mae": "vit_base_patch16_224.mae has no classes, only features",
    "torchvision/resnet19": r"torchvision has no classifier 'resnet19'; did you mean resnet",
    "torchvision/fcn_resnet50": "torchvision has no classifier 'fcn_resnet50'",
    "torchvision/resnet50.V9": "torchvision/resnet50 has no weights 'V9'; use one of IMAGENET1K_V1, IMAGENET1K_V2",
    "torchvision/vgg16.IMAGENET1K_FEATURES": r".*FEATURES has no classes, only features; use one of IMAGENET1K_V1$",
    "local-dir:nowhere": r"local-dir:nowhere cannot be read \(there is no such folder\)",
    "local-dir:.": r"local-dir:. cannot be read \(there is no config.json in it\)",
    "resnet18=none.safetensors": "resnet18=none.safetensors: there is no file none.safetensors",
    "alexnet=my_networks.py": "network 'alexnet' is unknown; before = use one of efficientnet_lite0, .*, timm/NAME or",
    "resnet18=my_networks.py": r"my_networks.py cannot be read \(.*\); give a file that holds only the weights",
    "no_such_module:network": r"the module no_such_module cannot be imported \(ModuleNotFoundError: No module named",
    "broken:network": r"the module broken cannot be imported \(ModuleNotFoundError: .*nothing_of_this_name",
    "my_networks:absent": "the module my_networks has no absent; give the name of a function in .*my_networks.py",
    "sys:network": "the module sys has no network; give the name of a function in sys",
    "bare_folder:network": "the module bare_folder has no network; give the name of a function in bare_folder",
    "my_networks:value": "my_networks:value is a int; give a function without arguments",
    "my_networks:failing": "my_networks:failing raised RuntimeError: no such file; call it in Python to see where",
    "my_networks:leaving": "my_networks:leaving raised SystemExit: 3; call it",
    "my_networks:bare": r"my_networks:bare returns a Linear; let it return Model.wrap\(network, size=...\)",
}


class TestWrong:
    @pytest.mark.parametrize("name", WRONG)
    def test_a_name_that_means_nothing_is_one_line(self, own, capsys, name):
        photo().save("photo.png")
        assert main(["explain", "photo.png", "--model", name, "--device", "cpu"]) == 2
        told = capsys.readouterr().err
        assert re.match(f"attribution: .*{WRONG[name]}", told)
        assert told.count("\n") == 1

    def test_a_file_of_tensors_without_names_is_one_line(self, tmp_path):
        torch.save({0: torch.zeros(3)}, tmp_path / "mine.pth")
        with pytest.raises(ValueError, match=r"mine.pth cannot be read \(it holds no weights\); give a file"):
            card(f"resnet18={tmp_path / 'mine.pth'}")

    def test_the_hub_does_not_have_it(self, served):
        with pytest.raises(
            ValueError, match=r"^hf-hub:me/none cannot be read \(.*404.*\); check the name and the conn"
        ):
            card("hf-hub:me/none")

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("{", r"its config.json is damaged \(.*\); use a network that timm has saved"),
            ('{"architectures": ["ViT"]}', "its config.json names no architecture of timm"),
            ('{"architecture": "resnet99x"}', "timm has no network 'resnet99x'; a newer timm may have it"),
        ],
    )
    def test_a_config_of_something_else(self, tmp_path, text, line):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(ValueError, match=line):
            card(f"local-dir:{tmp_path}")

    @pytest.mark.parametrize("changed", [{"label_names": 3}, {"label_names": ["a"] * 3, "label_descriptions": ["b"]}])
    def test_a_config_with_a_value_of_a_wrong_kind(self, tmp_path, changed):
        (tmp_path / "config.json").write_bytes(config(**changed))
        with pytest.raises(ValueError, match=r"^local-dir:.*its config.json has a value of a wrong kind \(.*\); use a"):
            card(f"local-dir:{tmp_path}")

    def test_a_folder_without_weights(self, tmp_path):
        (tmp_path / "config.json").write_bytes(config())
        with pytest.raises(ValueError, match=r"there is no file of weights in it; put model.safetensors there"):
            card(f"local-dir:{tmp_path}")

    @pytest.mark.parametrize("network", ["resnet18", f"timm/{SMALL}", "torchvision/shufflenet_v2_x0_5"])
    def test_the_state_of_another_network(self, tmp_path, network):
        file = tmp_path / "other.safetensors"
        file.write_bytes(held({"fc.weight": torch.zeros(2, 2), "classifier.weight": torch.zeros(2, 2)}))
        line = (
            f"{re.escape(str(file))} does not hold the weights of .*: give a file with the weights of this network, or"
        )
        with pytest.raises(ValueError, match=line):
            load_model(f"{network}={file}", "cpu")

    def test_so_is_that_in_a_folder(self, tmp_path):
        (tmp_path / "config.json").write_bytes(config())
        (tmp_path / "model.safetensors").write_bytes(held(small(4).state_dict()))
        with pytest.raises(ValueError, match="does not hold the weights of"):
            load_model(f"local-dir:{tmp_path}", "cpu")

    def test_names_that_do_not_match_the_weights(self, tmp_path):
        (tmp_path / "mine.safetensors").write_bytes(held(small(3).state_dict()))
        (tmp_path / "mine.txt").write_text("cat\ndog\n")
        with pytest.raises(
            ValueError, match=r"mine.txt names 2 classes, but the weights have 3; write one name a line"
        ):
            card(f"timm/{SMALL}={tmp_path / 'mine.safetensors'}")

    @pytest.mark.parametrize("way", ["file", "folder"])
    def test_nothing_is_unpickled(self, tmp_path, way):
        class Evil:
            def __reduce__(self):
                return (exec, ("raise SystemExit('the file was run')",))

        torch.save({"state_dict": {"weights": Evil()}}, tmp_path / "pytorch_model.bin")
        (tmp_path / "config.json").write_bytes(config())
        name = f"timm/{SMALL}={tmp_path / 'pytorch_model.bin'}" if way == "file" else f"local-dir:{tmp_path}"
        with pytest.raises(ValueError, match=r"cannot be read \(it holds more than weights\)"):
            load_model(name, "cpu")

    def test_weights_that_cannot_be_downloaded(self, served):
        _, address, _ = served
        with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
            load_model(f"timm/{SMALL}", "cpu")
        for part in ("404", f"fetch {address}/timm/{TAGGED}/resolve/main/model.safetensors", "put it at"):
            assert part in str(caught.value)

    def test_nor_without_a_connection(self, served, monkeypatch):
        nowhere = "http://127.0.0.1:9"
        known = huggingface_hub.constants
        monkeypatch.setattr(known, "ENDPOINT", nowhere)
        monkeypatch.setattr(known, "HUGGINGFACE_CO_URL_TEMPLATE", nowhere + "/{repo_id}/resolve/{revision}/{filename}")
        with pytest.raises(ValueError, match=r"could not be downloaded \(no connection: .*\): fetch http"):
            load_model(f"timm/{SMALL}", "cpu")

    def test_nor_where_a_file_stands_in_the_place_of_the_folder(self, served, tmp_path, monkeypatch):
        """One error, of the caller: the thread that downloads raises none of its own."""
        (tmp_path / "file").touch()
        raised = []
        monkeypatch.setattr("threading.excepthook", raised.append)
        with pytest.raises(ValueError, match="could not be downloaded"):
            list(fetch("it", served[1], tmp_path / "file" / "weights-0123abcd.pth", 1, 0.01))
        assert raised == []

    def test_lrp_says_for_which_networks_it_has_rules(self, tmp_path):
        (tmp_path / "mine.safetensors").write_bytes(held(small(3).state_dict()))
        model = load_model(f"timm/{SMALL}={tmp_path / 'mine.safetensors'}", "cpu")
        with pytest.raises(
            ValueError, match=r"LRP does not support timm/.*for timm's EfficientNet with ReLU and without"
        ):
            explain(model, model.prepare(photo()), "lrp")


class TestDescribed:
    @pytest.mark.parametrize("name", ["resnet18.a1_in1k", "vit_base_patch16_clip_224.openai_ft_in1k", TAGGED])
    def test_photos_are_prepared_as_timm_does(self, name):
        found, how = (
            from_timm(name),
            timm.data.resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(name).to_dict()),
        )
        expected = timm.data.create_transform(**how, is_training=False)(photo())
        model = toys.model(torch.nn.Identity())
        model = type(model)(
            name,
            torch.nn.Identity(),
            found.size,
            found.resize,
            found.mean,
            found.std,
            found.interpolation,
            squash=found.squash,
        )
        torch.testing.assert_close(model.prepare(photo()), expected, atol=1e-5, rtol=0)

    def test_a_photo_may_be_squashed(self):
        names = [name for name in timm.list_pretrained() if timm.get_pretrained_cfg(name).crop_mode == "squash"]
        squashed = [name for name in names if timm.get_pretrained_cfg(name).num_classes == 1000]
        assert all(from_timm(name).squash for name in squashed)
        assert squashed

    def test_every_network_of_timm_is_described_or_refused_in_a_line(self):
        refused = {}
        for name in timm.list_pretrained():
            try:
                found = from_timm(name)
            except ValueError as error:
                refused[name] = str(error)
            else:
                count = timm.get_pretrained_cfg(name).num_classes
                assert len(found.categories) == count
                assert found.url or found.place
                assert len(found.mean) == len(found.std) == 3
        assert all("\n" not in line for line in refused.values())
        features = {name for name, line in refused.items() if "has no classes" in line}
        assert all("only squares" in refused[name] for name in refused.keys() - features)
        assert len(refused) - len(features) < 20

    def test_every_classifier_of_torchvision_is_described(self):
        """Those of one module of torchvision are one class with other sizes: the last layer of one is that of all."""
        one_of = {}
        for name in torchvision.models.list_models(module=torchvision.models):
            found = from_torchvision(name)
            one_of[torchvision.models.get_model_builder(name).__module__] = found
            assert len(found.categories) == 1000
            assert found.url.startswith("https://")
        del one_of["torchvision.models.regnet"]  # some of these take gigabytes; another test has a small one
        assert len(one_of) >= 16
        for found in one_of.values():
            assert last_layer(found.build).split(".")[0] in ("fc", "classifier", "head", "heads"), found.title

    @pytest.mark.parametrize(
        ("name", "count", "first"),
        [
            ("convnext_tiny.fb_in22k", 21841, "organism"),
            ("vit_base_patch16_224.augreg_in21k", 21843, "organism"),
        ],
    )
    def test_names_of_many_classes(self, name, count, first):
        found = from_timm(name)
        assert len(found.categories) == count
        assert first in found.categories[0]

    def test_the_photo_of_a_built_in_network_is_prepared_as_before(self):
        found = MODELS["resnet18"]
        pixels = transforms.center_crop(transforms.resize(photo(), [256]), [224, 224])
        expected = np.asarray(pixels, dtype=np.float32).transpose(2, 0, 1) / 255
        expected = (expected - np.array(found.mean)[:, None, None]) / np.array(found.std)[:, None, None]
        buffer = io.BytesIO()
        photo().save(buffer, "PNG")
        model = toys.model(torch.nn.Identity())
        model = type(model)("resnet18", torch.nn.Identity())
        np.testing.assert_allclose(model.prepare(load_image(buffer.getvalue())), expected, atol=1e-5)
