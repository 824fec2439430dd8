"""A difference is spoken of only where it is larger than its noise."""

from dataclasses import replace

import numpy as np
import pytest
import toys

from attribution.controls import Band
from attribution.types import Curve, Partial
from dashboard.views.compare.verdicts import UNKNOWN, headline, verdict
from dashboard.work.panel import CONTROL, PERTURBATION, VARIATION, Cell, CurveKey, Panel, Snapshot
from dashboard.work.scheduler import View

ORDERS = (24.0, 25.0, 25.0, 26.0, 24.0, 26.0, 24.5, 25.5)
"""Their mean is 25 and their standard deviation 0.8: an area below 23 is told apart from them, two that differ by 2.7
from each other."""
NAMES = ("integrated_gradients", "smoothgrad", "smooth_taylor")


def cell(method, metric, curve):
    panel = Panel(method, "photo", "toy", 0)
    return Cell(panel, View("done"), ((CurveKey(panel, metric), View("done", curve)),))


def cells(*areas, orders=ORDERS, metric=PERTURBATION, note=""):
    x = np.arange(31.0)
    maps = [cell(name, metric, Curve(x, np.full(31, area / 30))) for name, area in zip(NAMES, areas, strict=False)]
    return [*maps, cell(CONTROL, metric, Band.of([Curve(x, np.full(31, 25 / 30), note)], orders, 1.0))]


def test_what_is_below_all_noise_is_said_to_be():
    assert verdict(cells(15, 20), PERTURBATION) == (
        "AUPC: Integrated Gradients 15.00, SmoothGrad 20.00; 8 random orders 25.00 ± 0.80: all are clearly below them "
        "on this photo."
    )
    assert headline(cells(15, 20)) == (
        "On this photo Integrated Gradients 15.0, SmoothGrad 20.0 have a lower AUPC than random orders (25.0 ± 0.8)."
    )


def test_what_is_lower_by_less_than_its_noise_is_not_told_apart():
    assert "none is clearly below them" in verdict(cells(24.0), PERTURBATION)
    assert headline(cells(24.0)) == "On this photo no map has a clearly lower AUPC than random orders (25.0 ± 0.8)."
    assert "1 of 2 are clearly below" in verdict(cells(20, 24.0), PERTURBATION)
    assert headline(cells(20, 24.0)).endswith("(25.0 ± 0.8). SmoothGrad is not told apart from them.")


def test_noisier_orders_hide_the_same_difference():
    wild = tuple(25 + 4 * (area - 25) for area in ORDERS)
    assert "all are clearly below" in verdict(cells(20), PERTURBATION)
    assert "none is clearly below" in verdict(cells(20, orders=wild), PERTURBATION)


def test_maps_that_differ_by_less_than_their_noise_are_not_ordered():
    assert "ot told apart" not in verdict(cells(15, 18), PERTURBATION)
    assert verdict(cells(15, 17), PERTURBATION).endswith(" Not told apart: Integrated Gradients and SmoothGrad.")
    for told in (verdict(cells(15, 21, 22), PERTURBATION), headline(cells(15, 21, 22))):
        assert told.endswith(" Not told apart: SmoothGrad and SmoothTaylor.")
    told = verdict(cells(20, 21, 22), PERTURBATION)
    assert told.endswith("Their order says nothing: none is told apart from another.")


@pytest.mark.parametrize("areas", [(20, 22, 24), (14, 16, 18)])
def test_an_order_whose_ends_are_told_apart_says_something(areas):
    told = verdict(cells(*areas), PERTURBATION)
    assert "says nothing" not in told
    assert told.endswith("neighbours are not told apart; Integrated Gradients and SmoothTaylor are.")
    assert "says nothing" not in headline(cells(*areas))


@pytest.mark.parametrize("metric", ["insertion", "deletion", "abpc"])
def test_where_chance_is_not_known_maps_are_not_ordered(metric):
    """The curve itself has no chance, but its map can have: another seed of a method gives another map."""
    for areas in ((0.50, 0.90), (0.90, 0.50)):
        told = verdict(cells(*areas, metric=metric, orders=(0.3, 0.31)), metric)
        assert f"Integrated Gradients {areas[0]:.3f}, SmoothGrad {areas[1]:.3f}; " in told, "as they stand on the page"
        assert told.endswith(UNKNOWN)
    assert UNKNOWN not in verdict(cells(0.5, metric=metric, orders=(0.3, 0.31)), metric), "there is nothing to order"


@pytest.mark.parametrize("metric", ["sic", "aic"])
def test_a_random_start_is_in_the_random_orders(metric):
    """Each order has a start of its own, so what they differ by holds the chance of the start."""
    orders = (0.30, 0.32, 0.31, 0.30, 0.32, 0.31, 0.30, 0.32)
    assert "ot told apart" not in verdict(cells(0.8, 0.5, metric=metric, orders=orders), metric)
    assert "Not told apart: " in verdict(cells(0.51, 0.5, metric=metric, orders=orders), metric)
    assert verdict(cells(0.8, 0.5, metric=metric, orders=(0.3,) * 8), metric).endswith(UNKNOWN), "steps can be equal"


def test_more_insertion_is_better_and_more_deletion_is_not():
    orders = (0.5, 0.5, 0.51)
    assert "all are clearly above" in verdict(cells(0.8, metric="insertion", orders=orders), "insertion")
    assert "none is clearly below" in verdict(cells(0.8, metric="deletion", orders=orders), "deletion")


def test_one_order_tells_nothing_apart():
    assert "none is clearly below" in verdict(cells(1.0, orders=(25.0,)), PERTURBATION)


@pytest.mark.parametrize(("metric", "area", "order"), [(PERTURBATION, 24.999, 25.0), ("abpc", 0.001, 0.0)])
def test_orders_that_all_have_one_area_do_not_say_how_far_chance_goes(metric, area, order):
    found = cells(area, orders=(order,) * 8, metric=metric)
    assert "none is clearly" in verdict(found, metric)
    if metric == PERTURBATION:
        assert headline(found).startswith("On this photo no map has a clearly lower AUPC than random orders (25.0 ± 0")


def test_a_map_that_is_worse_than_random_is_not_called_alike():
    assert "told apart" not in headline(cells(15, 29))


BLANK = "the map is blank"


def noted(found, k, note=BLANK):
    """The cells, of which the k-th has a curve with a note."""
    one = found[k]
    found[k] = cell(one.panel.method, PERTURBATION, replace(one.view(PERTURBATION).snapshot, note=note))
    return found


def test_an_area_with_a_note_is_not_compared():
    found = noted(cells(15, 20), 0)
    assert headline(found) == (
        "On this photo SmoothGrad 20.0 has a lower AUPC than random orders (25.0 ± 0.8). "
        "Not compared: Integrated Gradients (the map is blank)."
    )
    assert verdict(found, PERTURBATION) == (
        "AUPC: Integrated Gradients 15.00, SmoothGrad 20.00; 8 random orders 25.00 ± 0.80: 1 of 2 are clearly below "
        "them on this photo. Not compared: Integrated Gradients (the map is blank)."
    )


def test_of_a_photo_with_a_negative_score_nothing_is_compared():
    why = "the score of the photo is negative (-2.8): do not compare this area with others"
    found = noted(noted(cells(15, 20), 0, why), 1, why)
    end = f"Not compared: Integrated Gradients and SmoothGrad ({why})."
    assert headline(found) == f"On this photo no AUPC is compared. {end}"
    listed = "AUPC: Integrated Gradients 15.00, SmoothGrad 20.00; 8 random orders 25.00 ± 0.80."
    assert verdict(found, PERTURBATION) == f"{listed} {end}"


LITTLE = "the score of the photo is near 0 (0.17): do not compare this area with others"


@pytest.mark.parametrize(
    "found",
    [
        cells(15, 20, note=LITTLE),
        noted(cells(15, 20), 0, LITTLE),
        noted(cells(15, 20), 1, LITTLE),
        cells(15, 20, note="only 28 of 30 regions of 15x15 fit"),
    ],
)
def test_what_one_curve_says_of_the_photo_or_the_orders_say_holds_for_all_maps(found):
    """Only some curves may move far enough to show that the score is near 0."""
    assert headline(found).startswith("On this photo no AUPC is compared. Not compared: Integrated Gradients and ")
    assert "clearly" not in verdict(found, PERTURBATION)


def test_of_a_photo_with_a_score_near_zero_a_blank_map_is_still_called_blank():
    found = noted(cells(15, 20, note=LITTLE), 0)
    for said in (headline(found), verdict(found, PERTURBATION)):
        assert said.endswith(f"Integrated Gradients (the map is blank). Not compared: SmoothGrad ({LITTLE}).")


@pytest.mark.parametrize("missing", [0, -1])
def test_nothing_is_said_before_all_is_there(missing):
    found = cells(15, 20)
    one = found[missing]
    found[missing] = Cell(one.panel, one.map, tuple((key, View("running", view.snapshot)) for key, view in one.curves))
    assert headline(found) == ""


def test_the_roughness_of_maps_has_no_control():
    whole = Partial(toys.image(), 1, 1, 1, 0)
    snapshot = Snapshot(whole, {VARIATION: Curve(np.arange(3.0), np.ones(3))})
    one = Cell(Panel("smoothgrad", "photo", "toy", 0), View("done", snapshot))
    assert verdict([], VARIATION) == "Areas are shown when the maps are complete."
    assert verdict([one], VARIATION) == "AUTVC: SmoothGrad 2.00."
    other = Cell(Panel("smooth_taylor", "photo", "toy", 0), one.map)
    assert verdict([one, other], VARIATION) == f"AUTVC: SmoothGrad 2.00, SmoothTaylor 2.00.{UNKNOWN}"
