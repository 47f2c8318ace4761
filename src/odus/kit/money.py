"""Money: whole numbers of a currency's minor unit, as people write and read them."""

import re

TWO_DIGITS = 2

OTHER_DIGITS = {
    0: "bif clp djf gnf isk jpy kmf krw pyg rwf ugx vnd vuv xaf xof xpf",
    3: "bhd iqd jod kwd lyd omr tnd",
}
"""The currencies that have not two digits after the point (ISO 4217, list one). Only codes of funds have four."""


def digits(currency: str) -> int:
    """Return how many digits a currency has after the point."""
    return _DIGITS.get(currency, TWO_DIGITS)


_DIGITS = {currency: number for number, currencies in OTHER_DIGITS.items() for currency in currencies.split()}


def written(amount: int, currency: str) -> str:
    """Write an amount for people, such as `1,234.50 USD`."""
    return f"{plain(amount, currency, ',')} {currency.upper()}"


def plain(amount: int, currency: str, separator: str = "") -> str:
    """Write an amount without its currency, as `read` takes it; `separator` stands between groups of digits."""
    places = digits(currency)
    whole, part = divmod(abs(amount), 10**places)
    sign = "-" if amount < 0 else ""
    groups = f"{whole:,}".replace(",", separator)
    return f"{sign}{groups}.{part:0{places}}" if places else f"{sign}{groups}"


def read(text: str, currency: str) -> int:
    """Read what a person typed, `12.50` or `1,234.50`; raises `ValueError` for what is no amount of the currency."""
    places = digits(currency)
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"must be a number such as {plain(1234 * 10**places, currency, ',')}")
    part = match[2] or ""
    if len(part) > places:
        raise ValueError(f"must have {_most(places)}, as {currency.upper()} has no smaller unit")
    return int(match[1].replace(",", "") + part.ljust(places, "0"))


_AMOUNT = re.compile(r"([0-9]{1,20}|[0-9]{1,3}(?:,[0-9]{3}){1,5})(?:\.([0-9]{1,20}))?", re.ASCII)


def _most(places: int) -> str:
    return f"at most {places} digits after the point" if places else "no digits after the point"
