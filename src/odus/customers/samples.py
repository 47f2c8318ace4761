"""Samples: plausible customers, the same ones for the same seed."""

import random
from collections.abc import Iterator
from datetime import date, timedelta

from odus.customers.model import Address, Customer
from odus.kit.ids import new_id
from odus.kit.times import Moment


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SPAN = timedelta(days=730)
"""How far back the oldest sample was made, where nothing else is said."""

FIRST_NAMES = _words(
    "Ada Aisha Alejandro Alice Amara Ananya Anton Arthur Benjamin Björn Camille Carlos Charlotte Chidi Chloé "
    "Clara Daniel David Elena Eliza Emeka Emma Fatima Felix Freya George Giulia Grace Hannah Haruto Henry Ibrahim "
    "Ines Ivan Jack Jamal Jane Jonas Julia Kwame Lars Laura Leïla Leo Liam Lucía Maja Maria Martha Mateo Max Mei "
    "Miguel Mohammed Nadia Naomi Noah Nora Oliver Olga Omar Paula Peter Priya Rafael Ravi Rebecca Ruth Sakura "
    "Samuel Sara Sofia Søren Tariq Thandi Theo Thomas Tomáš Uma Victor Wei William Yara Yusuf Zara Zoë"
)
LAST_NAMES = _words(
    "Abe Adams Adeyemi Almeida Andersson Baker Bauer Becker Bennett Brown Carter Castro Chen Cohen Conti Cooper "
    "Costa Davies Diallo Dubois Edwards Eriksen Evans Fischer Fontaine García Greco Gupta Haddad Hall Hansen Hoffmann "
    "Ivanova Jackson Jensen Johnson Jones Kaya Khan Kim Klein Kowalski Kumar Larsen Laurent Lee Lopez Martin Mbeki "
    "Meyer Moreau Müller Murphy Nakamura Nguyen Novák Okafor Olsen Parker Patel Pereira Popov Quinn Reid Ricci "
    "Roberts Rossi Sato Schmidt Shah Silva Singh Smith Suzuki Tanaka Taylor Torres Turner Van_Dijk Walker Weber "
    "Williams Wilson Wood Wright Yamamoto Yilmaz Young Zhang"
)
INITIALS = "ABCDEFGHIJKLMNOPRSTVW"
COMPANIES = _words(
    "Acme Anvil Atlas Beacon Birch Borealis Cedar Cobalt Compass Delta Ember Falcon Granite Harbor "
    "Juniper Lumen Meridian Nimbus Orchard Pioneer Quarry Ridge Summit Tidal Vertex Willow"
)
KINDS = _words(
    "Analytics Bakery Coffee Design Foods Games Health Labs Logistics Media Press Robotics Software Studio Travel"
)
OWN_SCRIPTS = (
    ("Ελένη Παπαδοπούλου", "eleni.papadopoulou"),
    ("Дмитрий Соколов", "dmitri.sokolov"),
    ("Олена Шевченко", "olena.shevchenko"),
    ("佐藤 陽子", "yoko.sato"),
    ("王伟", "wang.wei"),
    ("김민준", "minjun.kim"),
    ("محمد علي", "mohammed.ali"),
    ("נועה לוי", "noa.levi"),
)
"""Names in scripts other than Latin, and how they stand in an email."""
MAIL_HOSTS = ("mail.example", "inbox.example", "post.example", "example.com", "example.org", "example.net")
MAIL_HOST_WEIGHTS = (38, 20, 12, 6, 2, 2)
"""Of 80 people with a mailbox at a provider, that many have it there; 20 more have it at the company they work for.

As one customer in five is a company, that makes 30 % of all customers for the first, and 5 % for `example.com`.
"""
BRANCHES = 40
"""How many companies there are of each name and kind, and so how many domains; 15,600 in all."""
CITIES = (
    ("Springfield", "IL", "62701", "US", "+1217555"),
    ("Portland", "OR", "97201", "US", "+1503555"),
    ("London", None, "SW1A 1AA", "GB", "+4420794"),
    ("Berlin", None, "10115", "DE", "+4930901"),
    ("Paris", None, "75001", "FR", "+3314205"),
    ("São Paulo", "SP", "01000-000", "BR", "+5511312"),
    ("Tokyo", None, "100-0001", "JP", "+8135123"),
    ("Warszawa", None, "00-001", "PL", "+4822555"),
)
STREETS = (
    "Main St",
    "High Street",
    "Station Road",
    "Garden Lane",
    "Market Square",
    "Mill Road",
    "Harbour Way",
    "Park Avenue",
)
LOCALES = ("de-DE", "en-GB", "en-US", "en-US", "en-US", "es-ES", "fr-FR", "ja-JP", "pt-BR")
TIERS = ("free", "free", "free", "standard", "standard", "premium")
SOURCES = ("ads", "newsletter", "partner", "referral", "search")


def sample_customers(seed: int, count: int, until: Moment, span: timedelta = SPAN) -> Iterator[Customer]:
    """Yield customers in the order of their creation, spread over the `span` before `until`, more of them lately.

    The same arguments give the same customers, ids included. Each is made when it is asked for, and none is kept.
    """
    chance = random.Random(seed)  # noqa: S311 - samples must be repeatable, and are no secret
    age = 1.0
    for number in range(count):
        age *= chance.random() ** (1 / (count - number))  # the next smaller one of `count` uniform draws
        yield _customer(chance, number, Moment.of(until - age**2 * span))


def _customer(chance: random.Random, number: int, at: Moment) -> Customer:
    is_company = chance.random() < 0.2  # noqa: PLR2004 - one in five is an organization
    name, email = (_company if is_company else _person)(chance, number)
    city = chance.choice(CITIES)
    address = _address(chance, city) if chance.random() < 0.7 else None  # noqa: PLR2004 - most have said where they live
    return Customer(
        id=new_id("cus", at, chance.randbytes),
        email=email,
        name=name,
        phone_number=f"{city[4]}{chance.randrange(1000, 9999)}" if chance.random() < 0.6 else None,  # noqa: PLR2004
        date_of_birth=None if is_company else _birth(chance),
        billing_address=address,
        shipping_address=address if chance.random() < 0.3 else None,  # noqa: PLR2004 - few want it sent elsewhere
        metadata=_metadata(chance, number),
        restrict_cit=False,
        restrict_mit=False,
        restrict_reason=None,
        created_at=at,
        updated_at=at,
    )


def _person(chance: random.Random, number: int) -> tuple[str, str]:
    works_there = chance.random() < 0.2  # noqa: PLR2004 - one in five writes from work
    host = _branch(chance)[1] if works_there else chance.choices(MAIL_HOSTS, MAIL_HOST_WEIGHTS)[0]
    name, mailbox = _name(chance)
    return name, f"{mailbox}{number}@{host}"


def _name(chance: random.Random) -> tuple[str, str]:
    """Return a person's name, and how it stands in an email."""
    if chance.random() < 0.01:  # noqa: PLR2004 - enough to meet some
        return chance.choice(OWN_SCRIPTS)
    first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES).replace("_", " ")
    mailbox = f"{_plain(first)}.{_plain(last)}"
    rest = chance.random()
    if rest < 0.1:  # noqa: PLR2004 - one in ten tells a second name
        return f"{first} {chance.choice(INITIALS)}. {last}", mailbox
    if rest < 0.2:  # noqa: PLR2004 - and one in ten has two last names
        return f"{first} {last}-{chance.choice(LAST_NAMES).replace('_', ' ')}", mailbox
    return f"{first} {last}", mailbox


def _company(chance: random.Random, number: int) -> tuple[str, str]:
    name, host = _branch(chance)
    return name, f"billing{number}@{host}"


def _branch(chance: random.Random) -> tuple[str, str]:
    """Return a company's name and its domain."""
    company, kind = chance.choice(COMPANIES), chance.choice(KINDS)
    return f"{company} {kind}", f"{company}-{kind}-{chance.randrange(1, BRANCHES + 1)}.example".lower()


def _address(chance: random.Random, city: tuple[str, str | None, str, str, str]) -> Address:
    name, state, postal_code, country, _ = city
    line1 = f"{chance.randrange(1, 240)} {chance.choice(STREETS)}"
    return Address(line1=line1, city=name, state=state, postal_code=postal_code, country=country)


def _birth(chance: random.Random) -> date | None:
    return date(chance.randrange(1945, 2006), chance.randrange(1, 13), chance.randrange(1, 29))


def _metadata(chance: random.Random, number: int) -> dict[str, str]:
    known = {
        "externalId": f"{number:05}",
        "locale": chance.choice(LOCALES),
        "newsletter": chance.choice(("no", "yes")),
        "source": chance.choice(SOURCES),
        "tier": chance.choice(TIERS),
    }
    return {key: value for key, value in known.items() if chance.random() < 0.4}  # noqa: PLR2004 - not all is known of all


def _plain(name: str) -> str:
    return name.lower().replace(" ", "").translate(_ASCII)


_ASCII = str.maketrans("áãéëíïñóöøšúüõçôžýâ", "aaeeiinooosuuocozya")
