"""What a first visitor sees."""

from dashboard.experiment.experiment import Experiment

FIRST = Experiment(image="rocket")
"""The default experiment, on a sample photo where its maps differ and most of them are clearly below random orders.

`python tests/first_photo.py` measures all of them; docs/pages.md has the table.

A link without a photo still means the photo of `Experiment()`: links are promises.
"""
