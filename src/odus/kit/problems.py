"""Problems: every way in which a request can fail, as RFC 9457 answers."""

from collections.abc import Mapping, Sequence

import msgspec

from odus.kit.card_numbers import masked


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field: its path (`metadata.tier`), a stable code, and a sentence."""

    field: str
    code: str
    message: str


class ProblemBody(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The body of every answer of 400 and above."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[FieldError] = []


class Problem(Exception):  # noqa: N818 - the name that RFC 9457 gives it
    """A mistake of the caller, or a lack of ours, that is answered in full."""

    def __init__(
        self,
        kind: "Kind",
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take the kind, a sentence for this case, the fields that are wrong, and headers for the answer.

        What was sent may be said again in them, but never a card number, wherever it was sent.
        """
        super().__init__(masked(detail))
        self.kind = kind
        self.detail = masked(detail)
        self.errors = [FieldError(masked(each.field), each.code, masked(each.message)) for each in errors]
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> bytes:
        """Encode the answer's body."""
        kind = self.kind
        body = ProblemBody(
            type=f"/docs/errors#{kind.code}",
            title=kind.title,
            status=kind.status,
            code=kind.code,
            detail=self.detail,
            request_id=request_id,
            errors=self.errors,
        )
        return msgspec.json.encode(body)


class Kind(msgspec.Struct, frozen=True):
    """A kind of problem: call it with a sentence to make the `Problem` to raise."""

    code: str
    status: int
    title: str
    meaning: str
    headers: tuple[tuple[str, str], ...] = ()

    def __call__(
        self, detail: str, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
    ) -> Problem:
        """Make the problem of one case."""
        return Problem(self, detail, errors, {**dict(self.headers), **(headers or {})})


VALIDATION_FAILED = Kind(
    "validation_failed",
    400,
    "Validation failed",
    "The request has fields, parameters or headers that are wrong. "
    "Each stands in `errors` with its path, and nothing was changed.",
)
INVALID_JSON = Kind(
    "invalid_json",
    400,
    "Invalid JSON",
    "The body is not one JSON object in UTF-8: it is cut off, misspelled, names a key twice, or nests too deep.",
)
BAD_REQUEST = Kind(
    "bad_request", 400, "Bad request", "The request is not proper HTTP, or its address cannot be decoded."
)
UNAUTHORIZED = Kind(
    "unauthorized",
    401,
    "Unauthorized",
    "There is no valid secret key in `Authorization: Bearer skey_…`. "
    "A missing, misspelled, unknown, revoked and expired key all look the same.",
    (("WWW-Authenticate", "Bearer"),),
)
MISSING_PERMISSION = Kind(
    "missing_permission",
    403,
    "Missing permission",
    "The secret key is valid but lacks the permission that `detail` names. Nothing was done.",
)
CROSS_SITE = Kind(
    "cross_site",
    403,
    "Request from another site",
    "A page of another site sent this form of the Dashboard. Nothing was done.",
)
TEST_ONLY = Kind(
    "test_only",
    403,
    "For test merchants only",
    "The merchant is live: its clock is everybody's. Nothing was done.",
)
NOT_FOUND = Kind(
    "not_found",
    404,
    "Not found",
    "There is nothing at this address that the key's merchant can see. Another merchant's objects answer the same.",
)
METHOD_NOT_ALLOWED = Kind(
    "method_not_allowed",
    405,
    "Method not allowed",
    "The address exists, but not with this method; `Allow` lists those it has.",
)
ATTEMPT_IN_PROGRESS = Kind(
    "attempt_in_progress",
    409,
    "Attempt in progress",
    "Another attempt on this payment waits for the gateway's answer. Ask again after `Retry-After` seconds.",
    (("Retry-After", "1"),),
)
CUSTOMER_RESTRICTED = Kind(
    "customer_restricted",
    409,
    "Customer restricted",
    "The payment's customer is blocked for payments of this initiator; `detail` says why.",
)
GATEWAY_TIMEOUT = Kind(
    "gateway_timeout",
    504,
    "Gateway timeout",
    "The gateway did not answer in time. What became of the attempt is asked, and stands in the payment soon; "
    "the same request with the same `Idempotency-Key` is answered by it and moves no money again.",
    (("Retry-After", "60"),),
)
REQUEST_TIMEOUT = Kind("request_timeout", 408, "Request timeout", "The body did not arrive in time. Send it again.")
CONFLICT = Kind("conflict", 409, "Conflict", "The object is in a state that does not permit this. `detail` says which.")
IDEMPOTENCY_IN_PROGRESS = Kind(
    "idempotency_in_progress",
    409,
    "Request in progress",
    "A request with the same `Idempotency-Key` is still running. Ask again after `Retry-After` seconds for its answer.",
    (("Retry-After", "1"),),
)
PRECONDITION_FAILED = Kind(
    "precondition_failed",
    412,
    "Precondition failed",
    "The object changed since the version that `If-Match` names. Read it again, then decide.",
)
PAYLOAD_TOO_LARGE = Kind("payload_too_large", 413, "Payload too large", "The body is larger than 1 MiB.")
UNSUPPORTED_MEDIA_TYPE = Kind(
    "unsupported_media_type",
    415,
    "Unsupported media type",
    "The body must be `Content-Type: application/json` in UTF-8, without a `Content-Encoding`.",
)
IDEMPOTENCY_MISMATCH = Kind(
    "idempotency_mismatch",
    422,
    "Idempotency key used before",
    "The `Idempotency-Key` was used for a request with another method, path or body. Take a new one for a new request.",
)
TOO_MANY_REQUESTS = Kind(
    "too_many_requests",
    429,
    "Too many requests",
    "This was tried too often. Wait `Retry-After` seconds, then try again.",
    (("Retry-After", "900"),),
)
INTERNAL = Kind(
    "internal",
    500,
    "Internal error",
    "Something failed on our side. It is logged under the request's id; "
    "send the request again with the same `Idempotency-Key`.",
)
UNAVAILABLE = Kind(
    "unavailable",
    503,
    "Unavailable",
    "The database cannot be reached or is too busy. "
    "Send the request again after `Retry-After` seconds, a write with the same `Idempotency-Key`. "
    "A list that took too long is answered so too, and `detail` says how to narrow it.",
    (("Retry-After", "1"),),
)

KINDS = (
    VALIDATION_FAILED,
    INVALID_JSON,
    BAD_REQUEST,
    UNAUTHORIZED,
    MISSING_PERMISSION,
    CROSS_SITE,
    TEST_ONLY,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    REQUEST_TIMEOUT,
    CONFLICT,
    ATTEMPT_IN_PROGRESS,
    CUSTOMER_RESTRICTED,
    IDEMPOTENCY_IN_PROGRESS,
    PRECONDITION_FAILED,
    PAYLOAD_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    IDEMPOTENCY_MISMATCH,
    TOO_MANY_REQUESTS,
    INTERNAL,
    UNAVAILABLE,
    GATEWAY_TIMEOUT,
)
"""All kinds, in the order of their status: `/docs/errors` and the tests are made from it."""

FIELD_CODES = {
    "required": "The field is missing, and there is no default.",
    "unknown_field": "There is no such field or parameter here, or it is read-only.",
    "unknown_operator": "The filter's field does not have this operator.",
    "invalid_type": "The value has the wrong JSON type, or is null where null is not possible.",
    "invalid_value": "The value has the right type but is not one that is possible here.",
    "invalid_format": "The text is not written as it must be, such as an email address without an `@`.",
    "too_long": "The text has more characters than the field takes.",
    "too_short": "The text or list has fewer characters or items than the field needs.",
    "too_many": "The list or object has more items than the field takes.",
    "out_of_range": "The number or date is smaller or larger than the field takes.",
}
"""The codes of single fields in `errors`."""


def invalid(errors: Sequence[FieldError]) -> Problem:
    """Make the answer for fields that are wrong; all of them at once."""
    count = len(errors)
    detail = "The request has 1 invalid field." if count == 1 else f"The request has {count} invalid fields."
    return VALIDATION_FAILED(detail, errors)
