import json
import os
import pty
import re
import subprocess
from collections.abc import AsyncIterator
from typing import get_args

import pytest

from odus.app import create_app
from odus.kit import db
from odus.kit.db import Database
from odus.kit.problems import Problem
from odus.kit.times import Moment, now
from odus.merchants import actions as merchants
from odus.merchants.model import Environment
from odus.migrations.upgrade import upgrade
from odus.payments.model import DisplayStatus
from odus.seed import BATCH, SPAN, Wanted, fill
from odus.settings import Settings
from tests import make, processes
from tests.processes import ODUS, eventually_true

UNTIL = Moment.parse("2026-03-09T12:34:56.789Z")
SOME = Wanted(count=300, seed=1, until=UNTIL)


@pytest.fixture
async def url(server_url: str) -> AsyncIterator[str]:
    """Make a database of its own: a seed commits, and vacuums."""
    async with make.database(server_url) as url:
        await upgrade(url)
        yield url


@pytest.fixture
async def own(url: str) -> AsyncIterator[Database]:
    async with db.connect(url, 2) as database:
        yield database


async def merchant(own: Database, environment: Environment = "test") -> str:
    return (await merchants.create(own.write, make.who(""), "Corner Shop", environment)).id


async def filled(own: Database, wanted: Wanted = SOME) -> str:
    """Make a merchant with customers; return its id."""
    merchant_id = await merchant(own)
    await fill(own.write, merchant_id, wanted, lambda _: None)
    return merchant_id


async def customers(own: Database, merchant_id: str) -> list[dict[str, object]]:
    """Return all that is stored of a merchant's customers."""
    sql = "select to_jsonb(customers) - 'merchant_id' from customers where merchant_id = $1 order by id"
    return [json.loads(row[0]) for row in await own.read.rows(sql, merchant_id)]


async def count(own: Database) -> tuple[int, int]:
    """Count the customers, and the events of customers."""
    return (
        await own.read.count("select count(*) from customers"),
        await own.read.count("select count(*) from events where event_type = 'customer.created'"),
    )


def seed(url: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = processes.run("seed", *options, ODUS_DATABASE_URL=url, **environment)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done


def started(url: str, *options: str, stderr: int, **environment: str) -> subprocess.Popen[bytes]:
    """Start a seed, and do not wait for its end."""
    environment = processes.clean({"ODUS_DATABASE_URL": url, **environment})
    return subprocess.Popen([ODUS, "seed", *options], stdin=subprocess.DEVNULL, stderr=stderr, env=environment)


def refused(url: str, *options: str) -> str:
    """Run a seed that fails; return its one sentence."""
    done = seed(url, *options)
    assert done.returncode == 1
    said = re.fullmatch(r"odus: (.+\.)\n", done.stderr)
    assert said, done.stderr
    return said[1]


async def test_as_many_customers_are_written_as_were_asked_for_each_with_its_event(own: Database, url: str) -> None:
    merchant_id = await merchant(own)
    done = seed(url, "--customers", f"{BATCH + 7}")
    assert done.returncode == 0
    assert re.fullmatch(rf"Wrote 5,007 customers to {merchant_id} in \d+\.\d s, [\d,]+ a second\.\n", done.stderr)
    assert await count(own) == (BATCH + 7, BATCH + 7)
    alone = await own.read.count(
        "select count(*) from customers left join events on events.merchant_id = customers.merchant_id"
        " and resource = customers.id and event_type = 'customer.created' where events.id is null"
    )
    assert alone == 0


async def test_a_seeded_customer_is_read_as_any_other_and_its_event_tells_of_its_creation(own: Database) -> None:
    merchant_id = await filled(own)
    key = await make.key(own, merchant_id)
    rows = await customers(own, merchant_id)
    assert len(rows) == SOME.count
    async with make.client(create_app(Settings(log_level="error"), own), key.value) as client:
        for row in rows[::50]:
            shown = (await client.get(f"/customers/{row['id']}")).json()
            assert shown["email"] == row["email"]
            assert shown["metadata"] == row["metadata"]
            (event,) = (await client.get(f"/customers/{row['id']}/events")).json()["data"]
            assert event["eventType"] == "customer.created"
            assert event["actor"] == {"type": "system", "id": "seed"}
            assert event["requestId"] is None
            assert event["createdAt"] == shown["createdAt"]
            assert event["data"] == {**shown, "updatedAt": shown["createdAt"]}


async def test_some_customers_were_updated_since_and_none_before_it_was_made(own: Database) -> None:
    rows = await customers(own, await filled(own))
    moments = [(Moment.parse(row["created_at"]), Moment.parse(row["updated_at"])) for row in rows]
    assert all(UNTIL - SPAN <= created <= updated <= UNTIL for created, updated in moments)
    assert 0.2 < sum(created < updated for created, updated in moments) / len(moments) < 0.4


async def test_the_same_seed_count_and_moment_give_the_same_customers(own: Database) -> None:
    assert await customers(own, await filled(own)) == await customers(own, await filled(own))


async def test_the_same_customers_are_not_written_twice_to_one_merchant(own: Database) -> None:
    merchant_id = await filled(own)
    before = await make.snapshot(own)
    with pytest.raises(Problem, match="there already"):
        await fill(own.write, merchant_id, SOME, lambda _: None)
    assert await make.snapshot(own) == before


async def test_the_same_day_gives_the_same_customers_which_a_merchant_has_once(own: Database, url: str) -> None:
    here, there = await merchant(own), await merchant(own)
    for each in (here, there):
        done = seed(url, "--customers", "50", "--merchant", each, "--until", "2026-03-09", "--payments", "0")
        assert done.returncode == 0, done.stderr
    made = await customers(own, here)
    assert made == await customers(own, there)
    assert max(str(row["updated_at"]) for row in made) <= "2026-03-09T00:00:00"
    again = ("--customers", "50", "--merchant", here, "--until", "2026-03-09")
    assert refused(url, *again) == "These customers are there already: --seed or --until gives others."
    assert len(await customers(own, here)) == 50
    assert seed(url, *again, "--until", "2026-03-08").returncode == 0
    assert len(await customers(own, here)) == 100


async def test_without_a_day_they_are_made_before_today(own: Database, url: str) -> None:
    here, there = await merchant(own), await merchant(own)
    before = now()
    for each in (here, there):
        assert seed(url, "--customers", "50", "--merchant", each, "--payments", "0").returncode == 0
    made = await customers(own, here)
    if before.date() == now().date():
        assert made == await customers(own, there)
    assert max(Moment.parse(row["updated_at"]).date() for row in made) <= now().date()


async def test_another_seed_gives_other_customers(own: Database, url: str) -> None:
    await merchant(own)
    for number in ("1", "2"):
        assert seed(url, "--customers", "50", "--seed", number).returncode == 0
    assert await own.read.count("select count(distinct email) from customers") > 90


async def test_only_the_named_merchant_gets_customers(own: Database, url: str) -> None:
    await merchant(own)
    named = await merchant(own)
    assert refused(url, "--customers", "5") == "There are 2 merchants: name one with --merchant."
    assert seed(url, "--customers", "5", "--merchant", named).returncode == 0
    assert len(await customers(own, named)) == 5
    assert await count(own) == (5, 5)


async def test_it_makes_payments_of_the_newest_customers_in_every_state(own: Database, url: str) -> None:
    merchant_id = await merchant(own)
    done = seed(url, "--customers", "60", "--payments", "150", ODUS_URL="https://pay.example.com")
    assert done.returncode == 0, done.stderr
    rows = await own.read.rows("select display_status, count(*) from payments group by 1 order by 1")
    states = {row["display_status"]: row["count"] for row in rows}
    assert 140 <= sum(states.values()) <= 150, "but for customers who may pay no more"
    assert set(states) >= {"succeeded", "failed", "uncaptured"}
    assert len(states) >= len(get_args(DisplayStatus)) - 3, "the rarest may lack"
    away = await own.read.count("select count(*) from payments where created_at > now() or updated_at > now()")
    assert away == 0
    assert await own.read.count("select count(*) from payments where attempt is not null") == 0
    assert await own.read.count(BOOKS, merchant_id) == 0
    links = "select distinct data ->> 'checkoutUrl' as link from events"
    made = {row["link"] for row in await own.read.rows(links)} - {None}
    assert made
    assert all(link.startswith("https://pay.example.com/checkout/pay_") for link in made)


BOOKS = """
select (select sum(amount_captured - amount_reversed) from payments where merchant_id = $1)
    - (select sum(captured - refunded) from sandbox_charges where merchant_id = $1)
"""
"""What we hold, less what the gateway holds."""


async def test_a_live_merchant_is_refused(own: Database, url: str) -> None:
    merchant_id = await merchant(own, "live")
    before = await make.snapshot(own)
    sentence = f"The merchant {merchant_id} is live: made-up customers are for a test merchant only."
    assert refused(url, "--customers", "5") == sentence
    with pytest.raises(Problem):
        await fill(own.write, merchant_id, SOME, lambda _: None)
    assert await make.snapshot(own) == before


async def test_without_a_merchant_it_says_how_to_make_one(url: str) -> None:
    sentence = "There is no merchant yet: make one with `odus merchants create`."
    assert refused(url, "--customers", "5") == sentence


async def test_a_killed_seed_leaves_whole_batches_and_no_customer_without_its_event(own: Database, url: str) -> None:
    await merchant(own)
    with started(url, "--customers", "1000000", stderr=subprocess.DEVNULL) as process:
        try:
            await eventually_true(lambda: own.read.count("select count(*) from customers"))
        finally:
            process.kill()
    others = "select count(*) from pg_stat_activity where datname = current_database() and state = 'active'"
    await eventually_true(lambda: _is(own, others, 1))
    written, events = await count(own)
    assert written == events
    assert 0 < written < 1_000_000
    assert written % BATCH == 0


async def _is(own: Database, sql: str, wanted: int) -> bool:
    return await own.read.count(sql) == wanted


async def test_lists_can_be_counted_in_the_index_alone_right_after(own: Database) -> None:
    await filled(own)
    for table in ("customers", "events"):
        sql = "select relallvisible from pg_class where relname = $1 and relnamespace = 'public'::regnamespace"
        assert await own.read.count(sql, table) > 0


async def test_a_role_that_may_only_write_seeds_too(own: Database, url: str) -> None:
    """Who owns no table may not vacuum it."""
    merchant_id = await merchant(own)
    role = f"seeder_{os.getpid()}"
    await own.write.run(f"create role {role}")
    try:
        await own.write.run(f"grant select, insert on all tables in schema public to {role}")
        async with db.connect(url, 1) as database:
            await database.write.run(f"set role {role}")  # of its one connection
            await fill(database.write, merchant_id, SOME, lambda _: None)
    finally:
        await own.write.run(f"drop owned by {role}")
        await own.write.run(f"drop role {role}")
    assert await count(own) == (SOME.count, SOME.count)


async def test_what_is_no_terminal_is_told_one_line_whatever_colors_are_asked_for(own: Database, url: str) -> None:
    await merchant(own)
    done = seed(url, "--customers", "20", FORCE_COLOR="1", TTY_COMPATIBLE="1", TERM="xterm-256color")
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr


async def test_a_terminal_sees_how_far_it_is(own: Database, url: str) -> None:
    await merchant(own)
    ours, theirs = pty.openpty()
    with started(url, "--customers", "20", stderr=theirs, TERM="xterm-256color") as process:
        os.close(theirs)
        said = b""
        while part := _read(ours):
            said += part
    os.close(ours)
    assert process.returncode == 0
    assert b"Writing customers" in said
    assert b"20/20" in said
    assert b"Wrote 20 customers" in said


def _read(terminal: int) -> bytes:
    """Read on; at its end, Linux says that the terminal is gone."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
