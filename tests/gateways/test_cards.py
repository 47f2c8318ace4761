import pytest
from hypothesis import given
from hypothesis import strategies as st

from odus.gateways import cards
from odus.gateways.sandbox import CARDS

BRANDS = {
    "visa": ("4242424242424242", "4222222222222", "4000000000000002", "4100000000000019"),
    "mastercard": ("5555555555554444", "2223003122003222", "2720992593319364", "5105105105105100"),
    "amex": ("378282246310005", "371449635398431"),
    "discover": ("6011111111111117", "6511111111111112", "6445644564456445"),
    "diners": ("30569309025904", "36227206271667", "38520000023237"),
    "jcb": ("3566002020360505", "3528000000000007"),
    "unionpay": ("6205500000000000004", "6200000000000005"),
    "unknown": ("9792030394440796", "6759649826438453"),
}
NUMBERS = [(brand, number) for brand, numbers in BRANDS.items() for number in numbers]


@pytest.mark.parametrize(("brand", "number"), NUMBERS)
def test_a_number_is_known_by_its_first_digits_and_its_check_digit(brand: str, number: str) -> None:
    assert cards.brand(number) == brand
    assert cards.is_number(number)
    for digit in set("0123456789") - {number[-1]}:
        assert not cards.is_number(number[:-1] + digit)


@pytest.mark.parametrize(("brand", "number"), NUMBERS)
def test_a_code_is_as_long_as_its_brands_are(brand: str, number: str) -> None:
    lengths = {"amex": {4}, "unknown": {3, 4}}.get(brand, {3})
    assert {length for length in range(8) if cards.is_code("1" * length, number)} == lengths


def test_every_card_of_the_sandbox_is_one() -> None:
    assert all(cards.is_number(number) for number in CARDS)


@given(st.integers(0, 10**15 - 1))
def test_of_ten_numbers_that_differ_in_the_last_digit_one_is_right(start: int) -> None:
    numbers = [f"9{start:015}"[:15] + str(digit) for digit in range(10)]
    assert [cards.is_number(number) for number in numbers].count(True) == 1


@given(st.lists(st.sampled_from("4242424242424242"), min_size=16, max_size=16), st.data())
def test_spaces_and_dashes_are_taken_out(written: list[str], data: st.DataObject) -> None:
    gaps = data.draw(st.lists(st.sampled_from(["", " ", "-", "\u00a0", " - "]), min_size=16, max_size=16))
    assert cards.digits("".join(digit + gap for digit, gap in zip(written, gaps, strict=True))) == "".join(written)


@pytest.mark.parametrize(
    "text",
    ["", "0", "4242", "424242424242424", "42424242424242426", "4242 4242 4242 4242", "x" * 16, "\u0664" * 16, "4" * 99],
)
def test_anything_else_is_no_number(text: str) -> None:
    assert not cards.is_number(text)


@pytest.mark.parametrize("code", ["", "12", "abc", "\u0661\u0662\u0663", "12 ", "-12", "1.2"])
def test_anything_else_is_no_code(code: str) -> None:
    assert not cards.is_code(code, "4242424242424242")


@given(st.text(max_size=30), st.text(max_size=6))
def test_no_text_makes_a_fault(number: str, code: str) -> None:
    found = cards.is_number(cards.digits(number))
    assert not found or cards.digits(number).isascii()
    cards.is_code(code, number)
    assert cards.brand(number) in {*cards.BRANDS, "unknown"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("Jane Doe", False),
        ("", False),
        ("Agent 007, born 1990-05-17", False),
        ("4242424242424242", True),
        ("Jane 4242 4242-4242\u00a04241 Doe", True),
        ("Jane 4242.4242.4242.4242", True),
        ("4242  4242 / 4242 _ 4242", True),
        ("\uff14\uff12" * 8, True),
        ("\u0664\u0662" * 8, True),
        ("42 a 42 b 42 c 42 d 42 e 42 f 42", False),
    ],
)
def test_a_name_that_holds_a_number_is_none(text: str, holds: bool) -> None:  # noqa: FBT001 - a case
    assert cards.stands_in(text) is holds
