"""Settings: the environment, read once into a frozen struct."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import msgspec
from msgspec import Meta

LogLevel = Literal["debug", "info", "warning", "error"]


class SettingsError(Exception):
    """One clear sentence about a variable that cannot be used."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator can set; each field is the environment variable `ODUS_` and its name in capitals."""

    database_url: str = ""
    """Any PostgreSQL from version 15, as `postgresql://user:password@host:port/name`; empty: the embedded one."""
    data_dir: Path | None = None
    """Where the embedded PostgreSQL keeps its files; none: the platform's user data directory."""
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    url: str = ""
    """Where people reach the server, such as `https://pay.example.com`: for links to its checkout pages."""
    workers: Annotated[int, Meta(ge=1)] = 1
    jobs: bool | None = None
    """Whether `odus serve` runs a worker beside itself; not said: on the embedded PostgreSQL alone."""
    log_level: LogLevel = "info"
    pool_size: Annotated[int, Meta(ge=1)] = 10
    """Database connections of each worker process."""
    list_pool_size: Annotated[int, Meta(ge=1)] = 4
    """Further ones of each worker process, for lists alone."""
    list_timeout: Annotated[float, Meta(gt=0, le=3600)] = 2.0
    """Seconds after which a list's statement is cut off, and the request answered 503."""
    request_timeout: Annotated[float, Meta(gt=0, le=3600)] = 4.5
    """Seconds after which a request that still waits for the database is answered 503."""
    proxies: Annotated[int, Meta(ge=0)] = 0
    """How many proxies stand before Odus and add to `X-Forwarded-For`: failed sign-ins are counted by address."""
    metrics_token: str = ""
    """The bearer token that `GET /metrics` asks for; empty: there is no such page."""
    metrics_dir: str = ""
    """A directory that all workers of one server share, for their metrics; `odus serve` makes one."""
    otel_endpoint: str = ""
    """Where OpenTelemetry traces go, an OTLP/HTTP collector such as `http://localhost:4318`; empty: nowhere."""

    @property
    def public_url(self) -> str:
        """Where people reach the server: as set, else as it listens."""
        host = _EVERYWHERE.get(self.host, self.host)
        return self.url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the environment; raises `SettingsError` naming the variable."""
        said = {name: environment[variable(name)] for name in cls.__struct_fields__ if environment.get(variable(name))}
        if "otel_endpoint" not in said and environment.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
            said["otel_endpoint"] = environment["OTEL_EXPORTER_OTLP_ENDPOINT"]
        try:
            return msgspec.convert(said, cls, strict=False, dec_hook=_path)
        except msgspec.ValidationError as error:
            text, _, field = str(error).partition(" - at `$.")
            raise SettingsError(f"{variable(field.rstrip('`'))} is not usable: {text[0].lower()}{text[1:]}.") from None


_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not listened on


def variable(field: str) -> str:
    """Return the environment variable that sets a field."""
    return f"ODUS_{field.upper()}"


def _path(wanted: type, value: object) -> object:
    if wanted is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(wanted)
