import pytest
from hypothesis import given
from hypothesis import strategies as st

from odus.kit.card_numbers import has_check_digit, masked
from odus.kit.problems import CONFLICT, FieldError, invalid


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("card.4242424242424242", "card.•••• 4242"),
        ("4242 4242 4242 4242 and 3782-822463-10005", "•••• 4242 and •••• 0005"),
        ("x4222222222222y", "x•••• 2222y"),
        ("4242424242424241", "•••• 2424"),  # 15 of its digits could be one
        ("9242424242424241", "9242424242424241"),
        ("metadata.4006381333931", "metadata.4006381333931"),
        ("at most 999999999999, got 999999999999000000", "at most 999999999999, got 999999999999000000"),
        ("2024-03-09T00:00:00.000Z", "2024-03-09T00:00:00.000Z"),
        ("possible here: '4242424242424242 123'", "possible here: '•••• 4242'"),
        ("card.4242424242424242 12", "card.•••• 4242"),
        ("1-4242424242424242-3782 822463 10005, 7", "•••• 4242, 7"),
        (f"not {'9' * 64}, nor {'9' * 65}", f"not {'9' * 64}, nor ••••"),
    ],
)
def test_a_card_number_is_shown_by_its_last_four_digits_and_nothing_else_changes(text: str, shown: str) -> None:
    assert masked(text) == shown


@given(st.text())
def test_a_text_without_digits_stays(text: str) -> None:
    assert masked(text) == text or any(character.isdigit() for character in text)


@given(
    st.from_regex("[2-6][0-9]{11,17}", fullmatch=True), st.text("0123456789 -x", max_size=8), st.text("0123456789 -x")
)
def test_no_number_is_left_whatever_stands_around_it(digits: str, before: str, behind: str) -> None:
    number = next(digits + check for check in "0123456789" if has_check_digit(digits + check))
    assert number not in masked(before + number + behind)


def test_a_check_digit_tells_one_wrong_digit() -> None:
    assert has_check_digit("4242424242424242")
    assert not any(has_check_digit(f"424242424242424{digit}") for digit in "013456789")


def test_no_problem_says_a_card_number() -> None:
    problem = invalid([FieldError("card.4242424242424242", "unknown_field", "not '4242424242424242'")])
    for body in (problem.body("req_1"), CONFLICT("It is 4242424242424242.").body("req_1")):
        assert b"4242424242424242" not in body
        assert "•••• 4242".encode() in body
