"""Browsers: what each request of one says of itself: its session, and the page that it comes from."""

import re

from litestar.types import HTTPScope

from odus.kit import problems
from odus.kit.requests import header

COOKIE = "odus_session"


def cookie(scope: HTTPScope) -> str | None:
    """Return the value of the session's cookie."""
    for part in (header(scope, b"cookie") or "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE and _TOKEN.fullmatch(value):
            return value
    return None


_TOKEN = re.compile(r"[0-9A-Za-z_-]{43}")


def check_origin(scope: HTTPScope) -> None:
    """Raise `cross_site` for an unsafe request that a page of another site made.

    Every browser says where a request that changes something comes from: `Sec-Fetch-Site`, or `Origin`. What says
    neither is no browser, and sends no cookie that it was not given.
    """
    site, origin = header(scope, b"sec-fetch-site"), header(scope, b"origin")
    if site is not None:
        is_own = site in ("same-origin", "none")
    else:
        host = header(scope, b"host")
        is_own = origin is None or origin in (f"https://{host}", f"http://{host}")
    if not is_own:
        raise problems.CROSS_SITE("The request came from another site. Go back to the Dashboard, and try again there.")
