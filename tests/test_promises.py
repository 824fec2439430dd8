"""What people keep outside the project still works: links and exported scripts of version 0.1.0."""

import by_heart
import numpy as np
import pytest
from skimage import data
from skimage.io import imsave

import attribution
from dashboard.experiment.experiment import Experiment
from dashboard.views.sweep.sweep import parse

# As the export of 0.1.0 wrote it, with few samples.
SCRIPT = '''"""Makes the numbers of this folder again, with the attribution core alone."""

import numpy as np

from attribution import Store, explain, load_image, load_model, perturbation_curve, total_variation_curve
from attribution.explain import curve

METHODS = {'integrated_gradients': {'steps': 2, 'baseline': 'black', 'draws': 1, 'rule': 'right', 'seed': 0}, 'smoothgrad': {'sigma': 0.5, 'samples': 2, 'seed': 0}, 'agi': {'classes': 2, 'steps': 1}}
CURVES = ('abpc',)

model = load_model('efficientnet_lite0')
x = model.prepare(load_image("photo.png"))
store = Store()  # what two methods look at is evaluated once
for method, knobs in METHODS.items():
    done = explain(model, x, method, 282, store=store, **knobs)
    fall = perturbation_curve(model, x, done.attribution, 282, window=15, regions=30, draws=1,
                             seed=0)
    print(method, f"AUPC {fall.area:.4f}", f"AUTVC {total_variation_curve(done.attribution).area:.4f}")
    for name in CURVES:
        print(method, name, f"{curve(model, x, done.attribution, name, 282).area:.4f}")
    np.save(f"{method}-again.npy", done.attribution.cpu().numpy())
'''  # noqa: E501


def test_an_exported_script_runs(tmp_path, monkeypatch, capsys):
    """With a small network of this name: what the embedded one computes is no promise of a script."""
    monkeypatch.setattr(attribution, "load_model", lambda name: {by_heart.EMBEDDED: by_heart.model}[name]())
    imsave(tmp_path / "photo.png", data.cat(), check_contrast=False)
    monkeypatch.chdir(tmp_path)
    exec(SCRIPT, {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        m for m in ("integrated_gradients", "smoothgrad", "agi") for _ in "ab"
    ]
    assert np.load(tmp_path / "agi-again.npy").shape == (3, 224, 224)


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        ({}, Experiment()),
        (
            {"img": "coffee", "model": "resnet18", "cls": "504", "sigma": "0.35", "r": "200", "m": "100", "n": "7"},
            Experiment("coffee", "resnet18", 504, 0.35, 200, 100, draws=7),
        ),
        (
            {"base": "uniform", "rule": "trapezoid", "seed": "42", "eval": "paper"},
            Experiment(baseline="uniform", rule="trapezoid", seed=42, evaluation="paper"),
        ),
        (
            {"methods": "left_ig,idg", "own": "idg.sampling:uniform,left_ig.phi:0.8", "curves": "insertion,abpc"},
            Experiment(
                methods=("left_ig", "idg"),
                own=(("idg", "sampling", "uniform"), ("left_ig", "phi", 0.8)),
                curves=("abpc", "insertion"),
            ),
        ),
        ({"own": "smoothgrad.antithetic:True"}, Experiment(own=(("smoothgrad", "antithetic", True),))),
    ],
)
def test_a_link_opens_its_experiment(link, wanted):
    assert Experiment.from_query(link) == wanted
    assert Experiment.from_query(wanted.to_query()) == wanted


@pytest.mark.parametrize(
    "text", ["smooth_taylor:sigma=0.3/0.5/0.7,samples=100/150/200", "integrated_gradients:baseline=black/white"]
)
def test_a_link_opens_its_sweep(text):
    assert parse(text).text == text
