"""What is sent to the linked viewer."""

import numpy as np

from dashboard.stage import viewer


def test_a_pinned_map_is_the_live_map():
    """A pin keeps float32, a live map is float64. Halves of both must not be rounded differently."""
    values = np.random.default_rng(0).standard_normal((400, 400))
    photo = (viewer.Labels("Photo", "", "", ""), np.zeros((400, 400, 3), np.uint8))
    live, pinned = (
        viewer.pack(photo, [(viewer.Labels("Map", "", "", ""), held)], {})
        for held in (values, values.astype(np.float32))
    )
    assert live == pinned
