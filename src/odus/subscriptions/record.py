"""Records: a subscription as it is stored, of which a `Subscription` is what may be shown."""

import msgspec

from odus.kit.times import Moment
from odus.products.model import BillingSchedule
from odus.subscriptions.calendar import definition
from odus.subscriptions.model import DisabledReason, Status, Subscription


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """All that is stored of a subscription."""

    id: str
    customer: str
    price: str
    quantity: int
    currency: str
    schedule: BillingSchedule
    """The price's, which never changes."""
    timezone: str
    """The merchant's when it began: its periods stay where they are when that is changed."""
    payment: str
    payment_method: str
    status: Status = "active"
    start_date: Moment
    current_period_start: Moment
    current_period_end: Moment
    current_cycle: int = 1
    cancel_at_period_end: bool = False
    cancelled_at: Moment | None = None
    disabled_reason: DisabledReason | None = None
    disabled_detail: str | None = None
    """Why the charge that is due came to nothing, in words."""
    failed_at: Moment | None = None
    """When the charge that is due was declined first."""
    retries: int = 0
    """How often it was tried again since."""
    due_at: Moment | None
    """When something happens to it by itself."""
    metadata: dict[str, str]
    created_at: Moment
    updated_at: Moment

    @property
    def next_amount(self) -> int:
        """What the next cycle costs."""
        return definition(self.schedule, self.current_cycle + 1).amount * self.quantity

    @property
    def subscription(self) -> Subscription:
        """What may be shown of it."""
        charges = self.due_at is not None and not self.cancel_at_period_end
        return Subscription(
            id=self.id,
            customer=self.customer,
            price=self.price,
            quantity=self.quantity,
            payment=self.payment,
            payment_method=self.payment_method,
            status=self.status,
            start_date=self.start_date,
            current_period_start=self.current_period_start,
            current_period_end=self.current_period_end,
            current_cycle=self.current_cycle,
            cancel_at_period_end=self.cancel_at_period_end,
            cancelled_at=self.cancelled_at,
            auto_billing_enabled=self.disabled_reason is None,
            auto_billing_disabled_reason=self.disabled_reason,
            auto_billing_disabled_detail=self.disabled_detail,
            next_charge_at=self.due_at if charges else None,
            next_charge_amount=self.next_amount if charges else None,
            currency=self.currency,
            metadata=self.metadata,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )
