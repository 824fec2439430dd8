"""Controls: maps that look at neither the photo nor the model. Every curve is compared with them."""

from attribution.engine.random_numbers import Purpose, uniform
from attribution.types import Heatmap

RANDOM = "random_order"
RANDOM_TITLE = "Random order"


def random_order(height: int, width: int, seed: int = 0) -> Heatmap:
    """A map whose values are uniform noise: it ranks the pixels at random."""
    return uniform(Purpose.ORDER, seed, 0, (height, width))
