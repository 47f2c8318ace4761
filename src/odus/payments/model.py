"""Payments: what a merchant asks for, every attempt to get it, and what became of the money (payments.md §4)."""

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from odus.gateways.protocol import DeclineType, Result, RetryStrategy
from odus.kit.fields import END, NO_NUL, Amount, Currency, Text255, Text500
from odus.kit.metadata import MetadataPatch, NewMetadata
from odus.kit.times import Moment
from odus.merchant_configs.model import CaptureDelay, CaptureMethod
from odus.products.model import PriceType

Status = Literal["open", "requires_action", "succeeded", "cancelled"]
DisplayStatus = Literal[
    "unattempted",
    "incomplete",
    "failed",
    "uncaptured",
    "succeeded",
    "partially_reversed",
    "reversed",
    "chargeback",
    "cancelled",
]
Initiator = Literal["customer", "merchant"]
OffSessionType = Literal["recurring"]
TransactionType = Literal["authorize", "capture", "reverse"]

MOST_ITEMS = 100
MOST_QUANTITY = 10_000
MOST_TRANSACTIONS = 100
"""Attempts of one type on one payment: whoever has the link of its checkout cannot try cards without end."""

Id = Annotated[str, Meta(max_length=255, pattern=NO_NUL)]
"""The id of something else, looked up; longer ones are nobody's, and too long for an index."""

ReturnUrl = Annotated[
    str,
    Meta(max_length=2048, pattern=rf"^https?://[^\x00-\x20\x7f]+{END}", description="An `https` or `http` address."),
]


class CartItemSent(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """How many of a price."""

    price: Id
    quantity: Annotated[int, Meta(ge=1, le=MOST_QUANTITY)] = 1


class CartSent(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What is bought, as it is sent."""

    items: Annotated[list[CartItemSent], Meta(min_length=1, max_length=MOST_ITEMS)]


class CartItem(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What is bought; `amount` is what one cost when the payment was made."""

    price: str
    quantity: int
    amount: int
    type: Annotated[PriceType, Meta(description="Each `recurring` one begins a subscription once it is paid for.")]


class Cart(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What is bought."""

    items: list[CartItem]


class CardOptions(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """How a card is captured; it wins over what is said for all methods."""

    capture_method: CaptureMethod | None = None
    capture_delay: CaptureDelay | None = None


class PaymentMethodOptions(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """How the money is captured; what is not said is as the merchant's configuration has it."""

    capture_method: CaptureMethod | None = None
    capture_delay: CaptureDelay | None = None
    card: CardOptions | None = None


class Action(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What the payer has to do: confirm the payment at `redirectUrl` before `expiresAt`."""

    type: Literal["redirect"]
    redirect_url: str
    expires_at: Moment


class CardShown(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The card of an attempt, as its holder knows it."""

    brand: str
    last_four: str


class Outcome(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """How an attempt ended; all but `status` is null for a success."""

    status: Literal["success", "failure"]
    error_code: str | None = None
    error_message: Annotated[str | None, Meta(description="For the merchant.")] = None
    safe_error_message: Annotated[str | None, Meta(description="For the payer.")] = None
    decline_type: DeclineType | None = None
    retry_strategy: RetryStrategy | None = None
    processor_code: str | None = None
    processor_message: str | None = None
    special_code: str | None = None


class Transaction(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One attempt to move money."""

    id: str
    type: TransactionType
    amount: int
    outcome: Annotated[
        Outcome | None, Meta(description="Null while it is under way, or while the payer has to confirm it.")
    ]
    card: CardShown | None
    is_external: Annotated[bool, Meta(description="Whether it was made elsewhere and is only recorded.")] = False
    created_at: Moment


class Payment(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a merchant asks for, and what became of it. Amounts are in the currency's minor unit."""

    id: str
    status: Status
    display_status: Annotated[DisplayStatus, Meta(description="All that is known of it in one word.")]
    amount: int
    amount_captured: int
    amount_reversed: int
    currency: str
    is_captured: bool
    is_fully_reversed: bool
    is_chargebacked: bool
    chargeback_recorded_at: Moment | None
    initiator: Annotated[Initiator, Meta(description="Who started it: `merchant` where the customer was not there.")]
    off_session_type: OffSessionType | None
    customer: str | None
    payment_method: str | None
    subscription: str | None
    cart: Cart | None
    capture_method: CaptureMethod
    capture_delay: int | None
    capture_at: Annotated[Moment | None, Meta(description="When it will be captured by itself.")]
    payment_method_options: PaymentMethodOptions | None
    action: Annotated[Action | None, Meta(description="Null unless the payer has to do something.")]
    return_url: str | None
    checkout_url: Annotated[
        str | None,
        Meta(description="The page where a person pays it; null once it cannot be paid. Whoever has it may pay."),
    ]
    transactions: list[Transaction]
    metadata: dict[str, str]
    created_at: Moment
    updated_at: Moment


class Revenue(msgspec.Struct, frozen=True):
    """What came of one day's payments of one currency: what was captured without what was given back, and how many."""

    day: date
    currency: str
    amount: int
    count: int


class PaymentCreate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What a new payment is made of; it charges nothing yet. Either `amount` or `cart` says how much."""

    currency: Currency
    amount: Amount | None = None
    initiator: Initiator = "customer"
    customer: Id | None = None
    payment_method: Id | None = None
    cart: CartSent | None = None
    payment_method_options: PaymentMethodOptions | None = None
    return_url: ReturnUrl | None = None
    metadata: NewMetadata | None = None


class PaymentUpdate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What may change on a payment by itself."""

    return_url: ReturnUrl | UnsetType | None = UNSET
    metadata: MetadataPatch | UnsetType | None = UNSET


class CardSent(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A card as its holder typed it; number and code go to the gateway alone, and are never stored or shown."""

    number: Annotated[
        str,
        Meta(pattern=f"^[0-9 -]*{END}", max_length=40, description="12 to 19 digits; spaces and dashes are taken out."),
    ]
    exp_month: Annotated[str, Meta(pattern=f"^(0[1-9]|1[0-2]){END}", description="`01` to `12`.")]
    exp_year: Annotated[str, Meta(pattern=f"^20[0-9]{{2}}{END}", description="Four digits.")]
    cvc: Annotated[str, Meta(pattern=f"^[0-9]*{END}", max_length=4, description="3 digits, 4 for American Express.")]
    cardholder_name: Text255 | None = None

    def __repr__(self) -> str:
        return "CardSent(…)"


class PaymentAuthorize(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What a payment is charged to: the method that it names, another saved one, or a card."""

    payment_method: Id | None = None
    card: CardSent | None = None
    save_payment_method: Annotated[
        bool, Meta(description="Whether the card is saved for the payment's customer, where it has one.")
    ] = True


class PaymentCompleteAction(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """How the payer's confirmation ended."""

    outcome: Result


class PaymentCapture(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """How much is captured: all that was authorized, where nothing is said; the rest is released."""

    amount: Amount | None = None


class PaymentCancel(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """There is nothing to say about it."""


class PaymentReverse(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """How much is given back: all that is left, where nothing is said."""

    amount: Amount | None = None
    is_external: Annotated[bool, Meta(description="Whether it was given back elsewhere, and is only recorded.")] = False


class CustomerRestrictions(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What is blocked for the customer from now on."""

    restrict_cit: bool | UnsetType = UNSET
    restrict_mit: bool | UnsetType = UNSET
    restrict_reason: Text500 | UnsetType | None = UNSET


class PaymentRecordChargeback(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """That the payer had the money back through the bank, and what is to follow for the customer."""

    customer_restrictions: CustomerRestrictions | None = None
