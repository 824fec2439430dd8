"""Whatever the caller has set in torch: results are the same, and afterwards it is set as before."""

from dataclasses import replace

import PIL.Image
import pytest
import torch
import torchvision.models
import toys
from skimage import data
from torch import nn

from attribution import METHODS, METRICS, Store, curve, explain
from attribution.models import Model
from attribution.registry import curves

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


def network() -> Model:
    """In batches of one size: a result then depends on its point alone, bit for bit."""
    return toys.in_batches_of(4, replace(toys.of_photos(), module=sharp().requires_grad_(False)))


def photo(model: Model) -> torch.Tensor:
    return model.prepare(PIL.Image.fromarray(data.cat()))


def half() -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16)


class TestAutocast:
    @pytest.mark.parametrize("name", METHODS)
    def test_maps_are_the_same(self, name):
        model = network()
        x = photo(model)
        knobs = {knob: 3 for knob in ("samples", "steps", "images", "classes") if knob in METHODS[name].knobs}
        if "baseline" in METHODS[name].knobs:
            knobs["baseline"] = "blurred"
        store = Store()
        with half():
            inside = explain(model, x, name, SHARP, store=store, **knobs).attribution
        outside = explain(model, x, name, SHARP, **knobs).attribution
        assert inside.dtype == outside.dtype == torch.float32
        assert torch.equal(inside, outside)
        assert torch.equal(explain(model, x, name, SHARP, store=store, **knobs).attribution, outside)

    @pytest.mark.parametrize("name", curves())
    def test_curves_are_the_same(self, name):
        model = network()
        x = photo(model)
        h = explain(model, x, "gradient", SHARP).attribution
        few = {"draws": 2} if "draws" in METRICS[name].knobs else {}
        with half():
            inside = curve(model, x, h, name, SHARP, **few)
        outside = curve(model, x, h, name, SHARP, **few)
        assert outside.y.any()
        assert (inside.y == outside.y).all()

    def test_predictions_are_the_same(self):
        model = network()
        with half():
            inside = model.predict(photo(model))
        assert inside == model.predict(photo(model))

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
