"""The command line as its user sees it: what stands on standard output and standard error, and the exit code."""

import json
import os
import re
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
from typer.testing import CliRunner

from odus import __version__, cli, commands
from odus.kit.permissions import Permission
from odus.kit.problems import Problem
from tests import make, processes
from tests.make import PASSWORD
from tests.processes import ODUS, Server, eventually

VALUE = re.compile(r"skey_[A-Za-z0-9_-]{43}\n")
MERCHANT = re.compile(r"mer_[0-9A-Za-z]{27}\n")
COMMANDS = {
    "serve": "Serve the API and the Dashboard until SIGTERM or Ctrl-C.",
    "demo": "Serve with a test merchant of 200 customers, and print its addresses, a",
    "worker": "Do what falls due and the housekeeping until SIGTERM or Ctrl-C; start as many as you like.",
    "migrate": "Bring the database's schema up to date.",
    "seed": "Write made-up customers of the last five years to a test merchant, each with its event, and payments",
    "openapi": "Print the OpenAPI document.",
    "merchants": "The businesses whose customers are kept here.",
    "merchants create": "Make a merchant; its id is all that stands on standard output.",
    "keys": "The secret keys that servers show with each request.",
    "keys create": "Make a secret key; its value is all that stands on standard output, and is shown only now.",
    "keys list": "List a merchant's secret keys, their values masked.",
    "keys revoke": "End a secret key for good.",
    "users": "The people who sign in to the Dashboard.",
    "users create": "Make a user of the Dashboard; the id is all that stands on standard output.",
}


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """Make data that a server runs on."""
    with processes.data_dir() as path:
        yield path


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Server]:
    with processes.serving(data, workers=1) as server:
        yield server


@pytest.fixture(scope="module")
def idle() -> Iterator[Path]:
    """Make data that no server runs on, unless a command starts one for a while."""
    with processes.data_dir() as path:
        yield path
        assert not processes.runs(path), "a command left its PostgreSQL"


@pytest.fixture(scope="module")
def merchant(server: Server, data: Path) -> str:
    """Make a merchant on the data that a server runs on."""
    assert server.is_ready()
    return odus(
        "merchants", "create", "--name", "Shop", "--environment", "live", "--data-dir", str(data)
    ).stdout.strip()


@pytest.fixture
async def empty(server_url: str) -> AsyncIterator[str]:
    """Return the URL of a database without tables."""
    async with make.database(server_url) as url:
        yield url


def odus(*arguments: str | bytes, typed: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command; whatever it ends in, nobody is shown the program's insides."""
    done = processes.run(*arguments, typed=typed, **environment)
    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 1, 2}
    return done


def refused(*arguments: str | bytes, typed: str = "", **environment: str) -> str:
    """Run a command that fails; return its one sentence."""
    done = odus(*arguments, typed=typed, **environment)
    assert done.returncode == 1
    assert done.stdout == ""
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith("odus: ")
    assert sentence.endswith(".")
    assert all(line.startswith("Creating a PostgreSQL") for line in done.stderr.splitlines()[:-1])
    return sentence.removeprefix("odus: ")


def works(server: Server, value: str) -> bool:
    """Tell whether the server takes a key's value."""
    headers = {"Authorization": f"Bearer {value.strip()}"}
    path = "/customers/cus_000000000000000000000000000"
    status = httpx.get(f"{server.url}{path}", headers=headers, timeout=10).status_code
    assert status in {401, 404}
    return status == 404


# What it says of itself ----------------------------------------------------------------------------------------------


def test_it_says_what_it_can_do() -> None:
    done = odus("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    for command in COMMANDS:
        assert command.split()[0] in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_what_it_does_and_takes(command: str) -> None:
    done = CliRunner().invoke(cli.app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    assert COMMANDS[command] in " ".join(done.stdout.split())
    if command in {"serve", "demo"}:
        for variable in ("ODUS_HOST", "ODUS_PORT", "ODUS_WORKERS", "ODUS_DATA_DIR", "ODUS_DATABASE_URL"):
            assert variable in done.stdout
    if command not in {"openapi", "merchants", "keys", "users"}:
        assert "--data-dir" in done.stdout
        assert "--database-url" in done.stdout


def test_it_says_which_release_it_is() -> None:
    done = odus("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize(
    "command",
    [
        "bake",
        "serve --bake",
        "serve --port 0",
        "serve --port 65536",
        "serve --port http",
        "serve --workers 0",
        "serve --log-level loud",
        "seed",
        "seed --customers 0",
        "seed --customers many",
        "seed --customers 5 --until yesterday",
        "seed --customers 5 --until 2024-02-30",
        "seed --customers 5 --until 2019-12-31",
        "seed --customers 5 --until 9999-12-31",
        "merchants create --name Shop",
        "merchants create --name Shop --environment moon",
        "keys create --permission CUSTOMER_READ",
        "keys create --note Note",
        "keys revoke",
        "users create --email a@example.com",
        "users create --role admin",
        "users create --email a@example.com --role admin --password Correct-horse-7",
        "migrate now",
    ],
)
def test_a_wrong_command_line_is_exit_code_2(command: str) -> None:
    done = CliRunner().invoke(cli.app, command.split())
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "Error: " in done.stderr


def test_a_permission_that_there_is_not_is_answered_by_the_list_of_those_there_are() -> None:
    done = odus("keys", "create", "--note", "Note", "--permission", "EVERYTHING")
    assert done.returncode == 2
    assert done.stdout == ""
    assert all(permission in done.stderr for permission in Permission)


# Merchants and keys --------------------------------------------------------------------------------------------------


def test_keys_are_made_listed_and_revoked_while_a_server_runs(server: Server, data: Path, merchant: str) -> None:
    where = ("--merchant", merchant, "--data-dir", str(data))
    made = odus("keys", "create", "--note", "Till", "--permission", "CUSTOMER_READ", *where)
    assert made.returncode == 0
    assert VALUE.fullmatch(made.stdout)
    assert works(server, made.stdout)
    key = re.fullmatch(r"Made (key_\w{27})\. Its value is shown only now:\n", made.stderr)
    assert key

    listed = odus("keys", "list", *where)
    assert listed.returncode == 0
    assert listed.stderr == ""
    assert made.stdout.strip() not in listed.stdout
    head, *rows = listed.stdout.splitlines()
    assert head.split() == ["id", "value", "note", "permissions", "last", "used", "state"]
    assert len(rows) == 1
    assert rows[0].split()[:4] == [key[1], f"skey_••••{made.stdout.strip()[-4:]}", "Till", "CUSTOMER_READ"]
    assert rows[0].split()[-1] == "valid"

    revoked = odus("keys", "revoke", key[1], *where)
    assert (revoked.returncode, revoked.stdout, revoked.stderr) == (0, "", f"Revoked {key[1]} (Till).\n")
    eventually(lambda: not works(server, made.stdout))
    assert odus("keys", "list", *where).stdout.splitlines()[1].split()[-1] == "revoked"
    assert server.is_ready()


def test_a_merchant_and_key_made_while_no_server_runs_work_when_one_does(idle: Path) -> None:
    where = ("--data-dir", str(idle))
    merchant = odus("merchants", "create", "--name", "Corner Shop", "--environment", "test", *where)
    assert merchant.returncode == 0
    assert MERCHANT.fullmatch(merchant.stdout)
    assert merchant.stderr == (
        f"Creating a PostgreSQL database in {idle}.\n"
        f"Made the test merchant Corner Shop. Give it a key: odus keys create --merchant {merchant.stdout.strip()} …\n"
    )
    permissions = ("--permission", "CUSTOMER_READ", "--permission", "EVENT_READ")
    made = odus("keys", "create", "--note", "Till", *permissions, "--expires-at", "2999-01-31T00:00:00Z", *where)
    assert made.returncode == 0
    assert VALUE.fullmatch(made.stdout)
    assert not processes.runs(idle)
    with processes.serving(idle, workers=1) as server:
        assert works(server, made.stdout)


def test_a_hundred_and_more_keys_are_listed_once_each_in_full(data: Path, server: Server) -> None:
    made = odus(
        "merchants", "create", "--name", "Many", "--environment", "test", "--data-dir", str(data)
    ).stdout.strip()
    where = ("--merchant", made, "--data-dir", str(data))
    value = odus("keys", "create", "--note", "Note \x1b[31m", "--permission", "SECRET_KEY_UPDATE", *where).stdout
    headers = {"Authorization": f"Bearer {value.strip()}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=10) as client:
        for number in range(101):
            body = {"note": f"Note {number} " + "long " * 40, "permissions": ["SECRET_KEY_READ"]}
            assert client.post("/secret-keys", json=body).status_code == 201
    listed = odus("keys", "list", *where, PYTHONIOENCODING="ascii")
    assert "\x1b" not in listed.stdout
    assert len(set(re.findall(r"(?m)^key_\w{27} ", listed.stdout))) == 102
    assert len(listed.stdout.splitlines()) == 1 + 102


@pytest.mark.parametrize(
    ("ends", "sentence"),
    [
        ("tomorrow", "expiresAt must be an ISO 8601 timestamp"),
        ("2020-01-31T00:00:00Z", "expiresAt must be in the future."),
    ],
)
def test_a_key_cannot_end_at_no_time_or_in_the_past(data: Path, merchant: str, ends: str, sentence: str) -> None:
    where = ("--merchant", merchant, "--data-dir", str(data))
    said = refused("keys", "create", "--note", "Note", "--permission", "EVENT_READ", "--expires-at", ends, *where)
    assert said.startswith(sentence)


def test_a_name_or_note_that_is_none_is_refused(data: Path, merchant: str) -> None:
    where = ("--data-dir", str(data))
    assert refused("merchants", "create", "--name", "", "--environment", "test", *where).startswith("name ")
    long = refused("keys", "create", "--note", "n" * 256, "--permission", "EVENT_READ", "--merchant", merchant, *where)
    assert long.startswith("note ")
    made = ("merchants", "create", "--name", b"\xff", "--environment", "test")
    assert refused(*made, *where) == "The command line is not UTF-8."


def test_a_key_that_there_is_not_cannot_be_revoked(data: Path, merchant: str) -> None:
    where = ("--merchant", merchant, "--data-dir", str(data))
    assert "no such object" in refused("keys", "revoke", "key_000000000000000000000000000", *where)


def test_which_merchant_is_meant_must_be_clear(data: Path, merchant: str) -> None:
    where = ("--data-dir", str(data))
    other = merchant[:-1] + ("0" if merchant[-1] != "0" else "1")
    assert refused("keys", "list", "--merchant", other, *where) == f"There is no merchant {other}."
    assert odus("merchants", "create", "--name", "Other", "--environment", "test", *where).returncode == 0
    assert re.fullmatch(r"There are \d+ merchants: name one with --merchant\.", refused("keys", "list", *where))


# Users ---------------------------------------------------------------------------------------------------------------


def signs_in(url: str, email: str, password: str) -> bool:
    """Tell whether the Dashboard lets somebody in."""
    with httpx.Client(base_url=url, timeout=30, headers={"Sec-Fetch-Site": "same-origin"}) as client:
        answer = client.post("/dashboard/login", data={"email": email, "password": password})
        assert answer.status_code in {303, 400}
        assert client.get("/dashboard").status_code == (200 if answer.status_code == 303 else 303)
    return answer.status_code == 303


def test_a_user_is_made_with_a_password_from_standard_input_and_can_sign_in(
    server: Server, data: Path, merchant: str
) -> None:
    where = ("--merchant", merchant, "--data-dir", str(data))
    create = ("users", "create", "--email", "ada@example.com", "--role", "admin", "--password-stdin", *where)
    made = odus(*create, typed=f"{PASSWORD}\nnot read\n")
    assert made.returncode == 0
    assert re.fullmatch(r"usr_[0-9A-Za-z]{27}\n", made.stdout)
    assert made.stderr == "Made the admin ada@example.com, who can sign in at /dashboard.\n"
    assert signs_in(server.url, "ada@example.com", PASSWORD)
    assert not signs_in(server.url, "ada@example.com", PASSWORD + "x")
    assert refused(*create, typed=PASSWORD) == "Another user has this email."


@pytest.mark.parametrize(
    ("chosen", "password", "sentence"),
    [
        ({"--role": "owner"}, PASSWORD, "role is not one of the values that are possible here: 'owner'."),
        ({"--email": "ada"}, PASSWORD, "email must be a valid email address: "),
        ({}, "hopeless", "password must have an upper case letter, a digit, a special character."),
        ({}, "", "password must have at least 8 characters, "),
    ],
)
def test_a_user_that_cannot_be_is_refused_and_the_password_is_not_repeated(
    data: Path, merchant: str, chosen: dict[str, str], password: str, sentence: str
) -> None:
    all_chosen = {"--email": "bob@example.com", "--role": "admin", "--merchant": merchant, **chosen}
    options = [part for pair in all_chosen.items() for part in pair]
    said = refused("users", "create", *options, "--password-stdin", "--data-dir", str(data), typed=f"{password}\n")
    assert said.startswith(sentence)
    assert not password or password not in said


def test_a_password_that_is_not_utf_8_is_refused() -> None:
    create = ["users", "create", "--email", "a@example.com", "--role", "admin", "--password-stdin"]
    done = CliRunner().invoke(cli.app, create, input=b"Correct-horse-\xff7\n")
    assert isinstance(done.exception, commands.ERRORS)
    assert done.output == ""


def test_a_password_that_is_asked_for_is_typed_twice_and_not_shown() -> None:
    create = ["users", "create", "--email", "a@example.com", "--role", "owner"]
    done = CliRunner().invoke(cli.app, create, input=f"{PASSWORD}\nother\n{PASSWORD}\n{PASSWORD}\n")
    assert done.output.count("Repeat for confirmation") == 2
    assert PASSWORD not in done.output
    assert isinstance(done.exception, Problem)


# Databases -----------------------------------------------------------------------------------------------------------


async def test_a_database_that_knows_no_letters_beyond_ascii_is_warned_of(server_url: str) -> None:
    connection = await asyncpg.connect(server_url)
    name = f"odus_test_c_{os.getpid()}"
    await connection.execute(
        f"create database {name} template template0 encoding 'UTF8' locale_provider libc locale 'C'"
    )
    try:
        url = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
        for _ in range(2):
            done = odus("migrate", ODUS_DATABASE_URL=url)
            assert done.returncode == 0
            warning, last = done.stderr.splitlines()
            assert "lc_ctype is C" in warning
            assert last == "The database is up to date."
    finally:
        await connection.execute(f"drop database {name} with (force)")
        await connection.close()


def test_another_database_is_migrated_when_told_and_may_be_so_twice(empty: str) -> None:
    create = ("merchants", "create", "--name", "Shop", "--environment", "test")
    assert refused(*create, ODUS_DATABASE_URL=empty) == "The database has no tables yet: run `odus migrate`."
    for _ in range(2):
        done = odus("migrate", ODUS_DATABASE_URL=empty)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "The database is up to date.\n")
    none = refused("keys", "list", ODUS_DATABASE_URL=empty)
    assert none == "There is no merchant yet: make one with `odus merchants create`."
    assert MERCHANT.fullmatch(odus(*create, ODUS_DATABASE_URL=empty).stdout)
    made = odus("keys", "create", "--note", "Till", "--permission", "CUSTOMER_READ", ODUS_DATABASE_URL=empty)
    with processes.serving(None, workers=1, ODUS_DATABASE_URL=empty) as server:
        assert works(server, made.stdout)


def test_a_server_on_a_database_without_tables_is_not_ready_and_says_why(empty: str) -> None:
    with processes.started(None, workers=1, ODUS_DATABASE_URL=empty) as server:
        eventually(lambda: processes.is_listening(server.port))
        answer = httpx.get(f"{server.url}/health/ready", timeout=10)
        assert answer.status_code == 503
        assert answer.json()["detail"] == "Migrations are missing: run `odus migrate`."


@pytest.mark.parametrize("command", ["migrate", "demo"])
def test_a_database_that_is_away_is_said_in_one_sentence(command: str) -> None:
    url = f"postgresql://odus@127.0.0.1:{processes.free_port()}/odus"
    assert refused(*command.split(), ODUS_DATABASE_URL=url, ODUS_PORT=str(processes.free_port())).startswith(
        "The database cannot be used: "
    )


# The environment -----------------------------------------------------------------------------------------------------


def test_the_environment_says_what_the_command_line_does_not(idle: Path) -> None:
    port = processes.free_port()
    environment = {"ODUS_DATA_DIR": str(idle), "ODUS_PORT": str(port), "ODUS_WORKERS": "2", "ODUS_LOG_LEVEL": "debug"}
    with processes.serving(idle, "--log-level", "error", port=port, workers=2, **environment) as server:
        assert processes.runs(idle)
        assert '"event":"request"' not in server.logged()


def test_a_variable_that_cannot_be_used_is_named(idle: Path) -> None:
    said = refused("migrate", ODUS_DATA_DIR=str(idle), ODUS_POOL_SIZE="none")
    assert said.startswith("ODUS_POOL_SIZE is not usable: ")


# The other commands --------------------------------------------------------------------------------------------------


def test_the_openapi_document_is_printed_as_json() -> None:
    done = odus("openapi")
    assert done.returncode == 0
    assert done.stderr == ""
    assert json.loads(done.stdout)["openapi"].startswith("3.1")
    assert done.stdout.endswith("}\n")


def test_a_reader_that_has_seen_enough_is_no_failure_to_speak_of() -> None:
    with subprocess.Popen(
        [ODUS, "openapi"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=processes.clean({})
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""


def test_the_demo_goes_on_with_its_200_customers_and_both_keys_work(idle: Path) -> None:
    first = demonstrated(idle)
    second = demonstrated(idle, first["key"], first["password"])
    assert first["merchant"] == second["merchant"]
    assert first["key"] != second["key"]
    assert first["customers"] == second["customers"] == 200


def demonstrated(data: Path, earlier: str | None = None, password: str | None = None) -> dict[str, Any]:
    """Run `odus demo`, hold that it does what it says, and stop it; return what it said."""
    port = processes.free_port()
    command = [ODUS, "demo", "--data-dir", data, "--port", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=processes.clean({}), process_group=0
    ) as process:
        try:
            said = heard(process)
            eventually(lambda: processes.is_listening(port))
            merchant = re.search(r"with 200 customers of the test merchant (mer_\w{27})\.", said)
            assert merchant
            key = re.search(r"Secret key  (skey_\S+)", said)
            assert key
            assert f"API         http://127.0.0.1:{port}\n" in said
            assert f"Dashboard   http://127.0.0.1:{port}/dashboard\n" in said
            entrance = re.search(r"Sign in     (\S+)  (\S+)\n", said)
            assert entrance
            assert signs_in(f"http://127.0.0.1:{port}", entrance[1], entrance[2])
            assert password is None or not signs_in(f"http://127.0.0.1:{port}", entrance[1], password)
            for value in [key[1], *([earlier] if earlier else [])]:
                headers = {"Authorization": f"Bearer {value}"}
                answer = httpx.get(f"http://127.0.0.1:{port}/events?pageSize=100&page=2", headers=headers, timeout=10)
                assert answer.status_code == 200
            made = created(port, key[1])
            example = re.search(r"-d '(\{.*\})'", said)
            assert example
            answer = httpx.post(
                f"http://127.0.0.1:{port}/customers", headers=headers, json=json.loads(example[1]), timeout=10
            )
            assert answer.status_code == 201
            made -= 1 if earlier else 0
            return {"merchant": merchant[1], "key": key[1], "customers": made, "password": entrance[2]}
        finally:
            process.terminate()
            process.wait(processes.PATIENCE)


def heard(process: subprocess.Popen[str]) -> str:
    """Return what a demo says before it serves."""
    assert process.stdout
    said = ""
    began = time.monotonic()
    while "Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, said
        assert time.monotonic() < began + processes.PATIENCE
        said += line
    return said


def created(port: int, key: str) -> int:
    """Count the customers that were ever made."""
    headers = {"Authorization": f"Bearer {key}"}
    count, page = 0, 1
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=10) as client:
        while events := client.get("/events", params={"page": page, "pageSize": 100}).json()["data"]:
            count += sum(event["eventType"] == "customer.created" for event in events)
            page += 1
    return count
