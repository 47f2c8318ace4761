from hypothesis import given
from hypothesis import strategies as st

from odus.kit.filters import escaped, split

values = st.text(st.sampled_from("a,\\ é"), max_size=8)


@given(st.lists(values, min_size=1, max_size=5))
def test_values_that_are_escaped_and_joined_by_commas_are_the_same_once_split(each: list[str]) -> None:
    assert split(",".join(map(escaped, each))) == each


def test_a_backslash_before_anything_else_is_one() -> None:
    assert split(r"a\b,c\,d\\") == [r"a\b", "c,d\\"]
