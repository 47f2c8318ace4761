"""The protocol of a gateway: what a payment asks of whoever moves the money (payments.md §1).

It is shaped for one that is far away: each call names a key of our own, under which it is carried out once however
often it arrives; a call may end without an answer; and `find` says what became of it.
"""

from typing import Literal, Protocol

import msgspec

DeclineType = Literal["soft_decline", "hard_decline"]
RetryStrategy = Literal["retry_later", "use_another_method", "do_not_retry"]
Result = Literal["succeeded", "failed"]


class GatewayError(Exception):
    """The gateway gave no answer: whether it carried out the call is not known."""


class ClosedError(GatewayError):
    """The key was closed by `find`: the call is not carried out, and never will be."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A card as its holder typed it: on its way to the gateway, and never stored, logged or shown."""

    number: str
    exp_month: str
    exp_year: str
    cvc: str
    cardholder_name: str | None = None

    def __repr__(self) -> str:
        return "Card(…)"


class CardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What may be kept of a card: what its holder knows it by, and what the gateway does."""

    brand: str
    last_four: str
    exp_month: str
    exp_year: str
    cardholder_name: str | None
    token: str
    """Under this the gateway charges it again."""
    fingerprint: str
    """The same for the same card, whoever types it."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be authorized."""

    payment: str
    amount: int
    currency: str
    captures: bool
    """Whether it is captured at once."""
    is_off_session: bool
    """Whether nobody is there who could answer a challenge."""
    return_url: str
    """Where the payer comes back to after a challenge."""


class Approved(msgspec.Struct, frozen=True, tag="approved", kw_only=True):
    """It was done. `reference` is the gateway's name of the charge; `card` what it knows of the card."""

    reference: str
    card: CardFacts | None = None


class Challenged(msgspec.Struct, frozen=True, tag="challenged", kw_only=True):
    """The payer has to confirm it first (3-D Secure), at an address of the gateway's."""

    reference: str
    redirect_url: str
    card: CardFacts | None = None


class Declined(msgspec.Struct, frozen=True, tag="declined", kw_only=True):
    """It was not done, and why."""

    code: str
    message: str
    safe_message: str
    """What a payer may be told."""
    decline_type: DeclineType
    retry_strategy: RetryStrategy
    processor_code: str | None = None
    processor_message: str | None = None
    special_code: str | None = None


Answer = Approved | Challenged | Declined


class Gateway(Protocol):
    """One that moves money. Each method raises `GatewayError` where the outcome is not known."""

    async def authorize(self, key: str, order: Order, means: Card | str) -> Answer:
        """Reserve an amount, or take it at once, on a card or under a card's token."""
        ...

    async def complete(self, key: str, reference: str) -> Answer:
        """Take it that the payer confirmed a challenge. Only a gateway for tests is told so; others tell it."""
        ...

    async def withdraw(self, key: str, reference: str) -> Answer:
        """End a challenge for good: declined, it can no longer be confirmed; approved, the payer did so before."""
        ...

    async def capture(self, key: str, reference: str, amount: int) -> Answer:
        """Take what was authorized, or a part; the rest is released."""
        ...

    async def refund(self, key: str, reference: str, amount: int) -> Answer:
        """Give back a part of what was captured, or all."""
        ...

    async def void(self, key: str, reference: str) -> Answer:
        """Release what was authorized and not captured."""
        ...

    async def find(self, key: str) -> Answer | None:
        """Return what became of a call; None where it never arrived, and then it is closed: it never will."""
        ...
