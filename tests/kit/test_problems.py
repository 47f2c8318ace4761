import json
import re

import msgspec
import pytest

from odus.kit import problems
from odus.kit.problems import FIELD_CODES, KINDS, FieldError, Kind, Problem

STATUSES = {
    "validation_failed": 400,
    "invalid_json": 400,
    "bad_request": 400,
    "unauthorized": 401,
    "missing_permission": 403,
    "cross_site": 403,
    "test_only": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "conflict": 409,
    "attempt_in_progress": 409,
    "customer_restricted": 409,
    "idempotency_in_progress": 409,
    "precondition_failed": 412,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "idempotency_mismatch": 422,
    "too_many_requests": 429,
    "internal": 500,
    "unavailable": 503,
    "gateway_timeout": 504,
}


def body(problem: Problem) -> dict[str, object]:
    return json.loads(problem.body("req_1"))


def test_a_body_is_as_the_contract_shows_it() -> None:
    errors = [
        FieldError("metadata.tier", "too_long", "must be at most 500 characters, got 612"),
        FieldError("email", "required", "is required"),
    ]
    assert problems.invalid(errors).body("req_1") == (
        b'{"type":"/docs/errors#validation_failed","title":"Validation failed","status":400,"code":"validation_failed",'
        b'"detail":"The request has 2 invalid fields.","requestId":"req_1","errors":['
        b'{"field":"metadata.tier","code":"too_long","message":"must be at most 500 characters, got 612"},'
        b'{"field":"email","code":"required","message":"is required"}]}'
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_a_problem_without_fields_has_no_list_of_them(kind: Kind) -> None:
    assert body(kind("It is so.")) == {
        "type": f"/docs/errors#{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "code": kind.code,
        "detail": "It is so.",
        "requestId": "req_1",
    }


def test_a_single_field_is_told_in_the_singular() -> None:
    error = FieldError("email", "required", "is required")
    assert problems.invalid([error]).detail == "The request has 1 invalid field."
    assert problems.invalid([error, error]).detail == "The request has 2 invalid fields."


def test_each_kind_has_its_own_code_and_the_status_of_the_contract() -> None:
    assert {kind.code: kind.status for kind in KINDS} == STATUSES
    assert len(KINDS) == len(STATUSES)


def test_every_kind_there_is_stands_in_the_list_in_the_order_of_status() -> None:
    assert {id(kind) for kind in vars(problems).values() if isinstance(kind, Kind)} == {id(kind) for kind in KINDS}
    assert [kind.status for kind in KINDS] == sorted(kind.status for kind in KINDS)


@pytest.mark.parametrize("code", [*STATUSES, *FIELD_CODES])
def test_codes_are_lower_snake_case(code: str) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_each_kind_is_explained_in_sentences(kind: Kind) -> None:
    assert kind.title[0].isupper()
    assert not kind.title.endswith(".")
    assert kind.meaning[0].isupper()
    assert kind.meaning.endswith(".")


@pytest.mark.parametrize(
    "kind",
    [
        problems.ATTEMPT_IN_PROGRESS,
        problems.IDEMPOTENCY_IN_PROGRESS,
        problems.TOO_MANY_REQUESTS,
        problems.UNAVAILABLE,
        problems.GATEWAY_TIMEOUT,
    ],
    ids=lambda kind: kind.code,
)
def test_what_can_be_tried_again_says_when(kind: Kind) -> None:
    assert int(kind("Later.").headers["Retry-After"]) >= 1


def test_what_lacks_a_key_says_how_to_show_one() -> None:
    assert problems.UNAUTHORIZED("No key.").headers == {"WWW-Authenticate": "Bearer"}


def test_headers_of_one_case_stand_beside_those_of_its_kind() -> None:
    problem = problems.UNAVAILABLE("Later.", headers={"Retry-After": "7", "X-Reason": "full"})
    assert problem.headers == {"Retry-After": "7", "X-Reason": "full"}
    assert problems.UNAVAILABLE("Later.").headers == {"Retry-After": "1"}


def test_what_a_problem_was_made_from_can_change_without_it() -> None:
    errors = [FieldError("email", "required", "is required")]
    problem = problems.invalid(errors)
    errors.clear()
    assert len(problem.errors) == 1


def test_a_problem_is_raised_and_says_its_sentence() -> None:
    with pytest.raises(Problem, match=r"^There is no such thing\.$") as caught:
        raise problems.NOT_FOUND("There is no such thing.")
    assert caught.value.kind is problems.NOT_FOUND


def test_what_stands_in_a_sentence_cannot_break_the_body() -> None:
    problem = problems.invalid([FieldError('a"b\\\x00\u2028', "unknown_field", "</script>\n")])
    assert msgspec.json.decode(problem.body("req_1"))["errors"] == [
        {"field": 'a"b\\\x00\u2028', "code": "unknown_field", "message": "</script>\n"}
    ]
