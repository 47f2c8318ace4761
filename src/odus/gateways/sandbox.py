"""The sandbox: a gateway without a network, which answers by the number of the card (payments.md §1).

It keeps books of its own in the database, in transactions of its own, as one elsewhere would: what it did under which
key, and what it holds of each charge. It keeps no card: a token says how the card behaves.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import LiteralString

import msgspec

from odus.gateways import cards
from odus.gateways.declines import because
from odus.gateways.protocol import Answer, Approved, Card, CardFacts, Challenged, ClosedError, Order
from odus.kit import bodies
from odus.kit.db import Write

CARDS: dict[str, str] = {
    "4242424242424242": "approves",
    "5555555555554444": "approves",
    "378282246310005": "approves",
    "6011111111111117": "approves",
    "4000000000003220": "challenges",
    "4000000000000341": "approves_once",
    "4000000000000002": "generic_decline",
    "4000000000009995": "insufficient_funds",
    "4000000000000069": "expired_card",
    "4100000000000019": "fraud_suspected",
}
"""The test cards, and how each behaves; what is none of these words is the code of a decline."""


class Sandbox:
    """A merchant's account at the sandbox."""

    def __init__(self, write: Write, merchant_id: str, secret: bytes) -> None:
        """Take where its books are, and the secret of the gateway profile."""
        self._write = write
        self._merchant_id = merchant_id
        self._secret = secret

    async def authorize(self, key: str, order: Order, means: Card | str) -> Answer:
        """Answer by the card, or by the card that a token stands for."""

        async def decide(books: Write) -> Answer:
            facts = self._facts(means) if isinstance(means, Card) else None
            behaviour = CARDS.get(means.number, "card_not_supported") if isinstance(means, Card) else _behaviour(means)
            if behaviour not in ("approves", "challenges", "approves_once"):
                return because(behaviour)
            if behaviour == "approves_once" and order.is_off_session:
                return because("generic_decline")
            reference = f"ch_{secrets.token_hex(12)}"
            is_challenge = behaviour == "challenges" and not order.is_off_session
            charge = (reference, order.payment, order.currency, order.amount, order.captures, not is_challenge)
            await books.run(_OPEN, self._merchant_id, *charge)
            if is_challenge:
                address = order.return_url.replace("?", "/challenge?", 1)
                return Challenged(reference=reference, redirect_url=address, card=facts)
            return Approved(reference=reference, card=facts)

        return await self._once(key, decide)

    async def complete(self, key: str, reference: str) -> Answer:
        """Take it that the payer confirmed a challenge on the sandbox's page; to do so twice is to do so once."""
        return await self._moved(key, _CONFIRM, reference)

    async def withdraw(self, key: str, reference: str) -> Answer:
        """Void a challenge, unless it is confirmed."""

        async def end(books: Write) -> Answer:
            row = await books.row(_WITHDRAW, self._merchant_id, reference)
            is_confirmed = row is not None and row["is_confirmed"]
            return Approved(reference=reference) if is_confirmed else because("authentication_failed")

        return await self._once(key, end)

    async def capture(self, key: str, reference: str, amount: int) -> Answer:
        """Take what was authorized, or a part."""
        return await self._moved(key, _CAPTURE, reference, amount)

    async def refund(self, key: str, reference: str, amount: int) -> Answer:
        """Give back a part of what was captured."""
        return await self._moved(key, _REFUND, reference, amount)

    async def void(self, key: str, reference: str) -> Answer:
        """Release what was authorized."""
        return await self._moved(key, _VOID, reference)

    async def find(self, key: str) -> Answer | None:
        """Return what became of a call; where it never arrived, its key is taken."""
        row = await self._write.row(_TAKE, self._merchant_id, key)
        return None if row is None or row["answer"] is None else _decode(row["answer"])

    async def _moved(self, key: str, statement: LiteralString, reference: str, *arguments: object) -> Answer:
        async def move(books: Write) -> Answer:
            row = await books.row(statement, self._merchant_id, reference, *arguments)
            return because("charge_state") if row is None else Approved(reference=reference)

        return await self._once(key, move)

    async def _once(self, key: str, decide: Callable[[Write], Awaitable[Answer]]) -> Answer:
        """Carry out a call the first time that its key is seen, and answer the same each time."""
        async with self._write.transaction() as books:
            row = await books.row(_TAKE, self._merchant_id, key)
            if row is None or not row["is_new"]:
                if row is None or row["answer"] is None:
                    raise ClosedError(key)
                return _decode(row["answer"])
            answer = await decide(books)
            await books.run(_ANSWER, self._merchant_id, key, bodies.text(answer))
            return answer

    def _facts(self, card: Card) -> CardFacts:
        behaviour = CARDS.get(card.number, "card_not_supported")
        return CardFacts(
            brand=cards.brand(card.number),
            last_four=card.number[-4:],
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            cardholder_name=card.cardholder_name,
            token=f"sbx_{behaviour}.{secrets.token_hex(12)}",
            fingerprint=hmac.digest(self._secret, card.number.encode(), "sha256").hex()[:32],
        )


def _behaviour(token: str) -> str:
    return token.removeprefix("sbx_").partition(".")[0]


_decode = msgspec.json.Decoder(Answer).decode

_TAKE = """
insert into sandbox_calls (merchant_id, key) values ($1, $2)
on conflict (merchant_id, key) do update set key = excluded.key
returning answer, xmax = 0 as is_new
"""
"""Takes a key; whoever comes second waits for the first, and sees its answer (null: it was closed)."""

_ANSWER = "update sandbox_calls set answer = $3 where merchant_id = $1 and key = $2"

_OPEN = """
insert into sandbox_charges
    (merchant_id, reference, payment_id, currency, authorized, captures, is_open, captured)
values ($1, $2, $3, $4, $5, $6, $7, case when $6 and $7 then $5::bigint else 0 end)
"""

_CONFIRM = """
update sandbox_charges set
    is_open = true, captured = case when captures and not is_open then authorized else captured end
where merchant_id = $1 and reference = $2 and not voided
returning reference
"""

_WITHDRAW = """
update sandbox_charges set voided = voided or not is_open
where merchant_id = $1 and reference = $2
returning not voided as is_confirmed
"""

_CAPTURE = """
update sandbox_charges set captured = $3
where merchant_id = $1 and reference = $2 and is_open and captured = 0 and not voided and authorized >= $3
returning reference
"""

_REFUND = """
update sandbox_charges set refunded = refunded + $3
where merchant_id = $1 and reference = $2 and refunded + $3 <= captured
returning reference
"""

_VOID = """
update sandbox_charges set voided = true
where merchant_id = $1 and reference = $2 and captured = 0 and not voided
returning reference
"""
