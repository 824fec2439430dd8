"""What a first visitor sees."""

from dashboard.experiment.experiment import Experiment

FIRST = Experiment(image="coffee")
"""The default experiment, on the sample photo where it shows most. `python tests/first_photo.py` measures all of them.

A link without a photo still means the photo of `Experiment()`: links are promises.
"""
