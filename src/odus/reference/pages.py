"""The reference: the OpenAPI document, and the pages a person reads it on."""

import re

import msgspec
from litestar import get
from litestar.types import ASGIApp, HTTPScope

from odus.kit.requests import JSON, Call, Response, header, not_found
from odus.reference.assets import ASSETS
from odus.reference.curl import ORIGIN
from odus.reference.rendering import PATHS, Pages, render


@get(PATHS["openapi"], name="openapi")
async def openapi(request: Call) -> ASGIApp:
    """Answer the OpenAPI document."""
    return Response(200, msgspec.json.encode(request.app.state.document), JSON)


@get("/", name="root")
async def root() -> ASGIApp:
    """Lead who opens the bare address to the reference."""
    return Response(302, b"", b"text/plain", [("Location", PATHS["reference"])])


@get(PATHS["reference"], name="reference")
async def reference(request: Call) -> ASGIApp:
    """Answer the reference of the API."""
    return _page(request, _pages(request).reference)


@get(PATHS["errors"], name="errors")
async def errors(request: Call) -> ASGIApp:
    """Answer the list of all problems, where the `type` of each leads to."""
    return _page(request, _pages(request).errors)


@get("/docs/static/{name:str}", name="reference_asset")
async def asset(request: Call) -> ASGIApp:
    """Answer a file that the pages load; its address changes with its content."""
    found = ASSETS.get(request.scope["path_params"]["name"])
    if found is None:
        raise not_found()
    return Response(200, found.content, found.media_type, [("Cache-Control", "public, max-age=31536000, immutable")])


HANDLERS = [openapi, root, reference, errors, asset]


def _pages(call: Call) -> Pages:
    """Return the pages of the application's document, made when they are first asked for."""
    state = call.app.state
    if "reference" not in state:
        state.reference = render(state.document)
    return state.reference


def _page(call: Call, page: bytes) -> Response:
    return Response(200, page.replace(ORIGIN.encode(), _origin(call.scope).encode()), _HTML, _HEADERS.items())


_HTML = b"text/html; charset=utf-8"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "same-origin",
}


def _origin(scope: HTTPScope) -> str:
    """Return the address under which the reader reached this server; it only ever shows in their own answer."""
    host = header(scope, b"host") or ""
    scheme = "https" if header(scope, b"x-forwarded-proto") == "https" else scope["scheme"]
    return f"{scheme}://{host if _HOST.fullmatch(host) else 'localhost'}"


_HOST = re.compile(r"(?:[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")
