"""`odus serve` as a process: how it starts, what it does with what arrives, how it stops."""

import asyncio
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import asyncpg
import httpx
import psutil
import pytest

from tests import make, processes
from tests.make import Shop
from tests.processes import Server, eventually, lives

SLOW = 45.0
"""Seconds after which a slow client must have been sent away: 20 for a body, 30 for a header, and some."""
SOON = 10.0
"""Seconds in which anything else is answered or closed."""


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    with processes.data_dir() as path:
        yield path


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Server]:
    with processes.serving(data, workers=2) as server:
        yield server


@pytest.fixture(scope="module")
async def shop(server: Server, data: Path) -> AsyncIterator[Shop]:
    async with processes.shop(server.url, processes.dsn(data)) as shop:
        yield shop


@pytest.fixture(scope="module")
def own() -> Iterator[Path]:
    """Make data for the servers that tests start and stop."""
    with processes.data_dir() as path:
        yield path


# What arrives --------------------------------------------------------------------------------------------------------


@dataclass
class Wire:
    """A connection that says exactly what it is told, and keeps what it hears."""

    port: int
    patience: float = SOON
    heard: bytes = b""
    closed: bool = False
    seconds: float = 0.0
    line: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.line = socket.create_connection(("127.0.0.1", self.port), timeout=SOON)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.line.close()

    def say(self, *parts: bytes) -> Self:
        """Send bytes as they are."""
        with suppress(ConnectionError):  # the server need not hear us out
            for part in parts:
                self.line.sendall(part)
        return self

    def hear(self, enough: bytes | None = None) -> Self:
        """Listen until the server closes, or until something was heard."""
        began = time.monotonic()
        while not self.closed and (enough is None or enough not in self.heard):
            left = began + self.patience - time.monotonic()
            assert left > 0, f"still open after {self.patience} s: {self.heard!r}"
            self.line.settimeout(left)
            with suppress(TimeoutError):
                try:
                    part = self.line.recv(65536)
                except ConnectionError:
                    part = b""
                self.heard += part
                self.closed = not part
        self.seconds = time.monotonic() - began
        return self

    @property
    def statuses(self) -> list[int]:
        """Return the status of each answer that was heard."""
        return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", self.heard)]


BODY = b'{"email":"jane@example.com"}'


def request(shop: Shop, first: str, *headers: str, body: bytes = b"", length: int | None = None) -> bytes:
    """Return the bytes of a request; a length of -1 is not said."""
    length = len(body) if length is None else length
    said = [] if length < 0 else [f"Content-Length: {length}"]
    usual = ["Host: odus.test", f"Authorization: Bearer {shop.value}", "Content-Type: application/json"]
    return "\r\n".join([first, *usual, *said, *headers, "", ""]).encode("latin-1") + body


@pytest.fixture(scope="module")
def slow(server: Server, shop: Shop) -> Iterator[dict[str, Wire]]:
    """Clients that are slow, from the beginning of this module on."""
    wires = {
        "says nothing": Wire(server.port, SLOW),
        "says half a header": Wire(server.port, SLOW).say(b"POST /customers HTTP/1.1\r\nHost: od"),
        "says half a body": Wire(server.port, SLOW).say(request(shop, CREATE, body=BODY[:9], length=99)),
        "drips a header": Wire(server.port, SLOW),
        "drips a body": Wire(server.port, SLOW).say(request(shop, CREATE, length=9999)),
        "says nothing more": Wire(server.port, SLOW).say(request(shop, "GET /health/live HTTP/1.1")),
    }
    drips = {"drips a header": b"GET /health/live HTTP/1.1\r\nX: " + b"x" * 999, "drips a body": b" " * 999}
    listeners = [threading.Thread(target=wire.hear, daemon=True) for wire in wires.values()]
    listeners += [threading.Thread(target=drip, args=(wires[who], what), daemon=True) for who, what in drips.items()]
    for listener in listeners:
        listener.start()
    yield wires
    for wire in wires.values():
        wire.line.close()
    for listener in listeners:
        listener.join(SOON)


def drip(wire: Wire, what: bytes) -> None:
    for letter in what:
        with suppress(OSError):
            wire.line.sendall(bytes([letter]))
        if wire.closed:
            return
        time.sleep(0.1)


CREATE = "POST /customers HTTP/1.1"
READ = "GET /health/live HTTP/1.1"


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize(
    ("first", "status"),
    [
        ("GET /customers/%zz HTTP/1.1", 404),
        ("GET /customers/% HTTP/1.1", 404),
        ("GET /customers/%ff%fe HTTP/1.1", 404),
        ("GET /customers/%00 HTTP/1.1", 404),
        ("GET /customers/%0d%0aX-Evil:%20yes HTTP/1.1", 404),
        ("GET /customers/..%2f..%2fetc HTTP/1.1", 404),
        ("GET /events?page=%ff HTTP/1.1", 400),
        ("GET /events?%zz=%zz HTTP/1.1", 400),
        ("GET /events?%0d%0aX-Evil:%20yes HTTP/1.1", 400),
        ("GET http://elsewhere.test/customers/x HTTP/1.1", 404),
        ("OPTIONS * HTTP/1.1", 404),
        ("BREW /customers HTTP/1.1", 405),
    ],
)
def test_an_odd_address_is_answered_and_the_connection_goes_on(
    server: Server, shop: Shop, first: str, status: int
) -> None:
    with Wire(server.port) as wire:
        wire.say(request(shop, first), request(shop, READ)).hear(b'{"status":"live"}')
        assert wire.statuses == [status, 200]
        assert b"X-Evil" not in re.sub(rb"(?s)\r\n\r\n.*?(?=HTTP/|$)", b"", wire.heard)
        assert wire.heard.lower().count(b"x-request-id: req_") == 2


@pytest.mark.parametrize(
    "said",
    [
        b"\x00\x01\x02\r\n\r\n",
        bytes.fromhex("16030100c8010000c40303") + b"x" * 200,
        b"GET /health/live\r\n\r\n",
        b"GET /health/live HTTP/3.7\r\nHost: odus.test\r\n\r\n",
        b"GET /cust omers HTTP/1.1\r\nHost: odus.test\r\n\r\n",
        b"GET /customers/\xff\xfe HTTP/1.1\r\nHost: odus.test\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: odus.test\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: odus.test\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\n" + b"X: a\r\n" * 1000 + b"\r\n",
        b"GET /health/live HTTP/1.1\r\nHost : odus.test\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\n: odus.test\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=lambda said: repr(said[:30]),
)
def test_what_is_no_http_is_refused_and_the_connection_closed(server: Server, said: bytes) -> None:
    with Wire(server.port) as wire:
        wire.say(said).hear()
        assert wire.statuses in [[], [400], [414], [431]]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["Content-Length: 3"], BODY),
        (["Content-Length: -1"], BODY),
        (["Content-Length: 99999999999999999999999"], BODY),
        (["Content-Length: 0x1c"], BODY),
        (["Content-Length: 28, 29"], BODY),
        (["Transfer-Encoding: identity"], BODY),
        (["Transfer-Encoding: chunked, gzip"], BODY),
        (["Transfer-Encoding: chunked"], b"ZZ\r\n"),
        (["Transfer-Encoding: chunked"], b"-1\r\n"),
        (["Transfer-Encoding: chunked"], b"ffffffffffffffffffff\r\n"),
        (["Transfer-Encoding: chunked"], b"2\r\n{}NO\r\n"),
    ],
    ids=lambda said: repr(said)[:40],
)
def test_a_body_whose_length_cannot_be_told_is_refused(
    server: Server, shop: Shop, headers: list[str], body: bytes
) -> None:
    before = "Content-Length: 28" if headers == ["Content-Length: 3"] else "X: y"
    with Wire(server.port) as wire:
        wire.say(request(shop, CREATE, before, *headers, length=-1), body).hear()
        assert wire.statuses in [[], [400], [413]]


def test_a_body_that_is_shorter_than_said_makes_nothing(server: Server, shop: Shop) -> None:
    with Wire(server.port) as wire:
        wire.say(request(shop, CREATE, body=BODY, length=len(BODY) + 1))
        wire.line.shutdown(socket.SHUT_WR)
        wire.hear()
        assert wire.statuses in [[], [400]]


def test_a_chunked_body_that_breaks_off_makes_nothing(server: Server, shop: Shop) -> None:
    with Wire(server.port) as wire:
        wire.say(request(shop, CREATE, "Transfer-Encoding: chunked", length=-1), b"%x\r\n" % len(BODY), BODY, b"\r\n")
        wire.line.shutdown(socket.SHUT_WR)
        wire.hear()
        assert wire.statuses in [[], [400]]


def test_what_comes_after_a_body_is_no_part_of_it(server: Server, shop: Shop) -> None:
    with Wire(server.port) as wire:
        wire.say(request(shop, CREATE, body=BODY), b"and more\r\n\r\n").hear()
        assert wire.statuses == [201, 400]


def test_a_body_too_large_is_refused_before_it_is_sent(server: Server, shop: Shop) -> None:
    with Wire(server.port) as wire:
        wire.say(request(shop, CREATE, "Expect: 100-continue", length=2**21)).hear()
        assert wire.statuses == [413]


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(server: Server, shop: Shop) -> None:
    with Wire(server.port) as wire:
        wire.say(request(shop, CREATE, "Expect: 100-continue", length=len(BODY))).hear(b"100 Continue\r\n\r\n")
        wire.say(BODY).hear(b"}")
        assert wire.statuses == [100, 201]


def test_a_client_that_asks_without_a_key_is_refused_before_it_sends(server: Server) -> None:
    said = b"POST /customers HTTP/1.1\r\nHost: odus.test\r\nExpect: 100-continue\r\nContent-Length: 28\r\n\r\n"
    with Wire(server.port) as wire:
        wire.say(said).hear(b"}")
        assert wire.statuses == [401]


def test_requests_in_a_row_are_answered_in_order(server: Server, shop: Shop) -> None:
    emails = [f"jane{number}@example.com" for number in range(20)]
    bodies = [json.dumps({"email": email}).encode() for email in emails]
    with Wire(server.port) as wire:
        wire.say(
            b"".join(request(shop, CREATE, body=body) for body in bodies), request(shop, READ, "Connection: close")
        )
        wire.hear()
        assert wire.statuses == [201] * 20 + [200]
        assert re.findall(rb'"email":"([^"]+)"', wire.heard) == [email.encode() for email in emails]
        assert len(set(re.findall(rb"x-request-id: (\w+)", wire.heard))) == 21


@pytest.mark.parametrize("key", ["a\r\n X-Evil: yes", "a\rX-Evil: yes", "a\x00b", "a\x7fb", "a\x1bb"], ids=repr)
def test_an_idempotency_key_with_control_characters_is_refused(server: Server, shop: Shop, key: str) -> None:
    with Wire(server.port) as wire:
        wire.say(request(shop, CREATE, f"Idempotency-Key: {key}", "Connection: close", body=BODY)).hear()
        assert wire.statuses == [400]
        assert b"x-evil" not in wire.heard.lower()


@pytest.mark.parametrize("key", ["a\nX-Evil: yes", "a%0d%0aX-Evil: yes", "a\\r\\nX-Evil: yes"], ids=repr)
def test_an_idempotency_key_puts_no_header_into_the_answer(server: Server, shop: Shop, key: str) -> None:
    with Wire(server.port) as wire:
        wire.say(request(shop, CREATE, f"Idempotency-Key: {key}", "Connection: close", body=BODY)).hear()
        assert wire.statuses in [[201], [400]]
        assert b"x-evil" not in wire.heard.lower()


def test_http_1_0_is_answered_and_closed(server: Server) -> None:
    with Wire(server.port) as wire:
        wire.say(b"GET /health/live HTTP/1.0\r\n\r\n").hear()
        assert wire.statuses == [200]


def test_clients_that_hang_up_in_the_middle_are_no_fault_of_the_server(server: Server, shop: Shop) -> None:
    for length in (99, len(BODY)):
        for _ in range(10):
            with Wire(server.port) as wire:
                wire.say(request(shop, CREATE, body=BODY, length=length))
    with Wire(server.port) as wire:
        wire.say(request(shop, READ)).hear(b"live")
    assert '"event":"fault"' not in server.logged()


# How it starts -------------------------------------------------------------------------------------------------------


def test_a_taken_port_is_named(server: Server, own: Path) -> None:
    done = processes.run("serve", "--port", str(server.port), "--data-dir", str(own))
    assert done.returncode == 1
    assert done.stderr == (
        f"odus: Cannot listen on 127.0.0.1 port {server.port} (address already in use);"
        " choose another with --port or --host.\n"
    )
    assert done.stdout == ""
    assert not (own / "postgres").exists()


@pytest.mark.parametrize("host", ["8.8.8.8", "no such host"])
def test_an_address_that_is_not_ours_is_named(own: Path, host: str) -> None:
    done = processes.run("serve", "--host", host, "--port", "8000", "--data-dir", str(own))
    assert done.returncode == 1
    assert re.fullmatch(rf"odus: Cannot listen on {re.escape(host)} port 8000 \(.+\); choose another.*\n", done.stderr)


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = processes.run("serve", "--port", str(processes.free_port()), "--data-dir", str(tmp_path / "file" / "data"))
    assert done.returncode == 1
    assert re.fullmatch(r"odus: The data cannot be kept in \S+/file/data \(.+\); choose another .+\n", done.stderr)


@pytest.mark.parametrize("url", ["nonsense", "postgresql://127.0.0.1:port/x"])
def test_a_database_url_that_can_never_work_is_refused(url: str) -> None:
    done = processes.run("serve", "--port", str(processes.free_port()), "--database-url", url)
    assert done.returncode == 1
    assert re.fullmatch(r"odus: [^\n]+\n", done.stderr)


def test_a_name_for_the_address_is_looked_up(own: Path) -> None:
    with processes.started(own, "--host", "localhost", workers=1) as server:
        eventually(lambda: len(server.workers()) == 1)
        assert httpx.get(f"http://localhost:{server.port}/health/live", timeout=SOON).status_code == 200
        assert "Traceback" not in server.logged()


def test_there_are_as_many_workers_as_asked_for_and_a_killed_one_is_replaced(own: Path) -> None:
    with processes.serving(own, workers=3) as server:
        before = server.workers()
        assert len(before) == 3
        before[0].kill()
        eventually(lambda: before[0] not in server.workers() and server.is_ready())
        assert set(before[1:]) < set(server.workers())
        assert server.process.poll() is None


def test_a_worker_that_ends_again_as_soon_as_it_starts_ends_the_server_with_a_sentence(own: Path) -> None:
    with processes.serving(own, workers=1) as server:
        first = server.workers()
        first[0].kill()
        eventually(lambda: len(younger(server, first)) == 1)
        younger(server, first)[0].kill()
        assert server.process.wait(processes.PATIENCE) == 1
        assert server.said().endswith(
            "odus: A worker process died twice within seconds; what is written above says why."
        )
        assert not processes.runs(own)


def younger(server: Server, than: list[psutil.Process]) -> list[psutil.Process]:
    """Return the processes that a server started after others."""
    return [child for child in server.children() if child.create_time() > than[0].create_time()]


# How it stops --------------------------------------------------------------------------------------------------------


@dataclass
class Clients:
    """Clients that send writes one after the other until the server is gone; `begun` and how each ended."""

    shop: Shop
    begun: list[tuple[float, int | None]] = field(default_factory=list)
    """When a request was begun, and the status it was answered; None where it was cut off."""

    async def run(self, *, keeps: bool) -> None:
        """Write until nobody listens any more; on one connection, or on a new one each time."""
        while True:
            began = time.monotonic()
            try:
                response = await self.shop.client.post(
                    "/customers", content=BODY, headers=JSON if keeps else JSON | {"Connection": "close"}
                )
            except httpx.ConnectError:
                return
            except httpx.TransportError:
                self.begun.append((began, None))
            else:
                self.begun.append((began, response.status_code))


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("number", "to_all"),
    [(signal.SIGTERM, False), (signal.SIGINT, True), (signal.SIGHUP, True)],
    ids=["stop", "Ctrl-C", "closed terminal"],
)
async def test_a_stop_under_load_answers_every_request_begun_before_it(
    own: Path, number: signal.Signals, *, to_all: bool
) -> None:
    with processes.serving(own, workers=2) as server:
        postmaster = server.postmaster()
        others = server.children()
        async with processes.shop(server.url, processes.dsn(own)) as shop:
            with Wire(server.port) as idle, Wire(server.port) as half:
                idle.say(request(shop, READ)).hear(b"live")
                half.say(b"GET /health/live HT")
                stopped, clients = await stop_under_load(server, own, shop, number, to_all=to_all)
            code = await asyncio.to_thread(server.process.wait, processes.PATIENCE)
        assert code == 0
        before = [status for began, status in clients.begun if began < stopped]
        assert len(before) > 20
        assert set(before) == {201}
        assert not lives(postmaster)
        assert not any(lives(process) for process in others)
        assert processes.is_free(server.port)
        assert server.said() in {"", f"Creating a PostgreSQL database in {own}."}


async def stop_under_load(
    server: Server, data: Path, shop: Shop, number: signal.Signals, *, to_all: bool
) -> tuple[float, Clients]:
    """Stop a server while clients write, and while some writes wait for a lock that is let go of only then."""
    clients = Clients(shop)
    held = await make.customer(shop.client)
    blocker, observer = [await asyncpg.connect(processes.dsn(data)) for _ in range(2)]
    async with asyncio.TaskGroup() as running:
        for turn in range(8):
            running.create_task(clients.run(keeps=turn % 2 == 0))
        await processes.eventually_true(lambda: have_begun(clients, 40))
        async with blocker.transaction():
            await blocker.execute("select from customers where id = $1 for update", held["id"])
            waiting = [
                running.create_task(shop.client.post(f"/customers/{held['id']}", json={"name": str(turn)}))
                for turn in range(4)
            ]
            await processes.eventually_true(lambda: wait(observer, 4))
            stopped = time.monotonic()
            (os.killpg if to_all else os.kill)(server.pid, number)
            await processes.eventually_true(lambda: takes_no_more(server))
    await blocker.close()
    await observer.close()
    assert {task.result().status_code for task in waiting} <= {200, 503}
    return stopped, clients


async def have_begun(clients: Clients, count: int) -> bool:
    return len(clients.begun) >= count


async def wait(observer: asyncpg.Connection, count: int) -> bool:
    waiting = "select count(*) from pg_stat_activity where application_name = 'odus' and wait_event_type = 'Lock'"
    return await observer.fetchval(waiting) == count


async def takes_no_more(server: Server) -> bool:
    return not processes.is_listening(server.port)


async def test_a_second_start_goes_on_with_the_same_data(own: Path) -> None:
    with processes.serving(own, workers=1) as server:
        async with processes.shop(server.url, processes.dsn(own)) as shop:
            customer = await make.customer(shop.client)
    with processes.serving(own, workers=1, port=server.port):
        async with httpx.AsyncClient(base_url=server.url, headers=shop.client.headers, timeout=SOON) as client:
            assert (await client.get(f"/customers/{customer['id']}")).json() == customer


def test_two_servers_on_one_directory_share_its_postgresql_and_the_last_one_stops_it(own: Path) -> None:
    with processes.serving(own, workers=1) as first, processes.serving(own, workers=1) as second:
        postmaster = first.postmaster()
        assert second.postmaster() == postmaster
        first.process.terminate()
        assert first.process.wait(processes.PATIENCE) == 0
        assert processes.is_free(first.port)
        assert second.is_ready()
        assert second.postmaster() == postmaster
        second.process.terminate()
        assert second.process.wait(processes.PATIENCE) == 0
        assert not lives(postmaster)


def test_a_stop_while_it_starts_leaves_nothing(own: Path) -> None:
    with processes.started(own, workers=1) as server:
        eventually(lambda: processes.runs(own))
        server.process.terminate()
        assert server.process.wait(processes.PATIENCE) in {0, 128 + signal.SIGTERM}
        eventually(lambda: not processes.runs(own))
        assert "Traceback" not in server.logged()


# PostgreSQL under it -------------------------------------------------------------------------------------------------


def test_the_watcher_of_postgresql_costs_next_to_nothing_and_is_silent(server: Server) -> None:
    watcher = server.watcher()
    before, began = sum(watcher.cpu_times()), time.monotonic()
    time.sleep(2)
    assert sum(watcher.cpu_times()) - before < 0.05 * (time.monotonic() - began)
    assert server.said().count("\n") == 0


def _has_another(data: Path, before: psutil.Process) -> bool:
    """Tell whether a PostgreSQL runs that is not the one before; it may go away while one looks."""
    with suppress(psutil.NoSuchProcess, OSError, ValueError, IndexError):
        return processes.postmaster(data) != before
    return False


def test_a_postgresql_that_someone_else_told_to_stop_is_back_soon(own: Path) -> None:
    with processes.serving(own, workers=1) as server:
        before = server.postmaster()
        before.terminate()  # it waits for its sessions to end, and takes no more
        eventually(lambda: _has_another(own, before) and server.is_ready())


def test_a_postgresql_that_cannot_be_started_again_is_tried_until_it_can(own: Path) -> None:
    settings = own / "postgres" / "postgresql.auto.conf"
    with ExitStack() as stack:
        server = stack.enter_context(processes.serving(own, workers=1))
        before = settings.read_text()
        stack.callback(settings.write_text, before)
        settings.write_text("shared_preload_libraries = 'missing'\n")
        processes.end([server.postmaster()])
        eventually(lambda: 'odus: PostgreSQL did not start: could not access file "missing"' in server.said())
        assert httpx.get(f"{server.url}/health/ready", timeout=SOON).status_code == 503
        settings.write_text(before)
        server.wait_until_ready()
        assert "Traceback" not in server.logged()


# At last, what began first -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "statuses"),
    [
        ("says nothing", []),
        ("says half a header", []),
        ("says half a body", [408]),
        ("drips a header", []),
        ("drips a body", [408]),
        ("says nothing more", [200]),
    ],
)
def test_a_slow_client_is_sent_away(slow: dict[str, Wire], who: str, statuses: list[int]) -> None:
    eventually(lambda: slow[who].closed, SLOW)
    assert slow[who].statuses == statuses


async def test_after_all_this_the_server_has_its_workers_and_no_fault(server: Server, shop: Shop) -> None:
    assert (await shop.client.get("/health/ready")).status_code == 200
    assert len(server.workers()) == 2
    assert '"status":5' not in server.logged()
    assert '"event":"fault"' not in server.logged()
    assert "Traceback" not in server.logged()
