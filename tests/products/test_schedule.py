from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odus.kit.fields import Currency
from odus.kit.problems import Problem
from odus.products.model import BillingScheduleSent, CycleDefinitionSent, PriceCreate, schedule


def _price(positions: list[int]) -> PriceCreate:
    cycles = [
        CycleDefinitionSent(position=position, amount=position * 100, interval_unit="month", interval_value=1)
        for position in positions
    ]
    return PriceCreate(
        product="prod_x",
        name="Monthly",
        type="recurring",
        currency=Currency("usd"),
        billing_schedule=BillingScheduleSent(cycle_definitions=cycles),
    )


@settings(deadline=None)
@given(st.integers(1, 20).flatmap(lambda count: st.permutations(range(1, count + 1))))
def test_positions_from_1_without_gaps_are_taken_in_any_order_and_stored_sorted(positions: list[int]) -> None:
    stored = schedule(_price(positions))
    assert stored is not None
    assert [step.position for step in stored.cycle_definitions] == sorted(positions)
    assert all(step.amount == step.position * 100 for step in stored.cycle_definitions)


@settings(deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=20))
def test_positions_with_a_gap_or_twice_are_refused_each_by_its_place(positions: list[int]) -> None:
    if sorted(positions) == list(range(1, len(positions) + 1)):
        assert schedule(_price(positions)) is not None
        return
    with pytest.raises(Problem) as caught:
        schedule(_price(positions))
    wrong = {int(error.field.partition("[")[2].partition("]")[0]) for error in caught.value.errors}
    right = [position for index, position in enumerate(positions) if index not in wrong]
    assert len(right) == len(set(right))
    assert wrong
    with suppress(ValueError):
        assert max(right) <= len(positions)
