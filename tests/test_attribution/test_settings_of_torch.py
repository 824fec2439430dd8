"""Whatever the caller has set in torch: results are the same, and afterwards it is set as before."""

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest
import torch
import torchvision.models
import toys
from skimage import data
from torch import nn

from attribution import METHODS, METRICS, Store, curve, explain, load_model
from attribution.engine.baselines import make_baselines
from attribution.engine.memory import bytes_kept
from attribution.engine.plans import NoiseCloud
from attribution.engine.score import ClassScore
from attribution.models import Model, build_model
from attribution.registry import curves
from attribution.studies.changed_image import Changes, robustness
from attribution.studies.convergence import convergence
from attribution.studies.other_class import other_class
from attribution.studies.perturbed import model_perturbation
from attribution.studies.randomisation import randomisation
from attribution.studies.settled import until_settled
from attribution.studies.trace import trace
from dashboard.notebook import _map
from dashboard.stage.pictures import Display, scale_bar

SHARP = 1
"""The class of a photo with edges: some methods and curves need a score that is higher than that of a blurred photo."""


def sharp() -> nn.Module:
    """A ReLU network whose logit of class 1 is above 0 for the photo, and below 0 for a blurred one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        seen = nn.Sequential(nn.Conv2d(3, 8, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        last = nn.Linear(32, 2)
    weight = last.weight.detach().abs()
    last.weight.data = torch.stack([-weight[0], weight[1]])
    seen[0].weight.data -= seen[0].weight.data.mean((2, 3), keepdim=True)
    seen[0].bias.data.zero_()
    least, most = (last(seen(x[None]))[0].detach() - last.bias.detach() for x in (0 * image(), image()))
    last.bias.data = -0.1 * least - 0.9 * most
    return nn.Sequential(*seen, last).eval()


def image() -> torch.Tensor:
    return photo(toys.of_photos())


def photo(model: Model) -> torch.Tensor:
    return model.prepare(PIL.Image.fromarray(data.cat()))


@pytest.fixture(scope="module")
def model() -> Model:
    """In batches of one size: a result then depends on its point alone, bit for bit."""
    return toys.in_batches_of(4, replace(toys.of_photos(), module=sharp().requires_grad_(False)))


@pytest.fixture(scope="module")
def x(model):
    return photo(model)


def filed(folder: Path, network: str) -> str:
    """The name of a network with its weights in a file."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = torchvision.models.get_model(network, num_classes=3).state_dict()
    torch.save(state, folder / "weights.pth")
    return f"torchvision/{network}={folder / 'weights.pth'}"


def half() -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16)


@contextmanager
def by_default(dtype: torch.dtype):
    """Inside it, new tensors are of this type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


SETTINGS = {
    "autocast": half,
    "float64": lambda: by_default(torch.float64),
    "bfloat16": lambda: by_default(torch.bfloat16),
    "device": lambda: torch.device("meta"),  # where tensors have no values: it stands for a GPU
}


FEW = Changes(count=4, repeats=2)
MAPS = {"Gradient": ("gradient", {}), "SmoothGrad": ("smoothgrad", {"samples": 4})}


def last(run):
    *_, found = run
    return found


def noised(model: Model, x: torch.Tensor) -> list:
    found = last(convergence(ClassScore(model, SHARP), x, "smoothgrad", NoiseCloud(0.5, 0, 8)))
    return [found.maps[-1].tolist(), found.error.tolist()]


def traced(model: Model, x: torch.Tensor) -> list:
    (black,) = make_baselines(model, x, "black")
    return last(trace(ClassScore(model, SHARP), x, black, 4)).maps[-1].tolist()


STUDIES = {
    "display": lambda model, x: explain(model, x, "gradient", SHARP)._repr_html_(),
    "notebook": lambda model, x: _map(explain(model, x, "gradient", SHARP)),
    "noise": noised,
    "path": traced,
    "randomisation": lambda model, x: last(randomisation(model, x, MAPS, SHARP)).verdict("SmoothGrad"),
    "perturbation": lambda model, x: last(model_perturbation(model, x, MAPS, SHARP, seeds=1)).verdict("SmoothGrad"),
    "other class": lambda model, x: last(other_class(model, x, MAPS, SHARP)).verdict("SmoothGrad"),
    "robustness": lambda model, x: last(robustness(model, x, MAPS, SHARP, changes=FEW)).figures,
    "settled": lambda model, x: last(
        until_settled(model, x, "smoothgrad", SHARP, most=12)
    ).partial.attribution.tolist(),
    "scale": lambda model, x: scale_bar(Display()).tolist(),
}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
class TestEverySetting:
    @pytest.mark.parametrize("name", METHODS)
    def test_maps_are_the_same(self, setting, name, model, x):
        knobs = {knob: 3 for knob in ("samples", "steps", "images", "classes") if knob in METHODS[name].knobs}
        if "baseline" in METHODS[name].knobs:
            knobs["baseline"] = "blurred"  # by a convolution
        store = Store()
        with setting():
            inside = explain(model, x, name, SHARP, store=store, **knobs).attribution
        outside = explain(model, x, name, SHARP, **knobs).attribution
        assert inside.dtype == outside.dtype == torch.float32
        assert torch.equal(inside, outside)
        assert torch.equal(explain(model, x, name, SHARP, store=store, **knobs).attribution, outside)

    @pytest.mark.parametrize("name", curves())
    def test_curves_are_the_same(self, setting, name, model, x):
        h = explain(model, x, "gradient", SHARP).attribution
        few = {"draws": 2} if "draws" in METRICS[name].knobs else {}
        with setting():
            inside = curve(model, x, h, name, SHARP, **few)
        outside = curve(model, x, h, name, SHARP, **few)
        assert outside.y.any()
        assert (inside.y == outside.y).all()

    @pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
    def test_displays_and_studies_are_the_same(self, setting, study, model, x):
        with setting():
            inside = study(model, x)
        assert inside == study(model, x)

    def test_loaded_networks_are_the_same(self, setting, lite0):
        with setting():
            found = load_model("efficientnet_lite0", "cpu")
            told = found.predict(photo(found))
        assert found.digest == lite0.digest
        assert told == lite0.predict(photo(lite0))

    @pytest.mark.parametrize("network", ["mobilenet_v3_small", "regnet_y_400mf"])
    def test_networks_of_files_are_the_same(self, setting, network, tmp_path):
        """A RegNet is built in another way when its last layer is looked for."""
        name = filed(tmp_path, network)
        with setting():
            found = load_model(name, "cpu")
        assert found.digest == load_model(name, "cpu").digest

    def test_batches_are_limited_by_memory(self, setting):
        """The limit asks how much the network keeps of an image. Where that fails, there is none."""

        def kept() -> int:
            network, blank, _ = load_model("efficientnet_lite0", "cpu").gradient_batch.limit.args
            return bytes_kept(network, blank)

        with setting():
            found = kept()
        assert found == kept()


class TestAutocast:
    def test_a_network_is_made_as_quick_as_outside(self):
        """In half precision, a folded network would not answer as the network itself does."""
        module = torchvision.models.resnet18(num_classes=2)
        space = {"size": 32, "mean": toys.MEAN, "std": toys.STD, "device": "cpu"}
        with half():
            inside = Model.wrap(module, **space)
        outside = Model.wrap(module, **space)
        assert str(inside.module) == str(outside.module)
        assert inside.memory_format == outside.memory_format

    def test_a_network_that_uses_it_itself_may(self):
        class Half(nn.Module):
            def __init__(self):
                super().__init__()
                self.network, self.seen = toys.of_photos().module, []

            def forward(self, points):
                with half():
                    found = self.network(points)
                self.seen.append(found.dtype)
                return found.float()

        module = Half().eval()
        model = Model("half", module, 48, 48, toys.MEAN, toys.STD, categories=("yes", "no"))
        assert explain(model, photo(model), "gradient", 0).attribution.any()
        assert module.seen == [torch.bfloat16]


PRECISIONS = {
    "default": "pass",
    "high": "torch.set_float32_matmul_precision('high')",
    "medium": "torch.set_float32_matmul_precision('medium')",
    "products": "backends.cuda.matmul.fp32_precision = 'tf32'",
    "convolutions": "backends.cudnn.conv.fp32_precision = 'ieee'",
    "cudnn": "backends.cudnn.fp32_precision = 'ieee'",
    "all quick": "backends.fp32_precision = 'tf32'",
    "all exact": "backends.fp32_precision = 'ieee'",
    "older": "backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32 = True, False",
    "both": "torch.set_float32_matmul_precision('high'); backends.cuda.matmul.fp32_precision = 'ieee'",
}
"""Ways to set the precision of products: torch has old and new ones, which exclude each other in part."""

IN_EACH = """
import os, sys, torch, toys
from torch import backends, nn
from attribution import explain
from attribution.engine.devices import precision

def read(setting):
    try:
        return setting()
    except RuntimeError:
        return "refused"

def settings():
    kinds = (backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn, backends.mkldnn.matmul)
    older = (torch.get_float32_matmul_precision, lambda: kinds[0].allow_tf32, lambda: backends.cudnn.allow_tf32)
    wider = (backends, backends.cudnn, backends.mkldnn)
    return [kind.fp32_precision for kind in (*kinds, *wider)] + [read(setting) for setting in older]

class Looks(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Flatten(), nn.Linear(768, 256), nn.ReLU(), nn.Linear(256, 2))

    def forward(self, points):
        assert "refused" not in settings()
        with backends.cudnn.flags(enabled=False):
            return self.network(points)

def show(start):
    exec(start)
    before = settings()
    model = toys.model(Looks())
    found = explain(model, toys.image(1, (3, 16, 16)).float(), "gradient", 0).attribution
    with precision("tf32", model.device):
        assert "refused" not in settings()
    assert settings() == before, (before, settings())
    print(found.double().square().sum().item(), flush=True)

for start in sys.argv[1:]:
    if not os.fork():
        show(start)
        os._exit(0)
    assert os.wait()[1] == 0, start
"""


def test_any_setting_of_precision_gives_the_same_map_and_stays():
    """In processes of their own: some of these settings cannot be taken back."""
    # A thread that torch has started is not there after a fork.
    own = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path]),
    }
    given = [sys.executable, "-c", IN_EACH, *PRECISIONS.values()]
    run = subprocess.run(given, env=own, capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr
    told = run.stdout.split()
    assert len(told) == len(PRECISIONS)
    assert len(set(told)) == 1


def test_loading_draws_no_random_numbers_of_the_caller(tmp_path):
    names = "efficientnet_lite0", filed(tmp_path, "regnet_y_400mf")
    before = torch.random.get_rng_state()
    for name in names:
        load_model(name, "cpu")
        assert torch.equal(torch.random.get_rng_state(), before), name


def test_random_weights_are_drawn_from_the_callers_numbers():
    with torch.random.fork_rng(devices=[]):
        digests = [build_model("resnet18", None, "cpu").digest for _ in range(2)]
        torch.manual_seed(0)
        seeded = [build_model("resnet18", None, "cpu").digest]
        torch.manual_seed(0)
        seeded += [build_model("resnet18", None, "cpu").digest]
    assert digests[0] != digests[1]
    assert seeded[0] == seeded[1]
