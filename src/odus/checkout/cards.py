"""Cards: what a payer types into the form, and what is wrong with it.

Number and security code are read, checked and passed on. They are never part of what a page is rendered with.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec

from odus.gateways import cards
from odus.kit.pages import Form
from odus.kit.times import earliest_today
from odus.payments.model import CardSent

LONGEST_NAME = 255

MESSAGES = {
    "number": {"missing": "Enter the card number.", "wrong": "This is not a card number. Check its digits."},
    "expiry": {
        "missing": "Enter when the card expires.",
        "wrong": "Enter month and year as they stand on the card, such as 04 / 29.",
        "past": "This card has expired.",
    },
    "cvc": {
        "missing": "Enter the security code.",
        "wrong": "The security code has 3 digits, on American Express 4.",
    },
    "name": {
        "missing": "Enter the name on the card.",
        "wrong": f"Enter the name as it stands on the card, in {LONGEST_NAME} characters at most.",
    },
}
"""What can be wrong with each field, as the script and the server say it."""


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """What of a form may be shown again, and what was wrong with it."""

    name: str = ""
    expiry: str = ""
    saves: bool = True
    errors: Mapping[str, str] = {}
    status: int = 200


def typed(form: Form) -> Typed:
    """Return what may be shown of a form, with all that is wrong with it; 400 where something is."""
    errors = {field: MESSAGES[field][what] for field, what in _errors(form)}
    return Typed(
        name=_shown(form.text("name")[:LONGEST_NAME]),
        expiry=_shown(form.text("expiry")[:LONGEST_EXPIRY]),
        saves="save" in form,
        errors=errors,
        status=400 if errors else 200,
    )


LONGEST_EXPIRY = 20


def _shown(text: str) -> str:
    """Return what may be shown again of a text: nothing where the card's number was typed in its place."""
    return "" if cards.stands_in(text) else text


def card(form: Form) -> CardSent:
    """Return the card of a form in which nothing is wrong."""
    year, month = _expiry(form.text("expiry")) or (0, 0)
    return CardSent(
        number=cards.digits(form.text("number")),
        exp_month=f"{month:02}",
        exp_year=f"{year:04}",
        cvc=form.text("cvc").strip(),
        cardholder_name=form.text("name").strip(),
    )


def _errors(form: Form) -> Iterator[tuple[str, str]]:
    number, code, name = cards.digits(form.text("number")), form.text("cvc").strip(), form.text("name").strip()
    expiry, today = _expiry(form.text("expiry")), earliest_today()
    if not cards.is_number(number):
        yield "number", "wrong" if number else "missing"
    if expiry is None:
        yield "expiry", "wrong" if form.text("expiry").strip() else "missing"
    elif expiry < (today.year, today.month):
        yield "expiry", "past"
    if not cards.is_code(code, number):
        yield "cvc", "wrong" if code else "missing"
    if not 1 <= len(name) <= LONGEST_NAME or "\0" in name or cards.stands_in(name):
        yield "name", "wrong" if name else "missing"


def _expiry(text: str) -> tuple[int, int] | None:
    """Return year and month, typed as `04 / 29`, `4/2029`, `0429`, or as browsers fill it in, `2029-04`."""
    for pattern in _EXPIRIES:
        if found := pattern.fullmatch(text.strip()):
            month, year = int(found["month"]), int(found["year"])
            return (year % 100 + 2000, month) if 1 <= month <= 12 else None  # noqa: PLR2004 - months
    return None


_EXPIRIES = (
    re.compile(r"(?P<year>20[0-9]{2})\s*[-/.]\s*(?P<month>[0-9]{1,2})", re.ASCII),
    re.compile(r"(?P<month>[0-9]{1,2})\s*[-/. ]\s*(?P<year>(20)?[0-9]{2})", re.ASCII),
    re.compile(r"(?P<month>[0-9]{1,2})(?P<year>(20)?[0-9]{2})", re.ASCII),
)
