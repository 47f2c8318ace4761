"""Curl: the commands that the pages show, ready to be pasted into a shell."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from msgspec import UNSET

from odus.kit.bodies import Json
from odus.reference.document import Operation
from odus.reference.examples import object_id, pretty, sent

ORIGIN = "https://odus.invalid"
"""Stands for the address of this server until a page is sent to who asked for it."""


def curl(
    path: str, body: Json = None, *, query: Sequence[tuple[str, str]] = (), headers: Mapping[str, str] | None = None
) -> str:
    """Return a command for a shell that has `ODUS_KEY`; without a body it is a GET."""
    lines = [f"curl {'-G ' if query else ''}{ORIGIN}{path}", '-H "Authorization: Bearer $ODUS_KEY"']
    lines += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in (headers or {}).items()]
    lines += [f"--data-urlencode {shlex.quote(f'{name}={value}')}" for name, value in query]
    if body is not None:
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(pretty(body))}"]
    return " \\\n  ".join(lines)


def example_request(path: str, operation: Operation) -> str:
    """Return the command of an operation."""
    resource = re.sub(r"-(\w)", lambda found: found[1].upper(), operation.tags[0]).removesuffix("s")
    shown = [each for each in operation.parameters if each.place == "query" and each.example is not UNSET]
    return curl(
        path.replace("{id}", object_id(resource)),
        sent(operation) if operation.request_body else None,
        query=[pair for each in shown for pair in _pairs(each.name, each.example)],
    )


def _pairs(name: str, example: "dict[str, Json] | str | float") -> Iterable[tuple[str, str]]:
    """Write an example as it is sent: an object as one parameter for each of its keys."""
    if isinstance(example, dict):
        for key, value in example.items():
            yield from _pairs(f"{name}[{key}]", value)
    else:
        yield name, example if isinstance(example, str) else json.dumps(example)
