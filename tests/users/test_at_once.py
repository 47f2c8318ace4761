"""Users and sign-ins at once, on a real server with two workers and in pools beside it."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from odus.kit import db
from odus.kit.db import Database
from odus.kit.problems import Problem
from odus.users import actions, sessions
from tests import make, processes
from tests.make import PASSWORD, Shop
from tests.processes import Server

LOGIN = "/dashboard/login"
LOCAL = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """Make data that a server runs on."""
    with processes.data_dir() as path:
        yield path


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Server]:
    with processes.serving(data, workers=2) as server:
        yield server


@pytest.fixture
async def shop(server: Server, data: Path) -> AsyncIterator[Shop]:
    """Make a merchant whose client opens a connection for each request, and so meets both workers."""
    limits = httpx.Limits(max_keepalive_connections=0)
    async with processes.shop(server.url, processes.dsn(data), limits=limits) as shop:
        yield shop


@pytest.fixture
async def pools(shop: Shop, data: Path) -> AsyncIterator[tuple[Database, Database]]:
    """Give the databases of two processes beside the server."""
    assert shop
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(db.connect(processes.dsn(data), 10)) for _ in range(2)]
        yield first, second


def an_email() -> str:
    return f"{secrets.token_hex(8)}@example.com"


async def sign_in(shop: Shop, email: str, password: str = PASSWORD) -> httpx.Response:
    shop.client.cookies.clear()  # or it would be another sign-in of the same browser, which ends the session before
    return await shop.client.post(LOGIN, data={"email": email, "password": password}, headers=LOCAL)


async def home(server: Server, token: str) -> int:
    async with httpx.AsyncClient(base_url=server.url, cookies={"odus_session": token}, timeout=30) as client:
        return (await client.get("/dashboard")).status_code


@pytest.mark.parametrize("ways", [("remove", "remove"), ("demote", "remove"), ("demote", "demote")], ids="+".join)
async def test_of_two_admins_who_go_at_once_one_stays(shop: Shop, ways: tuple[str, str]) -> None:
    for _ in range(5):
        admins = [await make.user(shop.client, role="admin") for _ in range(2)]
        await asyncio.gather(*(_goes(shop, admin, "remove") for admin in await _admins(shop) if admin not in admins))
        gone = await asyncio.gather(*(_goes(shop, admin, how) for admin, how in zip(admins, ways, strict=True)))
        assert sorted(answer.status_code for answer in gone) == [200, 409]
        assert len(await _admins(shop)) == 1


async def _goes(shop: Shop, admin: dict[str, object], how: str) -> httpx.Response:
    path = f"/users/{admin['id']}"
    if how == "remove":
        return await shop.client.post(f"{path}/remove")
    return await shop.client.post(path, json={"role": "developer"})


async def _admins(shop: Shop) -> list[dict[str, object]]:
    params = {"role": "admin", "removedAt[exists]": "false"}
    return (await shop.client.get("/users", params=params)).json()["data"]


async def test_of_many_who_take_one_email_at_once_one_gets_it(shop: Shop) -> None:
    taken, body = an_email(), {"password": PASSWORD, "role": "developer"}
    answers = await asyncio.gather(
        *(shop.client.post("/users", json={**body, "email": email}) for email in (taken, taken.upper()) * 4)
    )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}


async def test_writers_to_different_fields_of_a_user_do_not_undo_each_other(shop: Shop) -> None:
    user = await make.user(shop.client)
    fields = {"firstName": "Ada", "lastName": "Lovelace", "username": "ada", "role": "supportAgent"}
    answers = await asyncio.gather(
        *(shop.client.post(f"/users/{user['id']}", json={name: value}) for name, value in fields.items())
    )
    assert {answer.status_code for answer in answers} == {200}
    current = (await shop.client.get(f"/users/{user['id']}")).json()
    assert {name: current[name] for name in fields} == fields
    events = (await shop.client.get("/events", params={"resource": str(user["id"])})).json()["data"]
    assert len(events) == 1 + len(fields)


async def test_a_session_counts_for_all_processes_and_so_does_its_end(server: Server, shop: Shop) -> None:
    email = an_email()
    user = await make.user(shop.client, email=email)
    tokens = [(await sign_in(shop, email)).cookies["odus_session"] for _ in range(2)]
    assert {await home(server, tokens[0]) for _ in range(8)} == {200}
    await shop.client.post(f"/users/{user['id']}/remove")
    assert {await home(server, token) for token in tokens * 4} == {303}


# ASVS 5.0 V6.3.1: the limit is one for all processes, and holds for guesses that are sent together.
async def test_of_many_guesses_at_once_no_more_are_tried_than_one_by_one(
    shop: Shop, pools: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    email, tried = an_email(), 0
    await make.user(shop.client, email=email)

    async def wrong(_hash: str, _password: str) -> bool:
        nonlocal tried
        tried += 1
        return False

    monkeypatch.setattr(actions, "is_password", wrong)
    guesses = (sessions.sign_in(database, email, "x", "192.0.2.9") for database in pools * 20)
    answers = await asyncio.gather(*guesses, return_exceptions=True)
    assert tried == sessions.MOST_FOR_ACCOUNT
    told = Counter(answer.kind.code if isinstance(answer, Problem) else answer for answer in answers)
    assert told == {None: sessions.MOST_FOR_ACCOUNT, "too_many_requests": 40 - sessions.MOST_FOR_ACCOUNT}


async def test_the_workers_of_a_server_share_what_they_count(shop: Shop) -> None:
    email = an_email()
    await make.user(shop.client, email=email)
    wrong = [(await sign_in(shop, email, "Wrong-horse-7")).status_code for _ in range(sessions.MOST_FOR_ACCOUNT)]
    waits = await sign_in(shop, email)
    assert wrong == [400] * sessions.MOST_FOR_ACCOUNT
    assert waits.status_code == 429
    assert int(waits.headers["Retry-After"]) == sessions.WINDOW.total_seconds()
    assert "odus_session" not in waits.cookies


# ASVS 5.0 V7.4.3: whichever comes first, no session of the old password outlives the change of it.
async def test_no_session_of_the_old_password_outlives_its_change(shop: Shop, pools: tuple[Database, Database]) -> None:
    first, second = pools
    for _ in range(5):
        email = an_email()
        user = await make.user(shop.client, email=email)
        *entered, changed = await asyncio.gather(
            *(sessions.sign_in(database, email, PASSWORD, "192.0.2.10") for database in (first, second) * 3),
            shop.client.post(f"/users/{user['id']}", json={"password": "Another-horse-8"}),
        )
        assert isinstance(changed, httpx.Response)
        assert changed.status_code == 200
        for each in entered:
            assert not isinstance(each, httpx.Response)
            assert each is None or await sessions.visitor(first, each.token) is None
