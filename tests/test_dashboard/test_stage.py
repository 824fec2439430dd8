"""What is sent to the stage."""

import numpy as np

from dashboard.live.frames import map_message


def test_a_pinned_map_is_the_live_map():
    """A pin keeps float32, a live map is float64. Halves of both must not be rounded differently."""
    values = np.random.default_rng(0).standard_normal((400, 400))
    assert map_message("map", values) == map_message("map", values.astype(np.float32))
