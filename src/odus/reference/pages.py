"""The reference: the OpenAPI document, and the pages a person reads it on."""

import msgspec
from litestar import get
from litestar.types import ASGIApp

from odus.kit import requests
from odus.kit.requests import JSON, Call, Response
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
    return ASSETS.answer(request.scope)


HANDLERS = [openapi, root, reference, errors, asset]


def _pages(call: Call) -> Pages:
    """Return the pages of the application's document, made when they are first asked for."""
    state = call.app.state
    if "reference" not in state:
        state.reference = render(state.document)
    return state.reference


def _page(call: Call, page: bytes) -> Response:
    return Response(200, page.replace(ORIGIN.encode(), requests.origin(call.scope).encode()), _HTML, _HEADERS.items())


_HTML = b"text/html; charset=utf-8"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "same-origin",
}
