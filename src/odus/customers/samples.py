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
"""How far back the oldest sample was made."""

FIRST_NAMES = _words(
    "Ada Aisha Alejandro Amara Ananya Björn Camille Carlos Chidi Chloé Daniel Elena Emeka Emma Fatima "
    "Felix Freya Giulia Hannah Haruto Ines Ivan Jamal Jane João Jonas Kwame Lars Leïla Liam Lucía Maja "
    "Mateo Mei Miguel Mohammed Nadia Noah Nora Oliver Olga Omar Paula Priya Rafael Ravi Sakura Samuel "
    "Sara Sofia Søren Tariq Thandi Theo Tomáš Uma Victor Wei Yara Yusuf Zoë"
)
LAST_NAMES = _words(
    "Abe Adeyemi Almeida Andersson Bauer Becker Brown Castro Chen Cohen Costa Diallo Dubois Eriksen "
    "Fernández Fischer García Gupta Haddad Hansen Ivanova Jensen Johnson Kaya Khan Kim Kowalski Larsen "
    "Lee Lopez Martin Mbeki Meyer Moreau Müller Nakamura Nguyen Novák Okafor Olsen Patel Pereira Rossi "
    "Sato Schmidt Silva Singh Smith Tanaka Torres Van_Dijk Weber Williams Wilson Yamamoto Yilmaz Zhang"
)
COMPANIES = _words(
    "Acme Anvil Atlas Beacon Birch Borealis Cedar Cobalt Compass Delta Ember Falcon Granite Harbor "
    "Juniper Lumen Meridian Nimbus Orchard Pioneer Quarry Ridge Summit Tidal Vertex Willow"
)
KINDS = _words(
    "Analytics Bakery Coffee Design Foods Games Health Labs Logistics Media Press Robotics Software Studio Travel"
)
MAIL_HOSTS = ("example.com", "example.org", "example.net", "mail.example.com", "post.example.org")
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
TIERS = ("free", "free", "free", "standard", "standard", "premium")
SOURCES = ("ads", "newsletter", "partner", "referral", "search")


def sample_customers(seed: int, count: int, until: Moment) -> Iterator[Customer]:
    """Yield customers in the order of their creation, spread over the time before `until`."""
    chance = random.Random(seed)  # noqa: S311 - samples must be repeatable, and are no secret
    ages = sorted((chance.random() ** 2 for _ in range(count)), reverse=True)
    for number, age in enumerate(ages):
        yield _customer(chance, number, Moment.of(until - age * SPAN))


def _customer(chance: random.Random, number: int, at: Moment) -> Customer:
    is_company = chance.random() < 0.2  # noqa: PLR2004 - one in five is an organization
    name, email = (_company if is_company else _person)(chance, number)
    city = chance.choice(CITIES)
    address = _address(chance, city) if chance.random() < 0.7 else None  # noqa: PLR2004 - most have said where they live
    return Customer(
        id=new_id("cus", at),
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
    first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES).replace("_", " ")
    return f"{first} {last}", f"{_plain(first)}.{_plain(last)}{number}@{chance.choice(MAIL_HOSTS)}"


def _company(chance: random.Random, number: int) -> tuple[str, str]:
    company, kind = chance.choice(COMPANIES), chance.choice(KINDS)
    return f"{company} {kind}", f"billing{number}@{company.lower()}-{kind.lower()}.example"


def _address(chance: random.Random, city: tuple[str, str | None, str, str, str]) -> Address:
    name, state, postal_code, country, _ = city
    line1 = f"{chance.randrange(1, 240)} {chance.choice(STREETS)}"
    return Address(line1=line1, city=name, state=state, postal_code=postal_code, country=country)


def _birth(chance: random.Random) -> date | None:
    return date(chance.randrange(1945, 2006), chance.randrange(1, 13), chance.randrange(1, 29))


def _metadata(chance: random.Random, number: int) -> dict[str, str]:
    known = {"externalId": f"{number:05}", "source": chance.choice(SOURCES), "tier": chance.choice(TIERS)}
    return {key: value for key, value in known.items() if chance.random() < 0.6}  # noqa: PLR2004 - not all is known of all


def _plain(name: str) -> str:
    return name.lower().replace(" ", "").translate(_ASCII)


_ASCII = str.maketrans("áãéëíïñóöøšúüõçôžýâ", "aaeeiinooosuuocozya")
