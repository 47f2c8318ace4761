"""Visits: a request for a page of the checkout, by whoever has the link of the payment."""

import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from urllib.parse import quote

import msgspec

from odus.checkout.assets import ASSETS
from odus.kit import pages, requests, times
from odus.kit.db import Database
from odus.kit.pages import Form
from odus.kit.permissions import Actor, Mark, Principal
from odus.kit.problems import Problem
from odus.kit.requests import Call, Response, Services, not_found
from odus.merchants import queries as merchants
from odus.merchants.model import Merchant
from odus.payments import queries, rules
from odus.payments.record import Record

ACTOR = Actor("system", "checkout")
PRIVATE = [("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer")]
"""The key is in the address: nothing keeps the page, and no other site is told where the payer comes from."""

FORGOTTEN = {"payment", "success"}
"""Parameters of a return address that are ours, whatever stood there."""


class Visit:
    """A request for a page of a payment, which shows the payment's key."""

    def __init__(self, call: Call, merchant: Merchant, clock: timedelta, record: Record) -> None:
        """Take the request, whom it pays, how far that one's clock is ahead, and what it is about."""
        self.call = call
        self.merchant = merchant
        self.record = record
        self.database: Database = _database(call)
        self.who = Principal(
            merchant_id=merchant.id,
            actor=ACTOR,
            permissions=frozenset(),
            request_id=requests.request_id(call.scope),
            clock=clock,
        )
        call.scope["state"]["who"] = self.who  # for the log

    @property
    def is_own(self) -> bool:
        """Whether the address names a form that the payer sent, which made the payment what it is."""
        return _name(self.record, _parameter(self.call, "attempt")) in self.record.requests

    def acting(self, attempt: str) -> Principal:
        """Return who acts by sending a form: one that is sent twice is known again, and pays once."""
        return msgspec.structs.replace(self.who, mark=Mark(_name(self.record, attempt), "checkout"))

    async def again(self) -> "Visit":
        """Return the visit with the payment as it is now."""
        record = await queries.get(self.database.read, self.merchant.id, self.record.id)
        assert record  # noqa: S101 - payments are never deleted
        return Visit(self.call, self.merchant, self.who.clock, record)

    def path(self, attempt: str = "") -> str:
        """Return the address of the checkout, after a form was sent with the form's name."""
        return f"{self.record.path}&attempt={attempt}" if attempt else self.record.path

    @property
    def challenge_path(self) -> str:
        """The address of the sandbox's question to the payer."""
        return f"/checkout/{self.record.id}/challenge?key={self.record.checkout_key}"

    def back(self, *, success: bool) -> str | None:
        """Return where the merchant wants the payer to go on; None where it said nothing."""
        address = self.record.return_url
        return address and _returning(address, payment=self.record.id, success="true" if success else "false")

    def page(
        self, template: str, status: int = 200, headers: Sequence[tuple[str, str]] = (), **context: object
    ) -> Response:
        """Render a page of the payment."""
        return _page(self.call, template, status, headers, visit=self, merchant=self.merchant, **context)


async def opened(call: Call) -> Visit:
    """Return the visit of who shows the key of a payment. Raises `not_found`, whatever of the two is wrong."""
    database = _database(call)
    key = _parameter(call, "key")
    found = await queries.get_anywhere(database.read, requests.resource_id(call.scope))
    if found is None or not hmac.compare_digest(key.encode(), found[1].checkout_key.encode()):
        raise not_found()
    merchant = await merchants.get(database.read, found[0])
    assert merchant  # noqa: S101 - the payment's key names it
    clock = await merchants.clock(database.read, merchant.id)
    with times.ahead(clock):
        return Visit(call, merchant, clock, rules.as_of(found[1], times.now()))


def attempt_of(form: Form) -> str:
    """Return the random name of a form, by which it is known when it is sent again."""
    name = form.text("attempt")
    return name if _ATTEMPT.fullmatch(name) else new_attempt()


def new_attempt() -> str:
    """Return a random name for a form that is about to be shown."""
    return secrets.token_urlsafe(16)


_ATTEMPT = re.compile("[0-9A-Za-z_-]{22}")


def problem_page(call: Call, problem: Problem) -> Response:
    """Render what went wrong in the checkout's dress."""
    headers = list(problem.headers.items())
    return _page(call, "checkout/problem.html", problem.kind.status, headers, merchant=None, problem=problem)


def _page(call: Call, template: str, status: int, headers: Sequence[tuple[str, str]], **context: object) -> Response:
    return pages.page(call, template, status, [*PRIVATE, *headers], person=None, asset=ASSETS.path, **context)


def _returning(address: str, **parameters: str) -> str:
    """Return an address with parameters of ours in its query, in characters that a header can hold."""
    front, hash_, fragment = address.partition("#")
    path, _, query = front.partition("?")
    kept = [pair for pair in query.split("&") if pair and pair.partition("=")[0] not in FORGOTTEN]
    said = [f"{name}={value}" for name, value in parameters.items()]
    return quote(f"{path}?{'&'.join([*kept, *said])}{hash_}{fragment}", safe=_PRINTABLE)


_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def _name(record: Record, attempt: str) -> str:
    return sha256(f"{record.id}\n{attempt}".encode()).hexdigest()[:32]


def _parameter(call: Call, name: str) -> str:
    return (requests.query(call.scope).get(name) or [""])[0]


def _database(call: Call) -> Database:
    services: Services = call.app.state.services
    return services.database
