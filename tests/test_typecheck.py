"""The checks of types and shapes while tests run: what is wrong in the core does not pass unseen."""

import jaxtyping
import pytest
import torch
import toys
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import Float, TypeCheckError
from torch import Tensor
from typecheck import light, shaped

from attribution import explain
from attribution.agreement import agreement
from attribution.engine.accumulate import accumulate
from attribution.engine.score import ClassScore
from attribution.heatmaps import reduce_channels
from attribution.registry import METHODS, Cost
from attribution.types import Partial

WRONG = (BeartypeCallHintViolation, TypeCheckError)
Size = Float[Tensor, " n"]
PLANE = torch.zeros(4, 5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: METHODS["gradient"].cost(3),
        lambda: Cost("many"),
        lambda: agreement(PLANE),
        lambda: Partial(PLANE, 1, 1, 0, 0),
        lambda: Partial.of(PLANE, torch.zeros(3, 4, 6), 0),
        lambda: ClassScore(toys.linear(), 0).values(PLANE),
        lambda: next(accumulate(ClassScore(toys.linear(), 0), PLANE, None, None)),
    ],
    ids=["type", "field", "shape", "shape of a field", "sizes", "method", "generator"],
)
def test_what_is_not_declared_is_refused(call):
    with pytest.raises(WRONG):
        call()


def test_a_whole_number_is_a_number():
    assert explain(toys.linear(), toys.image(), "smoothgrad", 0, samples=2, sigma=1).complete


class TestLight:
    def test_sizes_with_equal_names_are_equal_within_a_call_alone(self):
        @light
        def half(x: Size, y: Size) -> Size:
            return x if len(x) < 3 else x[1:]

        one, two, three = (torch.zeros(n) for n in (1, 2, 3))
        assert half(two, two) is two
        assert half(one, one) is one
        with pytest.raises(WRONG):
            half(one, two)
        with pytest.raises(WRONG):
            half(three, three)

    def test_sizes_of_a_call_within_are_its_own(self):
        @light
        def within(x: Size) -> int:
            return len(x)

        @light
        def around(x: Size) -> int:
            return within(torch.zeros(5)) + len(x)

        assert around(torch.zeros(2)) == 7

    @pytest.mark.parametrize(
        "hint", [Float[Tensor, " n"], Float[Tensor, ""] | None, tuple[int, Float[Tensor, " n"]], "X"]
    )
    def test_where_there_is_a_shape_it_is_seen(self, hint):
        assert shaped(hint)
        assert not shaped(dict[str, int | None])


def test_the_core_is_checked_by_it():
    assert jaxtyping.jaxtyped.__module__ == "typecheck"
    assert reduce_channels.__code__.co_name == "scoped"
