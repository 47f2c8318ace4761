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
    return f"•••• {digits[-4:]}" if has_check_digit(digits) else run[0]


_RUN = re.compile(r"(?<![0-9])[2-6][0-9](?:[ \u00a0-]?[0-9]){11,17}(?![0-9])")
"""What numbers of cards look like: 13 to 19 digits, of which the first tells the kind of business (ISO/IEC 7812-1)."""

_SEPARATORS = re.compile(r"[^0-9]")
