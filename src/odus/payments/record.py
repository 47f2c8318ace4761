"""Records: a payment as it is stored, of which a `Payment` is what may be shown."""

from datetime import timedelta
from typing import Literal

import msgspec

from odus.gateways.protocol import CardFacts, Declined, Order
from odus.kit import addresses
from odus.kit.times import Moment
from odus.merchant_configs.model import CaptureMethod
from odus.payments.model import (
    Action,
    Cart,
    DisplayStatus,
    Initiator,
    OffSessionType,
    Outcome,
    Payment,
    PaymentMethodOptions,
    Status,
    Transaction,
)

RECONCILE_AFTER = timedelta(seconds=60)
"""How long after its record an attempt without an answer is asked about: no call is sent, or waited for, that long."""

RENEWAL = "renewal "
"""What the names of requests begin with by which subscriptions charge their cycles themselves."""

Kind = Literal["authorize", "complete", "cancel", "expire", "capture", "refund", "void"]
"""What is asked of the gateway. Three of them end a challenge: `complete` as the payer confirmed or refused it,
`cancel` as the payment is to be cancelled, `expire` as its time is over."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A call of the gateway that is on record and has not ended yet."""

    kind: Kind
    transaction: str
    key: str
    """What the gateway knows the call by."""
    amount: int
    began_at: Moment
    payment_method: str | None = None
    saves: bool = False
    request: str = ""
    """Which of the payment's requests caused it."""

    @property
    def is_renewal(self) -> bool:
        """Whether a subscription charges its cycle itself, and no person or program does it by hand."""
        return self.request.startswith(RENEWAL)


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """A confirmation that is due from the payer, and what is to be known once it is there."""

    transaction: str
    reference: str
    redirect_url: str
    expires_at: Moment
    card: CardFacts | None
    payment_method: str | None
    saves: bool


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """All that is stored of a payment."""

    id: str
    status: Status
    amount: int
    currency: str
    amount_captured: int = 0
    amount_reversed: int = 0
    captured_at: Moment | None = None
    chargeback_recorded_at: Moment | None = None
    initiator: Initiator
    off_session_type: OffSessionType | None = None
    customer: str | None
    payment_method: str | None
    subscription: str | None = None
    cycle: int | None = None
    """Which cycle of the subscription it charges; None for the first, which it begins."""
    cart: Cart | None
    payment_method_options: PaymentMethodOptions | None
    capture_method: CaptureMethod
    capture_delay: int | None
    capture_at: Moment | None = None
    return_url: str | None
    transactions: list[Transaction]
    metadata: dict[str, str]
    gateway_profile: str
    """What it runs through: the default when it was made, or what the saved method belongs to that it is charged to."""
    checkout_key: str
    reference: str | None = None
    """The gateway's name of the charge."""
    attempt: Attempt | None = None
    challenge: Challenge | None = None
    requests: dict[str, str]
    """The requests that caused an attempt, and what each asked: one that is sent again finds itself here (`marks`)."""
    created_at: Moment
    updated_at: Moment

    @property
    def has_failed(self) -> bool:
        """Whether an authorization was tried in vain."""
        return any(each.type == "authorize" and each.outcome and each.outcome.status == "failure"
                   for each in self.transactions)  # fmt: skip

    @property
    def is_payable(self) -> bool:
        """Whether it can still be paid."""
        return self.status in ("open", "requires_action")

    @property
    def due_at(self) -> Moment | None:
        """When something happens to it by itself, by the merchant's clock: a challenge ends, or it is captured."""
        return self.challenge.expires_at if self.challenge else self.capture_at

    @property
    def reconcile_at(self) -> Moment | None:
        """When its attempt is asked about, by everybody's clock."""
        return self.attempt and Moment.of(self.attempt.began_at + RECONCILE_AFTER)

    @property
    def births(self) -> list[tuple[str, int]]:
        """The recurring prices that subscriptions begin with once it is paid, each with how many."""
        if self.cart is None or self.cycle is not None or self.subscription is not None:
            return []
        return [(item.price, item.quantity) for item in self.cart.items if item.type == "recurring"]

    @property
    def display_status(self) -> DisplayStatus:
        """All that is known of it in one word, the most telling first (payments.md §4)."""
        states: tuple[tuple[DisplayStatus, bool], ...] = (
            ("cancelled", self.status == "cancelled"),
            ("chargeback", self.chargeback_recorded_at is not None),
            ("reversed", 0 < self.amount_reversed == self.amount_captured),
            ("partially_reversed", self.amount_reversed > 0),
            ("uncaptured", self.status == "succeeded" and self.captured_at is None),
            ("succeeded", self.status == "succeeded"),
            ("incomplete", self.status == "requires_action"),
            ("failed", self.has_failed),
        )
        known: list[DisplayStatus] = [name for name, is_so in states if is_so]
        return known[0] if known else "unattempted"

    def order(self, *, on_token: bool) -> Order:
        """Return what the gateway is asked to authorize: on a saved card's token, or on a card that was typed in.

        Who types in a card is there to confirm it, whoever started the payment.
        """
        return Order(
            payment=self.id,
            amount=self.amount,
            currency=self.currency,
            captures=self.capture_method == "automatic",
            is_off_session=on_token and self.initiator == "merchant",
            return_url=addresses.absolute(self.path),
        )

    @property
    def path(self) -> str:
        """The address of its checkout page."""
        return f"/checkout/{self.id}?key={self.checkout_key}"

    @property
    def payment(self) -> Payment:
        """What may be shown of it."""
        return Payment(
            id=self.id,
            status=self.status,
            display_status=self.display_status,
            amount=self.amount,
            amount_captured=self.amount_captured,
            amount_reversed=self.amount_reversed,
            currency=self.currency,
            is_captured=self.captured_at is not None,
            is_fully_reversed=0 < self.amount_reversed == self.amount_captured,
            is_chargebacked=self.chargeback_recorded_at is not None,
            chargeback_recorded_at=self.chargeback_recorded_at,
            initiator=self.initiator,
            off_session_type=self.off_session_type,
            customer=self.customer,
            payment_method=self.payment_method,
            subscription=self.subscription,
            cart=self.cart,
            capture_method=self.capture_method,
            capture_delay=self.capture_delay,
            capture_at=self.capture_at,
            payment_method_options=self.payment_method_options,
            action=self._action,
            return_url=self.return_url,
            checkout_url=addresses.absolute(self.path) if self.is_payable else None,
            transactions=self.transactions,
            metadata=self.metadata,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )

    @property
    def _action(self) -> Action | None:
        due = self.challenge
        return due and Action(type="redirect", redirect_url=due.redirect_url, expires_at=due.expires_at)


def told(declined: Declined) -> Outcome:
    """Return what an attempt that was declined shows of it."""
    return Outcome(
        status="failure",
        error_code=declined.code,
        error_message=declined.message,
        safe_error_message=declined.safe_message,
        decline_type=declined.decline_type,
        retry_strategy=declined.retry_strategy,
        processor_code=declined.processor_code,
        processor_message=declined.processor_message,
        special_code=declined.special_code,
    )
