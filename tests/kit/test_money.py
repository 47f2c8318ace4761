from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odus.kit import money
from odus.kit.fields import LARGEST_AMOUNT, currencies

known = st.sampled_from(sorted(currencies()))
amounts = st.integers(0, LARGEST_AMOUNT)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (123_450, "usd", "1,234.50 USD"),
        (5, "eur", "0.05 EUR"),
        (0, "usd", "0.00 USD"),
        (1250, "jpy", "1,250 JPY"),
        (1250, "kwd", "1.250 KWD"),
        (-123_450, "usd", "-1,234.50 USD"),
        (LARGEST_AMOUNT, "usd", "9,999,999,999.99 USD"),
    ],
)
def test_an_amount_is_written_in_its_currencys_units(amount: int, currency: str, text: str) -> None:
    assert money.written(amount, currency) == text


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("12.50", "usd", 1250),
        ("12.5", "usd", 1250),
        ("12", "usd", 1200),
        (" 12 ", "usd", 1200),
        ("1,234.50", "usd", 123_450),
        ("1250", "jpy", 1250),
        ("1.25", "kwd", 1250),
        ("0", "usd", 0),
        ("007", "usd", 700),
    ],
)
def test_what_a_person_types_is_read_in_the_currencys_units(text: str, currency: str, amount: int) -> None:
    assert money.read(text, currency) == amount


@given(amounts, known)
def test_what_is_written_is_read_as_the_same_amount(amount: int, currency: str) -> None:
    assert money.read(money.plain(amount, currency), currency) == amount
    assert money.read(money.plain(amount, currency, ","), currency) == amount


@pytest.mark.parametrize(
    ("text", "currency", "told"),
    [
        ("12.505", "usd", "at most 2 digits after the point"),
        ("12.5", "jpy", "no digits after the point"),
        ("1.2345", "kwd", "at most 3 digits after the point"),
        ("", "usd", "such as 1,234.00"),
        ("12,50", "usd", "such as 1,234.00"),
        ("12,50", "jpy", "such as 1,234"),
        ("1,23,456", "usd", "such as 1,234.00"),
        ("-1", "usd", "such as"),
        ("+1", "usd", "such as"),
        ("1e3", "usd", "such as"),
        ("$12", "usd", "such as"),
        ("12.", "usd", "such as"),
        (".5", "usd", "such as"),
        ("NaN", "usd", "such as"),
        ("\u0661", "usd", "such as"),
        ("1" * 100_000, "usd", "such as"),
    ],
)
def test_what_is_no_amount_of_the_currency_is_refused_with_a_sentence(text: str, currency: str, told: str) -> None:
    with pytest.raises(ValueError, match="must ") as caught:
        money.read(text, currency)
    assert told in str(caught.value)


@given(st.text(), known)
def test_no_text_does_more_than_be_refused(text: str, currency: str) -> None:
    with suppress(ValueError):
        assert money.read(text, currency) >= 0


def test_all_currencies_that_have_not_two_digits_are_in_use() -> None:
    others = {code for codes in money.OTHER_DIGITS.values() for code in codes.split()}
    assert others <= currencies()
    assert {money.digits(currency) for currency in currencies()} == {0, 2, 3}
