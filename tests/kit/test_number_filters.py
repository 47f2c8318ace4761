import pytest
from hypothesis import given
from hypothesis import strategies as st

from odus.kit import kinds, lists
from odus.kit.filters import Condition, Field
from odus.kit.lists import Asked, Listing
from odus.kit.problems import Problem

LISTING = Listing(
    table="things",
    columns="id",
    fields=(
        kinds.CREATED_AT,
        Field(name="amount", kind=kinds.AMOUNT, column="amount", indexed="amount", sorted_by="amount"),
        Field(name="active", kind=kinds.FLAG, column="active"),
        Field(name="currency", kind=kinds.CURRENCY, column="currency", folded="currency"),
    ),
)
LARGEST = 2**63 - 1


def asked(parameter: str, value: str) -> Asked:
    return lists.parse(LISTING, {parameter: [value]})


def condition(parameter: str, value: str) -> Condition:
    (found,) = asked(parameter, value).conditions
    return found


def refused(parameter: str, value: str) -> str:
    """Return the code with which a value is refused."""
    with pytest.raises(Problem) as caught:
        asked(parameter, value)
    (error,) = caught.value.errors
    assert error.field == parameter
    return error.code


@given(st.integers(-LARGEST - 1, LARGEST))
def test_every_number_that_the_database_holds_can_be_compared_with(number: int) -> None:
    for operator, sign in {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}.items():
        found = condition(f"amount[{operator}]", str(number))
        assert (found.sql, found.arguments, found.is_served) == (f"amount {sign} {{0}}", (number,), True)


@pytest.mark.parametrize("value", [str(LARGEST + 1), str(-LARGEST - 2), "9" * 30, "-" + "9" * 100_000])
def test_a_number_that_the_database_does_not_hold_is_refused(value: str) -> None:
    assert refused("amount[gte]", value) == "out_of_range"


@pytest.mark.parametrize(
    "value", ["", "x", "1.0", "1e3", " 1", "1 ", "+1", "01", "0x1", "1_0", "true", "\u0661", "1\n"]
)
def test_what_is_no_whole_number_is_refused(value: str) -> None:
    assert refused("amount", value) == "invalid_format"
    assert refused("amount[in]", f"1,{value},2") == "invalid_format"


def test_several_amounts_are_read_one_by_one() -> None:
    assert condition("amount[in]", "1,20,300").arguments == ([1, 20, 300],)
    assert condition("amount[nin]", "1,20").arguments == ([1, 20],)


def test_a_flag_is_true_or_false_and_nothing_else() -> None:
    assert condition("active", "true").arguments == (True,)
    assert condition("active[ne]", "false").arguments == (False,)
    for value in ("", "True", "1", "yes", "null", " true"):
        assert refused("active[eq]", value) == "invalid_value"


@pytest.mark.parametrize("operator", ["like", "gt", "in", "contains"])
def test_a_flag_is_not_compared(operator: str) -> None:
    assert refused(f"active[{operator}]", "true") == "unknown_operator"


def test_a_whole_currency_is_one_in_use_and_a_part_of_one_is_anything() -> None:
    assert condition("currency", "usd").arguments == ("usd",)
    assert condition("currency[like]", "US").arguments == ("us",)
    for value in ("USD", "us", "xxx", "xau", ""):
        assert refused("currency[in]", value) == "invalid_value"


def test_a_walk_by_amount_goes_on_behind_the_last_one() -> None:
    first = lists.parse(LISTING, {"sortBy": ["amount"], "cursor": [""]})
    position = lists.Position(1250, "x")
    token = lists.step_of([], position, LISTING, first).pagination.next_cursor
    assert isinstance(token, str)
    again = lists.parse(LISTING, {"sortBy": ["amount"], "cursor": [token]})
    assert lists.resumed(LISTING, again).after == position
