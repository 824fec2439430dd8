"""The random order, which uses neither the photo nor the model. Compare every curve with it.

It is a weak control. Others, which look at no model either, are methods: `edges`, `centre` and `blurred_noise`.
"""

from attribution.engine.random_numbers import Purpose, uniform
from attribution.types import Heatmap

RANDOM = "random_order"
RANDOM_TITLE = "Random order"


def random_order(height: int, width: int, seed: int = 0) -> Heatmap:
    """A map of uniform noise, (height, width): a random ranking of the pixels."""
    return uniform(Purpose.ORDER, seed, 0, (height, width))
