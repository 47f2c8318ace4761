"""Card numbers: where one stands in a text that is not meant for it, so that it is neither kept nor said again."""

import re


def has_check_digit(digits: str) -> bool:
    """Tell whether digits end in the right check digit (Luhn, ISO/IEC 7812-1)."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0  # noqa: PLR2004 - two digits


def masked(text: str) -> str:
    """Return a text in which no card number can be read but for its last four digits."""
    return _RUN.sub(_mask, text)


def _mask(run: re.Match[str]) -> str:
    digits = _SEPARATORS.sub("", run[0])
    if len(digits) > LONGEST_RUN:
        return "••••"
    parts = (digits[start : start + length] for length in LENGTHS for start in range(len(digits) - length + 1))
    number = next((part for part in parts if part[0] in FIRST_DIGITS and has_check_digit(part)), None)
    return run[0] if number is None else f"•••• {number[-4:]}"


LENGTHS = (16, 15, 19, 18, 17, 14, 13)
"""How many digits numbers of cards have, the usual ones first."""
FIRST_DIGITS = "23456"
"""What numbers of payment cards start with: the kind of business (ISO/IEC 7812-1)."""
LONGEST_RUN = 64
"""Digits in a row in which a number is looked for; more are not said at all."""

_RUN = re.compile(r"[0-9](?:[ \u00a0-]?[0-9]){12,}")
"""Where a number can be, with other digits before or behind it, such as a security code: all of that is hidden."""

_SEPARATORS = re.compile(r"[^0-9]")
