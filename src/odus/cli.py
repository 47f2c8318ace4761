"""The command line: `odus serve | demo | worker | migrate | merchants | keys | users | seed | openapi`."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from odus import __version__, commands
from odus.kit.permissions import Permission
from odus.kit.times import Moment, now
from odus.merchants.model import Environment
from odus.seed import EARLIEST, PAYERS, Wanted
from odus.settings import LogLevel, Settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Odus keeps the customers of a payments business.",
)
merchants = typer.Typer(no_args_is_help=True, help="The businesses whose customers are kept here.")
keys = typer.Typer(no_args_is_help=True, help="The secret keys that servers show with each request.")
app.add_typer(merchants, name="merchants")
app.add_typer(keys, name="keys")
users = typer.Typer(no_args_is_help=True, help="The people who sign in to the Dashboard.")
app.add_typer(users, name="users")

Host = Annotated[str | None, typer.Option(envvar="ODUS_HOST", help="The address to listen on.  [default: 127.0.0.1]")]
Port = Annotated[int | None, typer.Option(envvar="ODUS_PORT", min=1, max=65535, help="The port.  [default: 8000]")]
Workers = Annotated[int | None, typer.Option(envvar="ODUS_WORKERS", min=1, help="Worker processes.  [default: 1]")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="ODUS_DATA_DIR",
        help="Where the embedded PostgreSQL keeps its files.  [default: the platform's user data directory]",
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        envvar="ODUS_DATABASE_URL",
        help="Any PostgreSQL from version 15, postgresql://user:password@host/name, instead of the embedded one.",
    ),
]
Level = Annotated[LogLevel | None, typer.Option(envvar="ODUS_LOG_LEVEL", help="What to log.  [default: info]")]
Merchant = Annotated[str | None, typer.Option(help="The merchant, mer_…; may be left out where there is only one.")]


@app.command()
def serve(
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    log_level: Level = None,
) -> None:
    """Serve the API and the Dashboard until SIGTERM or Ctrl-C.

    The embedded PostgreSQL is brought up to date first; another one only by `odus migrate`.
    """
    settings = _settings(
        host=host, port=port, workers=workers, data_dir=data_dir, database_url=database_url, log_level=log_level
    )
    commands.serve(settings, _tell)


@app.command()
def demo(
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    log_level: Level = None,
) -> None:
    """Serve with a test merchant of 200 customers, and print its addresses, a sign-in and a secret key.

    Running it again goes on with the same data.
    """
    settings = _settings(
        host=host, port=port, workers=workers, data_dir=data_dir, database_url=database_url, log_level=log_level
    )
    commands.demo(settings, typer.echo)


@app.command()
def worker(data_dir: DataDir = None, database_url: DatabaseUrl = None, log_level: Level = None) -> None:
    """Do what falls due and the housekeeping until SIGTERM or Ctrl-C; start as many as you like.

    On the embedded PostgreSQL, `odus serve` runs one by itself.
    """
    commands.work(_settings(data_dir=data_dir, database_url=database_url, log_level=log_level), _tell)


@app.command()
def migrate(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Bring the database's schema up to date."""
    commands.migrate(_settings(data_dir=data_dir, database_url=database_url), _tell)
    typer.echo("The database is up to date.", err=True)


@app.command("seed")
def seed_customers(
    customers: Annotated[int, typer.Option(min=1, help="How many.")],
    merchant: Merchant = None,
    seed: Annotated[int, typer.Option(help="Another number gives other customers.")] = 1,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day, in UTC, before which the newest are made.  [default: today]"),
    ] = None,
    payments: Annotated[
        int | None, typer.Option(min=0, help="Payments of the newest.  [default: one for 20 customers, 1,000 at most]")
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write made-up customers of the last five years to a test merchant, each with its event, and payments of theirs.

    The same number, seed and day give the same customers, which a merchant can have only once.
    """
    settings = _settings(data_dir=data_dir, database_url=database_url)
    wanted = Wanted(customers, seed, _midnight(until))
    count = min(customers // 20, PAYERS) if payments is None else payments
    merchant_id, seconds = commands.seed_customers(settings, merchant, wanted, count, _bar)
    _tell(f"Wrote {customers:,} customers to {merchant_id} in {seconds:.1f} s, {customers / seconds:,.0f} a second.")


@app.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    sys.stdout.buffer.write(commands.openapi() + b"\n")


@merchants.command("create")
def create_merchant(
    name: Annotated[str, typer.Option(help="What the business is called.")],
    environment: Annotated[Environment, typer.Option(help="`test`: no money moves.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a merchant; its id is all that stands on standard output."""
    settings = _settings(data_dir=data_dir, database_url=database_url)
    merchant = commands.create_merchant(settings, name, environment)
    typer.echo(
        f"Made the {environment} merchant {name}. Give it a key: odus keys create --merchant {merchant.id} …", err=True
    )
    typer.echo(merchant.id)


@keys.command("create")
def create_key(
    note: Annotated[str, typer.Option(help="What the key is for.")],
    permission: Annotated[list[Permission], typer.Option(help="What the key may do; repeat for several.")],
    expires_at: Annotated[str | None, typer.Option(help="When it ends, as 2027-01-31T00:00:00Z.")] = None,
    merchant: Merchant = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a secret key; its value is all that stands on standard output, and is shown only now."""
    body = {"note": note, "permissions": [each.value for each in permission], "expiresAt": expires_at}
    settings = _settings(data_dir=data_dir, database_url=database_url)
    key = commands.create_key(settings, merchant, {name: value for name, value in body.items() if value is not None})
    typer.echo(f"Made {key.id}. Its value is shown only now:", err=True)
    typer.echo(key.value)


@keys.command("list")
def list_keys(merchant: Merchant = None, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """List a merchant's secret keys, their values masked."""
    found = commands.list_keys(_settings(data_dir=data_dir, database_url=database_url), merchant)
    table = Table("id", "value", "note", "permissions", "last used", "state", box=None, pad_edge=False)
    for key, state in found:
        table.add_row(
            key.id, key.masked_value, _plain(key.note), " ".join(key.permissions), str(key.last_used_at or "-"), state
        )
    Console(width=_AS_WIDE_AS_IT_IS, soft_wrap=True, highlight=False, markup=False).print(table)


@keys.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="The key's id, key_….")],
    merchant: Merchant = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """End a secret key for good."""
    revoked = commands.revoke_key(_settings(data_dir=data_dir, database_url=database_url), merchant, key)
    _tell(f"Revoked {revoked.id} ({_plain(revoked.note)}).")


@users.command("create")
def create_user(
    email: Annotated[str, typer.Option(help="What the person signs in with.")],
    role: Annotated[str, typer.Option(help="`admin`, `developer` or `supportAgent`.")],
    password_stdin: Annotated[  # noqa: FBT002 - typer's way to say a flag
        bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
    ] = False,
    merchant: Merchant = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a user of the Dashboard; the id is all that stands on standard output."""
    if password_stdin:
        password = sys.stdin.buffer.readline().decode(errors="surrogateescape").rstrip("\r\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    settings = _settings(data_dir=data_dir, database_url=database_url)
    user = commands.create_user(settings, merchant, {"email": email, "role": role, "password": password})
    _tell(f"Made the {user.role} {_plain(user.email)}, who can sign in at /dashboard.")
    typer.echo(user.id)


@app.callback(invoke_without_command=True)
def about(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:  # noqa: FBT002 - typer's way to say a flag
    """Say which release this is."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _settings(**given: object) -> Settings:
    """Return the environment's settings, with the options of the command line over them."""
    return msgspec.structs.replace(Settings.of(), **{name: value for name, value in given.items() if value is not None})


def _midnight(day: datetime | None) -> Moment:
    """Return the begin of a day, or of today."""
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    if day is None:
        return Moment.of(today)
    wanted = day.replace(tzinfo=UTC)
    if not EARLIEST <= wanted <= today:
        raise typer.BadParameter(f"{day:%Y-%m-%d} is not between {EARLIEST:%Y-%m-%d} and today.", param_hint="--until")
    return Moment.of(wanted)


def _tell(sentence: str) -> None:
    """Say something to the person at the terminal, beside what the command gives."""
    typer.echo(sentence, err=True)


@contextmanager
def _bar(title: str, total: int) -> Generator[Callable[[int], None]]:
    """Show how far a work is, where a person can see it; the function that is yielded moves it on by so many."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(title, total=total)
        yield lambda by: progress.advance(task, by)


def _plain(text: str) -> str:
    """Return a text without what would steer the terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


_AS_WIDE_AS_IT_IS = 10_000
"""Columns of a table that is not cut to fit: an id that is cut is none."""


def main() -> None:
    """Run a command: exit code 0 when done, 1 with one sentence when it failed, 2 for a wrong command line."""
    if callable(reconfigure := getattr(sys.stdout, "reconfigure", None)):
        reconfigure(errors="replace")  # a masked value has characters that not every terminal has
    try:
        app()
    except commands.ERRORS as error:
        typer.echo(f"odus: {commands.sentence(error)}", err=True)
        sys.exit(1)
