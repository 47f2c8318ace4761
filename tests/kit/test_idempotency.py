import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import asyncpg
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from odus.kit import db, idempotency, problems
from odus.kit.db import Database, Write
from odus.kit.idempotency import Answer, Attempt, check_key, fingerprint, once, tidy
from odus.kit.permissions import Actor, Principal
from odus.kit.problems import FieldError, Kind, Problem
from odus.merchants import actions as merchants
from odus.migrations.upgrade import upgrade
from tests import make
from tests.processes import PATIENCE

Run = Callable[[Write], Awaitable[Answer]]

CREATED = Answer(201, b'{"id":"cus_1"}', '"1-x"')
TOO_MANY = Kind("too_many_requests", 429, "Too many requests", "Later.")
DAY = timedelta(days=1)


class Wrong(Exception):  # noqa: N818 - what a handler may raise
    """A fault of ours."""


class Handler:
    """A handler that counts how often it is run."""

    def __init__(self, outcome: Answer | Exception = CREATED, sql: str = "") -> None:
        """Answer or raise the outcome, after a statement."""
        self.runs = 0
        self._outcome = outcome
        self._sql = sql

    async def __call__(self, write: Write) -> Answer:
        """Run."""
        self.runs += 1
        if self._sql:
            await write.run(self._sql)  # type: ignore[arg-type]
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


@pytest.fixture
async def who(database: Database) -> Principal:
    merchant = await merchants.create(database.write, make.who(""), "Corner Shop", "test")
    return principal(merchant.id)


@pytest.fixture(scope="module")
async def url(server_url: str) -> AsyncIterator[str]:
    """Make a database of its own, where transactions commit."""
    async with make.database(server_url) as url:
        await upgrade(url)
        yield url


@pytest.fixture
async def pool(url: str) -> AsyncIterator[Database]:
    async with db.connect(url, 8) as database:
        yield database


def principal(merchant_id: str, actor_id: str = "key_1") -> Principal:
    actor = Actor("secretKey", actor_id)
    return Principal(merchant_id=merchant_id, actor=actor, permissions=frozenset(), request_id="req_first")


def attempt(who: Principal, *, key: str = "retry-1", body: bytes = b"{}", seal: bytes = b"") -> Attempt:
    return Attempt(who=who, key=key, fingerprint=fingerprint("POST", "/customers", body), seal=seal)


async def refusal(work: Awaitable[Answer]) -> Problem:
    with pytest.raises(Problem) as caught:
        await work
    return caught.value


async def records(database: Database) -> int:
    return await database.read.count("select count(*) from idempotency_records")


async def make_older(database: Database, age: timedelta) -> None:
    await database.write.run("update idempotency_records set created_at = created_at - $1::interval", age)


async def test_the_first_attempt_is_run_and_the_second_gets_its_answer(database: Database, who: Principal) -> None:
    handler = Handler()
    assert await once(database.write, attempt(who), handler) == CREATED
    again = Handler(Wrong())
    assert await once(database.write, attempt(who), again) == Answer(201, CREATED.body, CREATED.etag, replayed=True)
    assert (handler.runs, again.runs) == (1, 0)


async def test_however_often_it_is_sent_it_is_run_once(database: Database, who: Principal) -> None:
    handler = Handler()
    answers = [await once(database.write, attempt(who), handler) for _ in range(5)]
    assert handler.runs == 1
    assert {(answer.status, answer.body, answer.etag) for answer in answers} == {(201, CREATED.body, CREATED.etag)}
    assert [answer.replayed for answer in answers] == [False, True, True, True, True]


async def test_another_request_with_the_same_key_is_refused_and_not_run(database: Database, who: Principal) -> None:
    await once(database.write, attempt(who), Handler())
    other = Handler()
    problem = await refusal(once(database.write, attempt(who, body=b'{"a":1}'), other))
    assert (problem.kind.code, problem.kind.status) == ("idempotency_mismatch", 422)
    assert other.runs == 0
    assert (await once(database.write, attempt(who), Handler())).replayed


async def test_another_key_is_another_request(database: Database, who: Principal) -> None:
    handler = Handler()
    await once(database.write, attempt(who, key="a"), handler)
    await once(database.write, attempt(who, key="A"), handler)
    await once(database.write, attempt(who, key="a "), handler)
    assert handler.runs == 3


async def test_the_same_key_of_another_actor_or_merchant_is_another_request(database: Database, who: Principal) -> None:
    other_merchant = await merchants.create(database.write, make.who(""), "Other Shop", "test")
    handler = Handler()
    for each in (who, principal(who.merchant_id, "key_2"), principal(other_merchant.id)):
        assert not (await once(database.write, attempt(each), handler)).replayed
    for each in (who, principal(who.merchant_id, "key_2"), principal(other_merchant.id)):
        assert (await once(database.write, attempt(each), handler)).replayed
    assert handler.runs == 3


@pytest.mark.parametrize(
    "kind", [problems.NOT_FOUND, problems.CONFLICT, problems.PRECONDITION_FAILED], ids=lambda kind: kind.code
)
async def test_what_the_handler_refused_is_answered_again(database: Database, who: Principal, kind: Kind) -> None:
    first = await once(database.write, attempt(who), Handler(kind("It is so.")))
    assert (first.status, first.etag, first.replayed) == (kind.status, None, False)
    assert json.loads(first.body) == json.loads(kind("It is so.").body("req_first"))
    later = msgspec.structs.replace(who, request_id="req_second")
    handler = Handler()
    assert await once(database.write, attempt(later), handler) == msgspec.structs.replace(first, replayed=True)
    assert handler.runs == 0


@pytest.mark.parametrize(
    "problem",
    [
        problems.invalid([FieldError("email", "required", "is required")]),
        problems.INVALID_JSON("Cut off."),
        problems.UNAUTHORIZED("No key."),
        problems.MISSING_PERMISSION("Lacks it."),
        TOO_MANY("Later."),
        problems.INTERNAL("Broken."),
        problems.UNAVAILABLE("Busy."),
    ],
    ids=lambda problem: problem.kind.code,
)
async def test_what_says_that_nothing_was_tried_is_not_kept(
    database: Database, who: Principal, problem: Problem
) -> None:
    assert await refusal(once(database.write, attempt(who), Handler(problem))) is problem
    assert await records(database) == 0
    assert await once(database.write, attempt(who, body=b'{"put":"right"}'), Handler()) == CREATED


async def test_a_fault_of_ours_leaves_neither_the_change_nor_the_record(database: Database, who: Principal) -> None:
    with pytest.raises(Wrong):
        await once(database.write, attempt(who), Handler(Wrong(), "update merchants set name = 'half done'"))
    assert await database.read.count("select count(*) from merchants where name = 'half done'") == 0
    assert await records(database) == 0
    assert await once(database.write, attempt(who), Handler()) == CREATED


async def test_what_a_refused_handler_had_written_is_undone_and_its_answer_is_kept(
    database: Database, who: Principal
) -> None:
    handler = Handler(problems.CONFLICT("Not now."), "update merchants set name = 'half done'")
    assert (await once(database.write, attempt(who), handler)).status == 409
    assert await database.read.count("select count(*) from merchants where name = 'half done'") == 0
    assert await records(database) == 1


async def test_what_a_handler_wrote_stays_beside_its_record(database: Database, who: Principal) -> None:
    await once(database.write, attempt(who), Handler(CREATED, "update merchants set name = 'done'"))
    assert await database.read.count("select count(*) from merchants where name <> 'done'") == 0
    assert await records(database) == 1


async def test_after_30_days_a_key_is_free_again(database: Database, who: Principal) -> None:
    await once(database.write, attempt(who), Handler())
    await make_older(database, 30 * DAY)
    renewed = Answer(200, b'{"id":"cus_2"}', '"2-x"')
    other = attempt(who, body=b'{"another":"request"}')
    assert await once(database.write, other, Handler(renewed)) == renewed
    assert await once(database.write, other, Handler()) == msgspec.structs.replace(renewed, replayed=True)
    assert await records(database) == 1
    assert (await refusal(once(database.write, attempt(who), Handler()))).kind.status == 422


async def test_within_30_days_it_is_not(database: Database, who: Principal) -> None:
    await once(database.write, attempt(who), Handler())
    await make_older(database, 30 * DAY - timedelta(minutes=5))
    assert (await once(database.write, attempt(who), Handler())).replayed


async def test_records_that_no_longer_count_are_dropped_and_the_others_stay(
    database: Database, who: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "TIDY_BATCH", 2)
    for number in range(5):
        await once(database.write, attempt(who, key=f"old-{number}"), Handler())
    await make_older(database, 30 * DAY)
    await once(database.write, attempt(who, key="young"), Handler())
    await make_older(database, timedelta(minutes=5))
    await tidy(database.write)
    assert await records(database) == 1
    assert (await once(database.write, attempt(who, key="young"), Handler())).replayed


async def test_dropping_records_waits_for_nobody_who_uses_one(pool: Database) -> None:
    who = await committed_merchant(pool)
    await once(pool.write, attempt(who, key="used"), Handler())
    await make_older(pool, 31 * DAY)
    async with pool.write.transaction() as transaction:
        await transaction.run("select from idempotency_records where key = 'used' for update")
        async with asyncio.timeout(PATIENCE):
            await tidy(pool.write)
    assert await pool.read.count("select count(*) from idempotency_records where key = 'used'") == 1
    await tidy(pool.write)
    assert await pool.read.count("select count(*) from idempotency_records where key = 'used'") == 0


async def test_an_answer_that_shows_a_secret_is_stored_unreadable_and_shown_to_the_same_caller_again(
    database: Database, who: Principal
) -> None:
    shown = Answer(201, b'{"value":"skey_secret"}', '"1-x"')
    await once(database.write, attempt(who, seal=b"skey_caller"), Handler(shown))
    row = await database.read.row("select * from idempotency_records")
    assert row is not None
    assert not any(secret in repr(dict(row)) for secret in ("skey_secret", "value", "skey_caller"))
    again = await once(database.write, attempt(who, seal=b"skey_caller"), Handler())
    assert again == msgspec.structs.replace(shown, replayed=True)


@pytest.mark.parametrize("seal", [b"skey_rotated", b"skey_calle", b""])
async def test_who_shows_another_secret_does_not_see_the_sealed_answer(
    database: Database, who: Principal, seal: bytes
) -> None:
    shown = Answer(201, b'{"value":"skey_secret"}', '"1-x"')
    await once(database.write, attempt(who, seal=b"skey_caller"), Handler(shown))
    handler = Handler()
    problem = await refusal(once(database.write, attempt(who, seal=seal), handler))
    assert problem.kind.code == "conflict"
    assert b"skey_secret" not in problem.body("req_1")
    assert handler.runs == 0


async def test_two_sealed_answers_that_are_the_same_do_not_look_the_same(database: Database, who: Principal) -> None:
    for key in ("a", "b"):
        await once(database.write, attempt(who, key=key, seal=b"skey_caller"), Handler())
    rows = await database.read.rows("select body from idempotency_records")
    assert len({row["body"] for row in rows}) == 2


@pytest.mark.parametrize("size", [0, 1, 100_000])
async def test_a_body_of_any_size_and_any_bytes_comes_back_as_it_was(
    database: Database, who: Principal, size: int
) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    for seal in (b"", b"skey_caller"):
        named = attempt(who, key=f"key {len(seal)}", seal=seal)
        await once(database.write, named, Handler(Answer(200, body[:size], '"1"')))
        assert (await once(database.write, named, Handler())).body == body[:size]


async def test_while_the_first_still_runs_the_second_is_told_to_come_back(url: str, pool: Database) -> None:
    who = await committed_merchant(pool)
    first = await asyncpg.connect(url)
    transaction = first.transaction()
    await transaction.start()
    await once(Write(first), attempt(who), Handler())
    second = Handler()
    problem = await refusal(once(pool.write, attempt(who), second))
    assert (problem.kind.code, problem.kind.status) == ("idempotency_in_progress", 409)
    assert int(problem.headers["Retry-After"]) >= 1
    assert not (await once(pool.write, attempt(who, key="another"), Handler())).replayed
    assert not (await once(pool.write, attempt(principal(who.merchant_id, "key_2")), Handler())).replayed
    await transaction.commit()
    assert (await once(pool.write, attempt(who), second)).replayed
    assert second.runs == 0
    await first.close()


async def test_while_the_first_still_runs_even_another_request_is_told_to_come_back(url: str, pool: Database) -> None:
    who = await committed_merchant(pool)
    first = await asyncpg.connect(url)
    async with first.transaction():
        await once(Write(first), attempt(who), Handler())
        problem = await refusal(once(pool.write, attempt(who, body=b'{"a":1}'), Handler()))
        assert problem.kind.code == "idempotency_in_progress"
    problem = await refusal(once(pool.write, attempt(who, body=b'{"a":1}'), Handler()))
    assert problem.kind.code == "idempotency_mismatch"
    await first.close()


@pytest.mark.parametrize("end", ["rollback", "kill"])
async def test_an_attempt_that_never_came_to_its_end_frees_the_key(url: str, pool: Database, end: str) -> None:
    who = await committed_merchant(pool)
    first = await asyncpg.connect(url)
    await first.execute("begin")
    await once(Write(first), attempt(who), Handler())
    if end == "rollback":
        await first.execute("rollback")
    else:
        await pool.write.run("select pg_terminate_backend($1, 5000)", first.get_server_pid())
    handler = Handler()
    assert not (await once(pool.write, attempt(who), handler)).replayed
    assert handler.runs == 1
    await first.close()


async def test_of_many_attempts_at_once_exactly_one_is_run(pool: Database) -> None:
    who = await committed_merchant(pool)
    handler = Handler()

    async def outcome() -> str:
        try:
            answer = await once(pool.write, attempt(who), handler)
        except Problem as problem:
            return problem.kind.code
        return "replayed" if answer.replayed else "run"

    outcomes = await asyncio.gather(*[outcome() for _ in range(40)])
    assert handler.runs == 1
    assert outcomes.count("run") == 1
    assert set(outcomes) <= {"run", "replayed", "idempotency_in_progress"}
    assert await outcome() == "replayed"


printable = st.characters(min_codepoint=0x20, max_codepoint=0x7E)


async def committed_merchant(pool: Database) -> Principal:
    merchant = await merchants.create(pool.write, make.who(""), "Corner Shop", "test")
    return principal(merchant.id)


@given(st.text(st.characters(max_codepoint=0x180)) | st.text(printable, max_size=300))
@example("")
@example(" ")
@example("a" * 255)
@example("a" * 256)
@example("a\n")
@example("\x7f")
@example("\u00e9")
def test_a_key_is_1_to_255_printable_characters_of_ascii(key: str) -> None:
    if re.fullmatch(r"[ -~]{1,255}", key):
        assert check_key(key) == key
        return
    with pytest.raises(Problem) as caught:
        check_key(key)
    assert caught.value.kind.code == "validation_failed"
    assert [(error.field, error.code) for error in caught.value.errors] == [("Idempotency-Key", "invalid_format")]


paths = st.from_regex(r"\A(/[a-z0-9_-]{0,8}){1,3}\Z")
parts = st.tuples(st.sampled_from(["POST", "PUT"]), paths, st.binary() | st.just(b"\n/customers\n"))


@given(parts, parts)
def test_requests_have_the_same_fingerprint_only_if_they_are_the_same(
    one: tuple[str, str, bytes], other: tuple[str, str, bytes]
) -> None:
    assert (fingerprint(*one) == fingerprint(*other)) == (one == other)
    assert fingerprint(*one) == fingerprint(*one)
