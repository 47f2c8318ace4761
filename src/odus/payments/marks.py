"""Marks: which requests did something to a payment, so that one that is sent again does nothing more (decision 0014).

As what else is kept of an `Idempotency-Key`, a mark counts for a while, and then the key is free for another request
(api.md §7).
"""

from odus.kit.idempotency import KEPT_FOR
from odus.kit.permissions import Mark
from odus.kit.times import Moment
from odus.payments.record import Record

_AT = ".at"
"""When a mark was made stands beside it, where a release that knows no such times passes it over."""


def asked(record: Record, request: str, at: Moment) -> str | None:
    """Return what a request asked that did something to the payment, or is at it; None where it counts no more."""
    if request not in record.requests or not _counts(record, request, at):
        return None
    return record.requests[request]


def noted(record: Record, mark: Mark, at: Moment) -> dict[str, str]:
    """Return the payment's marks with another one, and without those that count no more."""
    kept = [each for each in record.requests if not each.endswith(_AT) and _counts(record, each, at)]
    known = {each: record.requests[each] for each in kept}
    times = {f"{each}{_AT}": str(_made_at(record, each)) for each in kept}
    return {**known, **times, mark.request: mark.fingerprint, f"{mark.request}{_AT}": str(at)}


def _counts(record: Record, request: str, at: Moment) -> bool:
    is_under_way = record.attempt is not None and record.attempt.request == request
    return is_under_way or _made_at(record, request) > at - KEPT_FOR


def _made_at(record: Record, request: str) -> Moment:
    """Return when a mark was made; one that does not say so was made before the payment last changed."""
    said = record.requests.get(f"{request}{_AT}")
    return record.updated_at if said is None else Moment.parse(said)
