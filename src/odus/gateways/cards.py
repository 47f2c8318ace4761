"""Cards: what can be told from a number alone."""

import re
import unicodedata

from odus.kit.card_numbers import has_check_digit

BRANDS = {
    "visa": ("^4", (13, 16, 19), 3),
    "mastercard": ("^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)", (16,), 3),
    "amex": ("^3[47]", (15,), 4),
    "discover": ("^(6011|65|64[4-9])", (16, 19), 3),
    "diners": ("^(36|38|30[0-5])", (14, 16, 19), 3),
    "jcb": ("^(352[89]|35[3-8])", (16, 19), 3),
    "unionpay": ("^62", (16, 17, 18, 19), 3),
}
"""Each brand's first digits, how long its numbers are, and how many digits its security code has (ISO/IEC 7812)."""

NAMES = {
    "visa": "Visa",
    "mastercard": "Mastercard",
    "amex": "Amex",
    "discover": "Discover",
    "diners": "Diners",
    "jcb": "JCB",
    "unionpay": "UnionPay",
    "unknown": "Card",
}
"""What people call each brand."""


def digits(number: str) -> str:
    """Return a number without the spaces and dashes that people write in it."""
    return re.sub(r"[ \u00a0-]", "", number)


def brand(number: str) -> str:
    """Return the brand of a number, or `unknown`."""
    return next((name for name, (start, _, _) in BRANDS.items() if re.match(start, number)), "unknown")


def is_number(number: str) -> bool:
    """Tell whether digits can be a card's number: as long as its brand's are, with the right check digit (Luhn)."""
    if re.fullmatch("[0-9]{12,19}", number) is None:
        return False
    name = brand(number)
    if name != "unknown" and len(number) not in BRANDS[name][1]:
        return False
    return has_check_digit(number)


def stands_in(text: str) -> bool:
    """Tell whether a text, such as a name, holds as many digits in a row as a number does, a misspelled one too.

    Whatever is neither letter nor digit may stand between them, and digits may be of any script.
    """
    plain = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text)))
    return re.search(r"\d{12}", plain) is not None


def is_code(code: str, number: str) -> bool:
    """Tell whether digits can be the security code of a card with this number."""
    name = brand(number)
    lengths = (BRANDS[name][2],) if name != "unknown" else (3, 4)
    return re.fullmatch("[0-9]+", code) is not None and len(code) in lengths
