"""The Dashboard's own pages: sign-in, sign-out, home, and the files that all pages load."""

from urllib.parse import urlsplit

from litestar import get, post
from litestar.types import ASGIApp

from odus.dashboard.assets import ASSETS
from odus.dashboard.find import find
from odus.dashboard.home import income, recurring, totals
from odus.kit.browsers import COOKIE, check_origin, cookie
from odus.kit.pages import (
    LOGIN,
    Form,
    Visit,
    form_of,
    moved,
    page,
    problem_page,
    recognized,
    shows,
    submits,
)
from odus.kit.permissions import Permission
from odus.kit.problems import TOO_MANY_REQUESTS, Problem
from odus.kit.requests import Call, Response, Services, header
from odus.settings import Settings
from odus.users import sessions

WRONG = "Email or password is wrong."


@get(LOGIN, name="login_page")
async def login_page(request: Call) -> ASGIApp:
    """Ask who it is."""
    if await recognized(request) is not None:
        return moved(_own(request.query_params.get("next", "")))
    return page(request, "login.html", error="", email="", next=request.query_params.get("next", ""))


@post(LOGIN, name="login", status_code=200)
async def login(request: Call) -> ASGIApp:
    """Begin a session, under a new token whatever the browser had before."""
    try:
        check_origin(request.scope)
        form = await form_of(request)
        return await _sign_in(request, form)
    except Problem as problem:
        return problem_page(request, problem)


@submits("/dashboard/logout")
async def logout(visit: Visit, form: Form) -> Response:
    """End the session, here and on the server."""
    del form
    await sessions.sign_out(visit.database.write, cookie(visit.call.scope) or "")
    return moved(LOGIN, [("Set-Cookie", f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")])


@shows("/dashboard")
async def home_page(visit: Visit) -> Response:
    """Show where the business stands."""
    database, merchant_id = visit.database, visit.who.merchant_id
    return visit.page(
        "home.html",
        totals=await totals(database, merchant_id) if visit.may(Permission.CUSTOMER_READ) else None,
        income=await income(database, merchant_id) if visit.may(Permission.PAYMENT_READ) else None,
        recurring=await recurring(database, merchant_id) if visit.may(Permission.SUBSCRIPTION_READ) else None,
    )


@shows("/dashboard/find")
async def find_page(visit: Visit) -> Response:
    """Show what fits what is being typed."""
    asked = (visit.query.get("q") or [""])[0]
    return visit.page("find.html", asked=asked, results=await find(visit, asked))


@get("/dashboard/assets/{name:str}", name="dashboard_asset")
async def asset(request: Call) -> ASGIApp:
    """Answer a file that the pages load."""
    return ASSETS.answer(request.scope)


HANDLERS = [login_page, login, logout, home_page, find_page, asset]


async def _sign_in(call: Call, form: Form) -> Response:
    services: Services = call.app.state.services
    email, target = form.text("email"), form.text("next")
    try:
        entered = await sessions.sign_in(services.database, email, form.text("password"), _address(call))
    except Problem as problem:
        if problem.kind is not TOO_MANY_REQUESTS:
            raise
        headers = list(problem.headers.items())
        return page(call, "login.html", 429, headers, error=problem.detail, email=email, next=target)
    if entered is None:
        return page(call, "login.html", 400, error=WRONG, email=email, next=target)
    if (previous := cookie(call.scope)) is not None:
        await sessions.sign_out(services.database.write, previous)
    return moved(_own(target), [("Set-Cookie", f"{COOKIE}={entered.token}; {_cookie_attributes(call)}")])


def _own(target: str) -> str:
    """Return where to go after signing in: a page of the Dashboard, whatever the address said."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/dashboard"
    is_own = not parts.scheme and not parts.netloc and parts.path.startswith("/dashboard") and "\\" not in target
    return target if is_own and target.isprintable() else "/dashboard"


def _cookie_attributes(call: Call) -> str:
    attributes = "Path=/; HttpOnly; SameSite=Lax; Max-Age=604800"
    return attributes if _is_plain_loopback(call) else f"{attributes}; Secure"


def _is_plain_loopback(call: Call) -> bool:
    """Tell whether the browser came by plain HTTP to this very machine, where a `Secure` cookie would be dropped."""
    host = (header(call.scope, b"host") or "").rsplit(":", 1)[0]
    is_plain = (header(call.scope, b"x-forwarded-proto") or call.scope["scheme"]) == "http"
    return is_plain and host in ("127.0.0.1", "localhost", "[::1]")


def _address(call: Call) -> str:
    """Return where a request came from, for the throttle alone: what the outermost of our own proxies saw."""
    settings: Settings = call.app.state.settings
    hops = [hop.strip() for hop in (header(call.scope, b"x-forwarded-for") or "").split(",")]
    if settings.proxies and len(hops) >= settings.proxies:
        return hops[-settings.proxies]
    client = call.scope["client"]
    return client[0] if client else ""
