"""The environment in which all pages are rendered: their templates, and what every template can use."""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

import pycountry
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from odus.dashboard.assets import ASSETS
from odus.dashboard.navigation import HOME, navigation
from odus.kit import fields, list_bars, list_pages, money, times
from odus.kit.times import Moment
from odus.payment_methods.words import brand
from odus.payments import words as payment_words
from odus.products import words as product_words
from odus.subscriptions import words as subscription_words

ROLE_NAMES = {"admin": "Admin", "developer": "Developer", "supportAgent": "Support agent"}


def environment(packages: Iterable[str]) -> Environment:
    """Make the environment; each package has a folder `templates`, the shell's own comes first."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in ("odus.dashboard", *packages)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    shared: dict[str, object] = {
        "asset": ASSETS.path,
        "home": HOME,
        "navigation": navigation,
        "role_names": ROLE_NAMES,
        "svg": svg,
        "presets": list_bars.PRESETS,
        "sizes": list_pages.SIZES,
        "countries": countries,
        "currencies": currencies,
        "money_written": money.written,
        "money_plain": money.plain,
        "money_digits": money.digits,
        "payment_words": payment_words,
        "product_words": product_words,
        "subscription_words": subscription_words,
        "ahead": ahead,
    }
    made.globals |= shared  # pyright: ignore[reportAttributeAccessIssue] - Jinja types it by what it holds at first
    made.filters |= {"moment": moment, "day": day, "initials": initials, "phone": fields.phone, "sentence": sentence}
    made.filters |= {"country": country, "brand": brand}
    return made


@cache
def svg(name: str) -> Markup:
    """Return one of Tabler's icons, for decoration: it is hidden from who listens to the page."""
    text = files("odus.dashboard").joinpath("vendor", "icons", f"{name}.svg").read_text()
    return Markup(" ".join(text.split()).replace("<svg ", '<svg aria-hidden="true" ', 1))  # noqa: S704 - our own file


def moment(at: Moment) -> str:
    """Write a moment for people, in UTC; a script writes it in the viewer's own zone."""
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def ahead(by: timedelta) -> Moment:
    """Return the present of a clock that is so far ahead."""
    return Moment.of(times.everywhere() + by)


def day(at: date) -> str:
    """Write a date for people."""
    return f"{at.day} {at:%b %Y}"


@cache
def countries() -> list[tuple[str, str]]:
    """Return the code and the name of all countries, by name."""
    return sorted(((each.alpha_2, each.name) for each in pycountry.countries), key=lambda country: country[1])


@cache
def currencies() -> list[tuple[str, str]]:
    """Return the code of all currencies, and how a form offers them."""
    return [(code, code.upper()) for code in sorted(fields.currencies())]


def sentence(text: str) -> str:
    """Return what is wrong with a field as a sentence: it stands at its field, whose name it need not say."""
    return f"{text[:1].upper()}{text[1:]}"


def country(code: str) -> str:
    """Return a country's name."""
    return dict(countries()).get(code, code)


def initials(name: str) -> str:
    """Return the first letters of a name's first and last word."""
    words = [word for word in name.split() if word[0].isalnum()] or [name or "?"]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()
