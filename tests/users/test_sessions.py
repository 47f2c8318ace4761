"""Sessions: signing in, being known, being forgotten, and being told to wait."""

from datetime import timedelta
from functools import partial

import pytest

from odus.kit.db import Database
from odus.kit.problems import Problem
from odus.kit.times import Moment, now
from odus.users import actions, sessions
from odus.users.sessions import Entered
from tests import make
from tests.make import PASSWORD, Shop

EMAIL = "ada@example.com"
HERE, THERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture
async def ada(shop: Shop) -> dict[str, object]:
    """Make a user who can sign in."""
    return await make.user(shop.client, email=EMAIL)


async def sign_in(database: Database, email: str = EMAIL, password: str = PASSWORD, address: str = HERE) -> Entered:
    entered = await sessions.sign_in(database, email, password, address)
    assert entered is not None
    return entered


async def fails(database: Database, times: int = 1, email: str = EMAIL, address: str = HERE) -> None:
    for _ in range(times):
        assert await sessions.sign_in(database, email, "Wrong-horse-7", address) is None


async def is_known(database: Database, entered: Entered) -> bool:
    return await sessions.visitor(database, entered.token) is not None


async def must_wait(database: Database, email: str = EMAIL, password: str = PASSWORD, address: str = HERE) -> None:
    with pytest.raises(Problem) as raised:
        await sessions.sign_in(database, email, password, address)
    assert raised.value.kind.code == "too_many_requests"
    assert int(raised.value.headers["Retry-After"]) == sessions.WINDOW.total_seconds()


async def count(database: Database, table: str) -> int:
    return len((await make.snapshot(database))[table])


# Signing in ----------------------------------------------------------------------------------------------------------


async def test_who_signs_in_is_known_with_merchant_and_role(
    ada: dict[str, object], shop: Shop, database: Database
) -> None:
    entered = await sign_in(database)
    visitor = await sessions.visitor(database, entered.token)
    assert visitor is not None
    assert (visitor.merchant_id, visitor.merchant_name, visitor.environment) == (
        shop.merchant_id,
        "Corner Shop",
        "test",
    )
    assert (visitor.user.id, visitor.user.email, visitor.user.role) == (ada["id"], EMAIL, "developer")


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("email", ["ADA@example.com", "Ada@Example.COM"])
async def test_the_case_of_the_email_means_nothing(database: Database, email: str) -> None:
    assert await is_known(database, await sign_in(database, email))


async def test_an_email_beyond_ascii_signs_in_whatever_its_case(shop: Shop, database: Database) -> None:
    await make.user(shop.client, email="ÄDA@example.com")
    assert await is_known(database, await sign_in(database, "äda@EXAMPLE.com"))


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "Wrong-horse-7"),
        (EMAIL, PASSWORD.lower()),
        (EMAIL, PASSWORD + " "),
        (EMAIL, PASSWORD + "\x00"),
        (EMAIL, ""),
        ("bob@example.com", PASSWORD),
        ("", PASSWORD),
        ("", ""),
        ("ada@example.co%", PASSWORD),
        ("\x00", "\x00"),
        (EMAIL + "\x00", PASSWORD),
        ("a" * 500_000, PASSWORD),
        (EMAIL, "a" * 500_000),
        ("'; drop table users --", "' or 1=1 --"),
        ("\ufffe\U0001f600", "\ufffe\U0001f600"),
    ],
    ids=lambda value: ascii(value)[:30],
)
async def test_whatever_else_is_typed_begins_no_session_and_makes_no_fault(
    database: Database, email: str, password: str
) -> None:
    assert await sessions.sign_in(database, email, password, HERE) is None
    assert await count(database, "sessions") == 0


async def test_a_removed_user_cannot_sign_in(ada: dict[str, object], shop: Shop, database: Database) -> None:
    await shop.client.post(f"/users/{ada['id']}/remove")
    assert await sessions.sign_in(database, EMAIL, PASSWORD, HERE) is None


# ASVS 5.0 V6.3.8: an unknown email cannot be told from a wrong password, also not by the time that it takes.
@pytest.mark.usefixtures("real_hashes", "ada")
async def test_an_unknown_email_costs_the_same_check_of_a_password(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    is_password = actions.is_password

    async def watched(password_hash: str, password: str) -> bool:
        checked.append(password_hash.rpartition("$")[0].rpartition("$")[0])
        return await is_password(password_hash, password)

    monkeypatch.setattr(actions, "is_password", watched)
    answers = [await sessions.sign_in(database, email, "Wrong-horse-7", HERE) for email in (EMAIL, "bob@x.test", "\0")]
    assert answers == [None] * 3
    assert len(checked) == 3
    assert len(set(checked)) == 1


# ASVS 5.0 V7.2.3: a token is of 256 random bits; V7.2.4: and new at each sign-in.
@pytest.mark.usefixtures("ada")
async def test_each_sign_in_begins_a_session_of_its_own(database: Database) -> None:
    first, second = await sign_in(database), await sign_in(database)
    assert first.token != second.token
    assert min(len(first.token), len(second.token)) == 43
    await sessions.sign_out(database.write, first.token)
    assert not await is_known(database, first)
    assert await is_known(database, second)


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("token", ["", "x", "a" * 43, "\x00", "a" * 100_000])
async def test_a_token_that_was_never_given_is_nobodys(database: Database, token: str) -> None:
    await sign_in(database)
    assert await sessions.visitor(database, token) is None


@pytest.mark.usefixtures("ada")
async def test_signing_out_twice_or_with_a_made_up_token_changes_nothing_else(database: Database) -> None:
    kept, ended = await sign_in(database), await sign_in(database)
    for token in (ended.token, ended.token, "made up"):
        await sessions.sign_out(database.write, token)
    assert await is_known(database, kept)
    assert await count(database, "sessions") == 1


# ASVS 5.0 V7.4.2, V7.4.3: what ends a person's access ends the sessions too, all of them, and nobody else's.
@pytest.mark.parametrize("how", ["password", "remove"])
async def test_a_new_password_and_a_removal_end_all_sessions_of_the_person(
    ada: dict[str, object], shop: Shop, database: Database, how: str
) -> None:
    await make.user(shop.client, email="bob@example.com")
    mine, bobs = [await sign_in(database) for _ in range(2)], await sign_in(database, "bob@example.com")
    path, body = (f"/users/{ada['id']}", {"password": PASSWORD})
    path, body = (path, body) if how == "password" else (f"{path}/remove", {})
    assert (await shop.client.post(path, json=body)).status_code == 200
    assert [await is_known(database, each) for each in (*mine, bobs)] == [False, False, True]
    assert await count(database, "sessions") == 1


async def test_another_change_ends_no_session_and_counts_at_once(
    ada: dict[str, object], shop: Shop, database: Database
) -> None:
    entered = await sign_in(database)
    await shop.client.post(f"/users/{ada['id']}", json={"role": "supportAgent", "firstName": "Ada"})
    visitor = await sessions.visitor(database, entered.token)
    assert visitor is not None
    assert (visitor.user.role, visitor.user.name) == ("supportAgent", "Ada")


async def test_after_a_new_password_the_old_one_opens_nothing(
    ada: dict[str, object], shop: Shop, database: Database
) -> None:
    await shop.client.post(f"/users/{ada['id']}", json={"password": "Another-horse-8"})
    assert await sessions.sign_in(database, EMAIL, PASSWORD, HERE) is None
    assert await is_known(database, await sign_in(database, password="Another-horse-8"))  # noqa: S106 - opens nothing


async def test_a_password_that_changes_while_it_is_checked_begins_no_session(
    ada: dict[str, object], shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_password = actions.is_password

    async def meanwhile(password_hash: str, password: str) -> bool:
        await shop.client.post(f"/users/{ada['id']}", json={"password": "Another-horse-8"})
        return await is_password(password_hash, password)

    monkeypatch.setattr(actions, "is_password", meanwhile)
    assert await sessions.sign_in(database, EMAIL, PASSWORD, HERE) is None
    assert await count(database, "sessions") == 0


# Limits of time ------------------------------------------------------------------------------------------------------


# ASVS 5.0 V7.3.1, V7.3.2: a session ends after 12 hours without use, and after 7 days in any case.
@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("column", "age", "known"),
    [
        ("seen_at", timedelta(hours=11, minutes=59), True),
        ("seen_at", timedelta(hours=12, seconds=1), False),
        ("created_at", timedelta(days=6, hours=23), True),
        ("created_at", timedelta(days=7, seconds=1), False),
    ],
)
async def test_a_session_ends_12_hours_after_its_last_use_and_7_days_after_its_start(
    database: Database,
    column: str,
    age: timedelta,
    known: bool,  # noqa: FBT001 - the expectation
) -> None:
    entered = await sign_in(database)
    await database.write.run(f"update sessions set {column} = {column} - $1::interval", age)  # pyright: ignore[reportArgumentType]
    assert await is_known(database, entered) == known
    await sessions.tidy(database.write)
    assert await count(database, "sessions") == int(known)


async def _seen_at(database: Database) -> Moment:
    row = await database.read.row("select seen_at from sessions")
    assert row is not None
    return Moment.of(row["seen_at"])


@pytest.mark.usefixtures("ada")
async def test_a_session_that_is_used_stays_and_is_written_at_most_once_a_minute(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = await sign_in(database)
    noon = Moment.of(now().replace(hour=12, minute=0, second=5, microsecond=0) + timedelta(days=1))
    await database.write.run("update sessions set seen_at = $1, created_at = $1", noon - timedelta(hours=11))
    seen: list[Moment] = []
    for seconds in (0, 1, 50, 55, 60, 114):
        monkeypatch.setattr(sessions, "now", partial(Moment.of, noon + timedelta(seconds=seconds)))
        assert await is_known(database, entered)
        seen.append(await _seen_at(database))
    assert [(at - noon).total_seconds() for at in seen] == [0, 0, 0, 55, 55, 55]


# Waiting -------------------------------------------------------------------------------------------------------------


# ASVS 5.0 V6.3.1, API2:2023 Broken authentication: guesses are few, for an account and from an address.
@pytest.mark.usefixtures("ada")
async def test_after_10_failures_of_an_account_even_the_right_password_waits_from_anywhere(database: Database) -> None:
    await fails(database, sessions.MOST_FOR_ACCOUNT)
    await must_wait(database)
    await must_wait(database, EMAIL.upper(), address=THERE)
    assert await count(database, "sessions") == 0


@pytest.mark.usefixtures("ada")
async def test_9_failures_of_an_account_are_forgiven(database: Database) -> None:
    await fails(database, sessions.MOST_FOR_ACCOUNT - 1)
    assert await is_known(database, await sign_in(database))


async def test_an_email_that_nobody_has_waits_alike(database: Database) -> None:
    await fails(database, sessions.MOST_FOR_ACCOUNT, "nobody@example.com")
    await must_wait(database, "nobody@example.com")


@pytest.mark.usefixtures("ada")
async def test_another_account_does_not_wait(shop: Shop, database: Database) -> None:
    await make.user(shop.client, email="bob@example.com")
    await fails(database, sessions.MOST_FOR_ACCOUNT)
    assert await is_known(database, await sign_in(database, "bob@example.com"))


@pytest.mark.usefixtures("ada")
async def test_after_100_failures_from_an_address_it_waits_with_any_account_and_others_do_not(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_wrong(_hash: str, _password: str) -> bool:
        return False

    with monkeypatch.context() as patched:
        patched.setattr(actions, "is_password", is_wrong)
        for number in range(sessions.MOST_FOR_ADDRESS):
            await fails(database, email=f"{number}@example.com")
    await must_wait(database)
    assert await is_known(database, await sign_in(database, address=THERE))


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(("minutes", "waits"), [(14, True), (16, False)])
async def test_a_failure_counts_for_a_quarter_of_an_hour(database: Database, minutes: int, waits: bool) -> None:  # noqa: FBT001 - the expectation
    await fails(database, sessions.MOST_FOR_ACCOUNT)
    age = timedelta(minutes=minutes)
    await database.write.run("update sign_in_failures set failed_at = failed_at - $1::interval", age)
    await sessions.tidy(database.write)
    if waits:
        await must_wait(database)
        return
    assert await count(database, "sign_in_failures") == 0
    assert await is_known(database, await sign_in(database))


@pytest.mark.usefixtures("ada")
async def test_waiting_is_not_drawn_out_by_trying(database: Database) -> None:
    await fails(database, sessions.MOST_FOR_ACCOUNT)
    before = await make.snapshot(database)
    for _ in range(3):
        await must_wait(database)
    assert await make.snapshot(database) == before


@pytest.mark.usefixtures("ada")
async def test_signing_in_rightly_is_no_failure(database: Database) -> None:
    for _ in range(sessions.MOST_FOR_ACCOUNT + 1):
        await sign_in(database)
    assert await count(database, "sign_in_failures") == 0


async def test_failures_name_neither_email_nor_address(database: Database) -> None:
    await fails(database)
    rows = "".join((await make.snapshot(database))["sign_in_failures"])
    assert rows
    for told in (EMAIL, HERE):
        assert told not in rows
        assert told.encode().hex() not in rows


# Whoever acts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "has", "lacks"),
    [
        ("admin", {"USER_UPDATE", "SECRET_KEY_UPDATE", "CUSTOMER_UPDATE"}, set[str]()),
        ("developer", {"SECRET_KEY_UPDATE", "CUSTOMER_UPDATE", "EVENT_READ"}, {"USER_READ", "USER_UPDATE"}),
        (
            "supportAgent",
            {"CUSTOMER_READ", "PAYMENT_READ", "SUBSCRIPTION_READ"},
            {"CUSTOMER_UPDATE", "SECRET_KEY_READ", "USER_READ", "WEBHOOK_SUBSCRIBER_READ", "EVENT_READ"},
        ),
    ],
)
async def test_a_visitor_may_what_the_role_may(
    shop: Shop, database: Database, role: str, has: set[str], lacks: set[str]
) -> None:
    user = await make.user(shop.client, email=EMAIL, role=role)
    visitor = await sessions.visitor(database, (await sign_in(database)).token)
    assert visitor is not None
    who = sessions.principal(visitor, "req_1")
    assert who.permissions >= has
    assert not who.permissions & lacks
    assert (who.merchant_id, who.actor.type, who.actor.id) == (shop.merchant_id, "user", user["id"])
