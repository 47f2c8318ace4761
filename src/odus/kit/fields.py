"""Fields: the kinds of text that the API takes, each with its own check."""

import re
import zoneinfo
from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import (
    Annotated,
    Any,  # pycountry says no type of a currency's code
    Self,
    cast,  # the same
)

import email_validator
import phonenumbers
import pycountry
from email_validator import EmailNotValidError, validate_email
from msgspec import Meta
from phonenumbers import PhoneNumberFormat, ValidationResult

from odus.kit.bodies import Parsed
from odus.kit.times import today_anywhere

END = r"$(?!\n)"
"""How the pattern of a text ends that takes no line end. As Python reads it, `$` stands before a last line end too; in
ECMA, the dialect of JSON Schema, it does not. This is the very end in both."""

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL's text holds every character but NUL, so no text here takes it."""

Text255 = Annotated[str, Meta(max_length=255, pattern=NO_NUL)]
Text500 = Annotated[str, Meta(max_length=500, pattern=NO_NUL)]

LARGEST_AMOUNT = 999_999_999_999
Amount = Annotated[int, Meta(ge=1, le=LARGEST_AMOUNT)]
"""Money in the minor unit of its currency."""
AmountOrNothing = Annotated[int, Meta(ge=0, le=LARGEST_AMOUNT)]

email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()
"""Reserved domains are fine (api.md §6); this is the library's own way to say so."""

FIRST_BIRTH_YEAR = 1900
LONGEST_PHONE_NUMBER = 1 + 15  # E.164: a plus and 15 digits
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 256
LONGEST_DESCRIPTOR = 22
DESCRIPTOR = "[0-9 .,*&/+#-]*[A-Za-z][A-Za-z0-9 .,*&/+#-]*"
LONGEST_EMAIL = 254  # RFC 5321 §4.5.3.1.3: a path of 256 with its angle brackets


class Email(str, Parsed):
    """A syntactically valid address, kept as typed; reserved domains such as `example.com` and `.test` are fine."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Self:
        """Check the syntax, without asking the network."""
        text = _string(value)
        if len(text) > LONGEST_EMAIL:
            raise ValueError(f"must be at most {LONGEST_EMAIL} characters, got {len(text)}")
        try:
            validate_email(text, check_deliverability=False, test_environment=True, strict=True)
        except EmailNotValidError as error:
            raise ValueError(f"must be a valid email address: {error}") from None
        return cls(text)


class PhoneNumber(str, Parsed):
    """A number in E.164 form, such as `+15559876543`."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Self:
        """Take out spaces, dots, dashes and brackets; what is left must be possible for its country code."""
        digits = without_separators(_string(value))
        if not digits.startswith("+") or not digits[1:].isascii() or not digits[1:].isdigit():
            raise ValueError("must be a phone number in E.164 form: + and the country code, such as +15559876543")
        number = _possible(digits)
        if number is None or len(number) > LONGEST_PHONE_NUMBER or (number != digits and _possible(number) != number):
            raise ValueError("must be a phone number that is possible for its country code")
        return cls(number)


class Country(str, Parsed):
    """An ISO 3166-1 alpha-2 code, such as `US`."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Self:
        """Take a code that is assigned, in capitals."""
        text = _string(value)
        if text not in countries():
            raise ValueError("must be an ISO 3166-1 alpha-2 country code in capitals, such as US")
        return cls(text)


class Currency(str, Parsed):
    """An ISO 4217 code of money in use, in small letters, such as `usd`."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Self:
        """Take a code that is in use, in small letters."""
        text = _string(value)
        if text not in currencies():
            raise ValueError("must be an ISO 4217 currency code in small letters, such as usd")
        return cls(text)


class Timezone(str, Parsed):
    """A time zone by its IANA name, such as `Europe/Vienna`."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Self:
        """Take a name that the time zone database has, written as it is there."""
        text = _string(value)
        if text not in timezones():
            raise ValueError("must be the IANA name of a time zone, such as Europe/Vienna or UTC")
        return cls(text)


class StatementDescriptor(str, Parsed):
    """What a card's statement shows of a payment: what the card networks take."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Self:
        """Take up to 22 plain characters with a letter at least: quotes, brackets and backslashes are taken by none."""
        text = _string(value)
        if len(text) > LONGEST_DESCRIPTOR:
            raise ValueError(f"must be at most {LONGEST_DESCRIPTOR} characters, got {len(text)}")
        if re.fullmatch(DESCRIPTOR, text) is None:
            raise ValueError("must be of Latin letters, digits, spaces and . , - * & / + #, with a letter at least")
        return cls(text)


class BirthDate(date, Parsed):
    """A real day from 1900 to today."""

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read `YYYY-MM-DD`."""
        text = _string(value)
        try:
            day = cls.fromisoformat(text)
        except ValueError:
            day = None
        if day is None or str(day) != text:
            raise ValueError("must be a date that exists, as YYYY-MM-DD")
        # A day begins first at UTC+14, so "today" is taken generously: nobody is refused on the day of its birth.
        if day.year < FIRST_BIRTH_YEAR or day > today_anywhere():
            raise ValueError(f"must be from {FIRST_BIRTH_YEAR}-01-01 to today")
        return day


class Password(str, Parsed):
    """A password: at least 8 characters with an upper and a lower case letter, a digit and a special character."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Self:
        """Check what it is made of; it is never shown or stored as it is."""
        text = _string(value)
        if len(text) > LONGEST_PASSWORD:
            raise ValueError(f"must be at most {LONGEST_PASSWORD} characters, got {len(text)}")
        needed = {
            f"at least {SHORTEST_PASSWORD} characters": len(text) >= SHORTEST_PASSWORD,
            "an upper case letter": any(letter.isupper() for letter in text),
            "a lower case letter": any(letter.islower() for letter in text),
            "a digit": any(letter.isdigit() for letter in text),
            "a special character": any(not letter.isalnum() for letter in text),
        }
        if lacking := [part for part, is_there in needed.items() if not is_there]:
            raise ValueError(f"must have {', '.join(lacking)}")
        return cls(text)


@cache
def countries() -> frozenset[str]:
    """Return all assigned alpha-2 codes."""
    return frozenset(country.alpha_2 for country in pycountry.countries)


@cache
def currencies() -> frozenset[str]:
    """Return the codes of all money in use."""
    known = cast("Iterable[Any]", pycountry.currencies)
    return frozenset(str(currency.alpha_3).lower() for currency in known) - frozenset(_NO_MONEY.split())


_NO_MONEY = "bov che chw clf cou mxv usn uyi uyw xad xag xau xba xbb xbc xbd xdr xpd xpt xsu xts xua xxx"
"""Codes of ISO 4217 that nobody is charged in: funds, units of account, metals, and those for tests and for none."""


@cache
def timezones() -> frozenset[str]:
    """Return the names of all time zones, but for those that name no place: a machine's own, and none at all."""
    return frozenset(zoneinfo.available_timezones() - {"Factory", "localtime"})


def without_separators(text: str) -> str:
    """Return a phone number without the spaces, dots, dashes and brackets that people write in it."""
    return text.translate(_SEPARATORS)


_SEPARATORS = {ord(character): None for character in " .-()[]\u00a0\u2010\u2011\u2012\u2013"}


def _possible(digits: str) -> str | None:
    """Return a number in E.164 form, without the trunk prefix that people write; None where it is not possible."""
    try:
        number = phonenumbers.parse(digits)
    except phonenumbers.NumberParseException:
        return None
    # One that is possible only within its town is none that a country code can stand before.
    is_possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if is_possible else None


def phone(number: str) -> str:
    """Write a number in E.164 form in groups, as people read it."""
    return phonenumbers.format_number(phonenumbers.parse(number), PhoneNumberFormat.INTERNATIONAL)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("must be a string")
    return value
