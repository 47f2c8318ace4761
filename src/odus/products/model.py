"""Products and prices: what a merchant sells, and for how much (payments.md §2)."""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from odus.kit import problems
from odus.kit.fields import NO_NUL, AmountOrNothing, Currency, StatementDescriptor
from odus.kit.metadata import MetadataPatch, NewMetadata
from odus.kit.problems import FieldError
from odus.kit.times import Moment

PriceType = Literal["one_time", "recurring"]
IntervalUnit = Literal["minute", "hour", "day", "week", "month", "year"]

LONGEST_INTERVALS: dict[IntervalUnit, int] = {
    "minute": 2_628_000,
    "hour": 43_800,
    "day": 1_825,
    "week": 260,
    "month": 60,
    "year": 5,
}
"""How many of each unit a cycle lasts at most: five years."""

MOST_CYCLES = 20

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=NO_NUL)]
Description = Annotated[str, Meta(max_length=1000, pattern=NO_NUL)]


class Product(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Something that a merchant sells."""

    id: Annotated[str, Meta(description="`prod_` and 27 characters; what prices name.")]
    name: str
    description: str | None
    statement_descriptor: Annotated[str | None, Meta(description="What a card's statement shows of a payment for it.")]
    active: Annotated[bool, Meta(description="Whether it is sold; one that is not takes no new prices.")]
    metadata: Annotated[dict[str, str], Meta(description="Your own strings on the product, sorted by key.")]
    created_at: Moment
    updated_at: Annotated[Moment, Meta(description="Moves with each update that changes something.")]


class ProductCreate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What a new product is made of; only the name is required."""

    name: Name
    description: Description | None = None
    statement_descriptor: StatementDescriptor | None = None
    metadata: NewMetadata | None = None


class ProductUpdate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What may change on a product."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    statement_descriptor: StatementDescriptor | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET
    metadata: MetadataPatch | UnsetType | None = UNSET


class CycleDefinition(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A step of a billing schedule: what one cycle costs, and how long it lasts."""

    position: int
    amount: int
    interval_unit: IntervalUnit
    interval_value: int


class BillingSchedule(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """How a recurring price is billed: cycle by cycle; the last one repeats without end."""

    cycle_definitions: list[CycleDefinition]


class CycleDefinitionSent(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A step of a billing schedule as it is sent; it lasts five years at most."""

    position: Annotated[int, Meta(ge=1, le=MOST_CYCLES, description="From 1 on, without gaps.")]
    amount: AmountOrNothing
    interval_unit: IntervalUnit
    interval_value: Annotated[int, Meta(ge=1, le=max(LONGEST_INTERVALS.values()))]


class BillingScheduleSent(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A billing schedule as it is sent: its steps in any order."""

    cycle_definitions: Annotated[list[CycleDefinitionSent], Meta(min_length=1, max_length=MOST_CYCLES)]


class Price(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a product costs, once or in cycles."""

    id: Annotated[str, Meta(description="`price_` and 27 characters; what carts and subscriptions name.")]
    product: Annotated[str, Meta(description="The id of the product.")]
    name: str
    type: PriceType
    currency: Annotated[str, Meta(description="ISO 4217, in small letters.")]
    amount: Annotated[
        int, Meta(description="In the currency's minor unit; of a recurring price the one-time setup fee, 0 for none.")
    ]
    billing_schedule: Annotated[BillingSchedule | None, Meta(description="Null for a price that is paid once.")]
    active: Annotated[bool, Meta(description="Whether it can be bought.")]
    metadata: Annotated[dict[str, str], Meta(description="Your own strings on the price, sorted by key.")]
    created_at: Moment
    updated_at: Annotated[Moment, Meta(description="Moves with each update that changes something.")]

    @property
    def first_amount(self) -> int:
        """What is paid at first: the amount, or the setup fee with the first cycle."""
        if self.billing_schedule is None:
            return self.amount
        return self.amount + self.billing_schedule.cycle_definitions[0].amount


class PriceCreate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What a new price is made of. Of a recurring one, `amount` is an optional setup fee."""

    product: Annotated[str, Meta(max_length=255, pattern=NO_NUL)]
    name: Name
    type: PriceType
    currency: Currency
    amount: AmountOrNothing | None = None
    billing_schedule: BillingScheduleSent | None = None
    metadata: NewMetadata | None = None


class PriceUpdate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What may change on a price: never what it costs."""

    name: Name | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    metadata: MetadataPatch | UnsetType | None = UNSET


def schedule(data: PriceCreate) -> BillingSchedule | None:
    """Return what is stored of a billing schedule, its steps by position.

    Raises `validation_failed` where type, amount and schedule do not go together, positions have gaps or repeat, or a
    cycle lasts longer than five years.
    """
    errors = list(_recurring_errors(data) if data.type == "recurring" else _one_time_errors(data))
    if errors:
        raise problems.invalid(errors)
    if data.billing_schedule is None:
        return None
    steps = [CycleDefinition(**msgspec.structs.asdict(sent)) for sent in data.billing_schedule.cycle_definitions]
    return BillingSchedule(cycle_definitions=sorted(steps, key=lambda step: step.position))


def _one_time_errors(data: PriceCreate) -> Iterator[FieldError]:
    if data.amount is None:
        yield FieldError("amount", "required", "is required on a price that is paid once")
    elif data.amount < 1:
        yield FieldError("amount", "out_of_range", "must be at least 1")
    if data.billing_schedule is not None:
        yield FieldError("billingSchedule", "invalid_value", "must not stand on a price that is paid once")


def _recurring_errors(data: PriceCreate) -> Iterator[FieldError]:
    if data.billing_schedule is None:
        yield FieldError("billingSchedule", "required", "is required on a recurring price")
        return
    steps = data.billing_schedule.cycle_definitions
    seen: set[int] = set()
    for index, step in enumerate(steps):
        path = f"billingSchedule.cycleDefinitions[{index}]"
        if step.position in seen or step.position > len(steps):
            message = f"must be one of 1 to {len(steps)}, each once, got {step.position}"
            yield FieldError(f"{path}.position", "invalid_value", message)
        seen.add(step.position)
        longest = LONGEST_INTERVALS[step.interval_unit]
        if step.interval_value > longest:
            message = f"must be at most {longest}, as a cycle lasts at most 5 years"
            yield FieldError(f"{path}.intervalValue", "out_of_range", message)
