"""Rendering: the pages, made from their templates."""

import re

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from odus.kit import idempotency, lists, metadata, requests
from odus.kit.bodies import Json
from odus.kit.filters import MOST_VALUES, OPERATORS
from odus.kit.problems import FIELD_CODES, KINDS, VALIDATION_FAILED, FieldError
from odus.reference.assets import ASSETS
from odus.reference.contents import permissions, resources
from odus.reference.curl import ORIGIN, curl
from odus.reference.document import read
from odus.reference.examples import object_id, pretty


class Pages(msgspec.Struct, frozen=True):
    """The pages, with `ORIGIN` where the address of the server belongs."""

    reference: bytes
    errors: bytes


def render(document: dict[str, Json]) -> Pages:
    """Make the pages of an OpenAPI document."""
    known = read(document)
    found = resources(known)
    reference = _page(
        "reference.html",
        info=known.info,
        resources=found,
        permissions=permissions(found),
        limits=_LIMITS,
        operators=OPERATORS,
        problem=_problem(),
    )
    return Pages(reference, _page("errors.html", info=known.info, kinds=KINDS, field_codes=FIELD_CODES))


PATHS = {"reference": "/docs", "errors": "/docs/errors", "openapi": "/openapi.json"}


def _page(template: str, **context: object) -> bytes:
    tools = {"asset": ASSETS.path, "curl": curl, "object_id": object_id, "origin": ORIGIN, "paths": PATHS}
    return _ENVIRONMENT.get_template(template).render(**tools, **context).encode()


_LIMITS = {
    "page_size": lists.DEFAULT_SIZE,
    "largest_page_size": lists.LARGEST_SIZE,
    "values": MOST_VALUES,
    "metadata_pairs": metadata.MOST_PAIRS,
    "idempotency_days": idempotency.KEPT_FOR.days,
    "idempotency_key": idempotency.LONGEST_KEY,
    "body_mib": requests.LARGEST_BODY // 1024**2,
}


def _problem() -> str:
    """Return a problem as it is answered, made by what makes the real ones."""
    errors = [
        FieldError("metadata.tier", "too_long", "must be at most 500 characters, got 612"),
        FieldError("email", "required", "is required"),
    ]
    problem = VALIDATION_FAILED("The request has 2 invalid fields.", errors)
    return pretty(msgspec.json.decode(problem.body(object_id("request"))))


_markdown = MarkdownIt("commonmark", {"html": False}).disable("image")


def _block(text: str) -> Markup:
    """Render Markdown; its HTML shows as text."""
    return Markup(_markdown.render(text))  # noqa: S704 - markdown-it escapes all that it is given


def _inline(text: str) -> Markup:
    """Render a line of Markdown without a paragraph around it."""
    return Markup(_markdown.renderInline(text))  # noqa: S704 - markdown-it escapes all that it is given


def _json(text: str) -> Markup:
    """Give names, strings and other values of JSON a class each."""
    return Markup(_TOKEN.sub(_token, text))  # noqa: S704 - all of the text passes through `escape`


_TOKEN = re.compile(r'(?P<name>"(?:[^"\\]|\\.)*")(?=:)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<rest>[^"]+)')


def _token(found: re.Match[str]) -> str:
    escaped = str(escape(found[0]))
    return escaped if found.lastgroup == "rest" else f'<span class="{found.lastgroup}">{escaped}</span>'


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("odus.reference"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(markdown=_block, inline=_inline, json=_json)
    return made


_ENVIRONMENT = _environment()
