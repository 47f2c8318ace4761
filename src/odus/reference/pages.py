"""The reference: the OpenAPI document, and the pages a person reads it on."""

import msgspec
from litestar import get
from litestar.types import ASGIApp

from odus.kit.requests import JSON, Call, Response


@get("/openapi.json", name="openapi")
async def openapi(request: Call) -> ASGIApp:
    """Answer the OpenAPI document."""
    return Response(200, msgspec.json.encode(request.app.state.document), JSON)


HANDLERS = [openapi]
