"""The tables in docs/*.md, made from what the API itself is made from; `make docs` writes them."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from odus.app import HANDLERS
from odus.gateways.declines import DECLINES
from odus.gateways.protocol import Declined
from odus.kit.filters import OPERATORS
from odus.kit.openapi import document
from odus.kit.problems import FIELD_CODES, KINDS, Kind
from odus.reference.document import read
from odus.reference.filters import filters, sorts

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "api.md", DOCS / "errors.md"]


def filled(text: str) -> str:
    """Return a page with its tables made anew, each between `<!-- made: name -->` and `<!-- end -->`."""
    return _MADE.sub(lambda found: f"{found[1]}\n\n{_TABLES[found[2]]}\n\n{found[3]}", text)


_MADE = re.compile(r"(<!-- made: (\w+) -->).*?(<!-- end -->)", re.DOTALL)


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    first, *others = [f"| {' | '.join(line)} |" for line in (head, *rows)]
    return "\n".join([first, f"|{'---|' * len(head)}", *others])


def _codes(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


def _lists() -> Iterator[str]:
    """Make a table of each list: its filters, and what it sorts by."""
    for path, methods in read(document(HANDLERS)).paths.items():
        operation = methods.get("get")
        if operation and (found := filters(operation)):
            rows = [[f"`{each.name}`", _codes(each.operators), each.about] for each in found]
            yield f"**`GET {path}`** sorts by {_codes(sorts(operation))}, and filters by:"
            yield _table(["field", "operators", "a value is"], rows)


def _kind(kind: Kind) -> list[str]:
    carries = "".join(f" Carries `{name}: {value}`." for name, value in kind.headers)
    return [str(kind.status), f"`{kind.code}`", kind.meaning + carries]


def _decline(declined: Declined) -> list[str]:
    return [f"`{declined.code}`", f"`{declined.decline_type}`", f"`{declined.retry_strategy}`", declined.message]


_TABLES = {
    "declines": _table(["code", "`declineType`", "`retryStrategy`", "what it means"], map(_decline, DECLINES.values())),
    "operators": _table(["operator", "meaning"], ([f"`{name}`", meaning] for name, meaning in OPERATORS.items())),
    "lists": "\n\n".join(_lists()),
    "kinds": _table(["status", "code", "what it means"], map(_kind, KINDS)),
    "codes": _table(["code", "what it means"], ([f"`{name}`", meaning] for name, meaning in FIELD_CODES.items())),
}


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text("utf-8")), "utf-8")
