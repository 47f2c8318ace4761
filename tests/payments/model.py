"""A payment as a plain model of it: what each request must be answered, and what it leaves behind (payments.md §4)."""

from dataclasses import dataclass

from tests import make

APPROVES, CHALLENGES, DECLINES = "approves", "challenges", "declines"

BEHAVIOURS = {
    make.VISA: APPROVES,
    make.MASTERCARD: APPROVES,
    make.CHALLENGED: CHALLENGES,
    make.APPROVED_ONCE: "approves once",
    make.DECLINED: DECLINES,
    make.INSUFFICIENT: DECLINES,
    make.FRAUD: DECLINES,
}

OK, WRONG, CONFLICT = 200, 400, 409


@dataclass
class Model:
    """One payment, in the words of its rules; each method changes it and returns the status code of the answer."""

    amount: int
    capture_method: str
    delay: int
    initiator: str
    has_customer: bool
    status: str = "open"
    captured: int = 0
    reversed: int = 0
    reversed_elsewhere: int = 0
    is_charged_back: bool = False
    has_failed: bool = False
    card: str | None = None
    """The number of the saved card that it names."""
    challenged: tuple[str, bool] | None = None
    """The card whose payer is asked, and whether it is to be saved."""
    is_confirmed: bool = False
    """Whether the payer confirmed it at the gateway, which is known only once it is asked for something."""
    is_due: bool = False
    """Whether a capture is due by itself, once its days are over."""

    def authorize(self, number: str, *, saves: bool, is_saved: bool = False) -> int:
        """Charge a card that is typed, or a saved one, for which nobody need be there."""
        if self.status != "open":
            return CONFLICT
        behaviour = self._behaviour(number, is_off_session=is_saved and self.initiator == "merchant")
        if behaviour == CHALLENGES:
            self.status, self.challenged = "requires_action", (number, saves)
        elif behaviour == DECLINES:
            self.has_failed = True
        else:
            self._succeed(number, saves=saves)
        return OK

    def complete(self, outcome: str) -> int:
        """End a challenge."""
        if self.challenged is None:
            return CONFLICT
        if not self._was_confirmed(confirmed=outcome == "succeeded"):
            self.status, self.has_failed = "open", True
        return OK

    def capture(self, amount: int | None) -> int:
        """Take what was authorized."""
        if self.status != "succeeded" or self.captured:
            return CONFLICT
        if amount is not None and amount > self.amount:
            return WRONG
        self.captured, self.is_due = amount or self.amount, False
        return OK

    def cancel(self) -> int:
        """Give up what was not captured."""
        if self.status == "cancelled" or self.captured:
            return CONFLICT
        if not self._was_confirmed():
            self.status, self.is_due = "cancelled", False
        return OK

    def reverse(self, amount: int | None, *, is_external: bool) -> int:
        """Give back."""
        if self.status == "succeeded" and not self.captured and amount is None and not is_external:
            return self.cancel()
        left = self.captured - self.reversed
        if left == 0:
            return CONFLICT
        if amount is not None and amount > left:
            return WRONG
        self.reversed += amount or left
        self.reversed_elsewhere += (amount or left) * is_external
        return OK

    def charge_back(self) -> int:
        """Flag it."""
        if not self.captured or self.is_charged_back:
            return CONFLICT
        self.is_charged_back = True
        return OK

    def pass_time(self, hours: int) -> None:
        """Let so many hours go by since all that happened."""
        if self.challenged and hours >= 24:
            if not self._was_confirmed():
                self.status, self.has_failed = "open", True
        elif self.is_due and hours >= 24 * self.delay:
            self.capture(None)

    def _was_confirmed(self, *, confirmed: bool = False) -> bool:
        """End a challenge, where there is one: it is paid if the payer confirmed it, before or now."""
        challenged, self.challenged = self.challenged, None
        is_paid, self.is_confirmed = self.is_confirmed or confirmed, False
        if challenged and is_paid:
            self._succeed(challenged[0], saves=challenged[1])
        return challenged is not None and is_paid

    @property
    def taken(self) -> int:
        """Return how much the gateway holds of it, whether we know already or not."""
        unheard = self.amount if self.is_confirmed and self.capture_method == "automatic" else 0
        return self.captured - self.reversed + self.reversed_elsewhere + unheard

    def _behaviour(self, number: str, *, is_off_session: bool) -> str:
        behaviour = BEHAVIOURS[number]
        if behaviour == CHALLENGES and is_off_session:
            return APPROVES
        if behaviour == "approves once":
            return DECLINES if is_off_session else APPROVES
        return behaviour

    def _succeed(self, number: str, *, saves: bool) -> None:
        self.status = "succeeded"
        self.card = number if saves and self.has_customer else None
        self.captured = self.amount if self.capture_method == "automatic" else 0
        self.is_due = self.capture_method == "automaticDelayed"

    @property
    def display_status(self) -> str:
        """Return all of it in one word."""
        if self.status == "cancelled":
            return "cancelled"
        if self.is_charged_back:
            return "chargeback"
        if self.reversed:
            return "reversed" if self.reversed == self.captured else "partially_reversed"
        if self.status == "succeeded":
            return "succeeded" if self.captured else "uncaptured"
        if self.status == "requires_action":
            return "incomplete"
        return "failed" if self.has_failed else "unattempted"

    @property
    def shown(self) -> dict[str, object]:
        """Return what the API must show."""
        return {
            "status": self.status,
            "displayStatus": self.display_status,
            "amount": self.amount,
            "amountCaptured": self.captured,
            "amountReversed": self.reversed,
            "isCaptured": self.captured > 0,
            "isFullyReversed": 0 < self.captured == self.reversed,
            "isChargebacked": self.is_charged_back,
            "initiator": self.initiator,
        }
