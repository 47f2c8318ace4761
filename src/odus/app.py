"""The application: the one place where everything meets."""

import asyncio
import gc
import multiprocessing
import os
import signal
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

import asyncpg
from litestar import Litestar, route
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from odus import migrations
from odus.checkout import pages as checkout
from odus.checkout.visits import problem_page as checkout_problem_page
from odus.customers import api as customers
from odus.customers import new_pages as new_customer_pages
from odus.customers import pages as customer_pages
from odus.customers import restrictions
from odus.dashboard import pages as dashboard
from odus.dashboard.environment import environment
from odus.dashboard.people import recognizer
from odus.events import api as events
from odus.events import pages as event_pages
from odus.gateways import api as gateways
from odus.gateways import pages as gateway_pages
from odus.kit import addresses, db, health, problems, requests
from odus.kit.db import Database, Limits
from odus.kit.logs import configure_logs, log
from odus.kit.observe import Observed
from odus.kit.openapi import document
from odus.kit.pages import Pages, ProblemPage
from odus.kit.problems import Problem
from odus.kit.requests import JSON, PROBLEM, Call, Response, Services
from odus.kit.tracing import Trace
from odus.merchant_configs import api as merchant_configs
from odus.merchant_configs import pages as settings_pages
from odus.payment_methods import api as payment_methods
from odus.payment_methods import cards as payment_method_cards
from odus.payment_methods import pages as payment_method_pages
from odus.payments import api as payments
from odus.payments import cards as payment_cards
from odus.payments import move_pages, new_pages
from odus.payments import pages as payment_pages
from odus.products import api as products
from odus.products import pages as product_pages
from odus.products import price_pages
from odus.reference import pages as reference
from odus.renewals import api as test_clock
from odus.renewals import clock_pages
from odus.renewals import move_pages as subscription_move_pages
from odus.renewals import pages as subscription_pages
from odus.secret_keys import api as secret_keys
from odus.secret_keys import pages as secret_key_pages
from odus.secret_keys.keyring import KeyRing
from odus.settings import Settings
from odus.subscriptions import api as subscriptions
from odus.subscriptions import cards as subscription_cards
from odus.users import api as users
from odus.users import pages as user_pages

HANDLERS = [
    *customers.HANDLERS,
    *payments.HANDLERS,
    *payment_methods.HANDLERS,
    *subscriptions.HANDLERS,
    *test_clock.HANDLERS,
    *products.HANDLERS,
    *secret_keys.HANDLERS,
    *users.HANDLERS,
    *gateways.HANDLERS,
    *merchant_configs.HANDLERS,
    *events.HANDLERS,
]
"""Every endpoint of the API, in the order of its reference."""

PAGES = [
    *dashboard.HANDLERS,
    *customer_pages.HANDLERS,
    *new_customer_pages.HANDLERS,
    *restrictions.HANDLERS,
    *payment_pages.HANDLERS,
    *new_pages.HANDLERS,
    *move_pages.HANDLERS,
    *subscription_pages.HANDLERS,
    *subscription_move_pages.HANDLERS,
    *payment_method_pages.HANDLERS,
    *product_pages.HANDLERS,
    *price_pages.HANDLERS,
    *secret_key_pages.HANDLERS,
    *user_pages.HANDLERS,
    *settings_pages.HANDLERS,
    *clock_pages.HANDLERS,
    *gateway_pages.HANDLERS,
    *event_pages.HANDLERS,
]
"""Every page of the Dashboard."""

CUSTOMER_CARDS = (subscription_cards.CARD, payment_cards.CARD, payment_method_cards.CARD)
"""What a customer's page shows of other features, in this order."""

_ENVIRONMENT = environment(
    [
        "odus.checkout",
        "odus.customers",
        "odus.payments",
        "odus.renewals",
        "odus.subscriptions",
        "odus.payment_methods",
        "odus.products",
        "odus.secret_keys",
        "odus.users",
        "odus.events",
        "odus.gateways",
        "odus.merchant_configs",
    ]
)


ORPHAN_SECONDS = 1.0
"""How long a worker whose first process was killed goes on with what is under way."""


def create_app(settings: Settings, database: Database | None = None) -> ASGIApp:
    """Make the ASGI application; it opens its own pool unless it is given a database."""
    configure_logs(settings.log_level)
    addresses.public_at(settings.public_url)
    trace = Trace(settings.otel_endpoint) if settings.otel_endpoint else None

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncGenerator[None]:
        _stop_with_parent()
        limits = Limits(settings.list_pool_size, settings.list_timeout)
        async with db.connect(settings.database_url, settings.pool_size, limits) as pool:
            _equip(app, settings, pool)
            gc.collect()
            gc.freeze()  # what is there now stays for good: collections need not look at it again
            yield
        if trace is not None:
            await asyncio.to_thread(trace.close)

    handlers = [*HANDLERS, *PAGES, *checkout.HANDLERS, *health.HANDLERS, *reference.HANDLERS]
    app = Litestar(
        [*_options(handlers), *handlers],
        lifespan=[] if database else [lifespan],
        exception_handlers={Exception: _answer, HTTPException: _answer},  # pyright: ignore[reportArgumentType]
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
    )
    app.state.settings = settings
    app.state.document = document(HANDLERS)
    if database is not None:
        _equip(app, settings, database)
    return Observed(app, trace)


def serve_app() -> ASGIApp:
    """Make the application of a worker process, from its environment."""
    return create_app(Settings.of())


def _options(handlers: Iterable[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """Make the `OPTIONS` of each path, to be registered first: Litestar's own knows only a path's first handler."""
    methods: dict[str, set[str]] = {}
    for handler in handlers:
        for path in handler.paths:
            methods.setdefault(path, set()).update(handler.http_methods)
    return [_option(path, _allow(known)) for path, known in methods.items()]


def _option(path: str, allow: str) -> HTTPRouteHandler:
    async def options() -> ASGIApp:  # the status below is not sent: Litestar takes no 204 for what has an answer
        return Response(204, b"", JSON, [("Allow", allow)])

    return route(path, http_method=["OPTIONS"], name=f"OPTIONS {path}", status_code=200)(options)


def _allow(methods: Iterable[str]) -> str:
    """Return the value of `Allow`: whatever answers `GET` answers `HEAD`, and everything answers `OPTIONS`."""
    known = set(methods)
    return ", ".join(sorted(known | {"OPTIONS"} | ({"HEAD"} if "GET" in known else set())))


def _equip(app: Litestar, settings: Settings, database: Database) -> None:
    """Give an application what its endpoints and its pages need."""
    authenticate = KeyRing(database).authenticate
    app.state.services = Services(database, authenticate, settings.request_timeout, migrations.HEAD)
    app.state.customer_cards = CUSTOMER_CARDS
    app.state.pages = Pages(_ENVIRONMENT, recognizer(database))


def _stop_with_parent() -> None:
    """End this worker when the process that started it is gone, even by `kill -9`: it would hold the port for ever."""
    if parent := multiprocessing.parent_process():
        asyncio.get_running_loop().add_reader(parent.sentinel, _orphaned, parent.sentinel)


def _orphaned(sentinel: int) -> None:
    """Answer what is under way, then end, whoever may still be sending."""
    loop = asyncio.get_running_loop()
    loop.remove_reader(sentinel)
    loop.call_later(ORPHAN_SECONDS, os._exit, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _answer(call: Call, error: Exception) -> Response:
    """Turn whatever a handler raised into an answer as api.md §3 has it."""
    problem = error if isinstance(error, Problem) else db.unavailable(error) or _http_problem(error)
    request_id = requests.request_id(call.scope)
    if problem is None:
        if isinstance(error, asyncpg.PostgresError):
            error.detail = None  # pyright: ignore[reportAttributeAccessIssue] - it may quote a row, with personal data
        log.error("fault", requestId=request_id, exc_info=error)
        problem = problems.INTERNAL("Something failed on our side.")
    elif problem.kind is problems.UNAVAILABLE:
        log.warning("unavailable", requestId=request_id, reason=type(error).__name__)
    if call.scope["path"].startswith("/dashboard"):
        return ProblemPage(call, problem)
    if call.scope["path"].startswith("/checkout/"):
        return checkout_problem_page(call, problem)
    return Response(problem.kind.status, problem.body(request_id), PROBLEM, problem.headers.items())


def _http_problem(error: Exception) -> Problem | None:
    match error:
        case HTTPException(status_code=404):
            return problems.NOT_FOUND("There is nothing at this address.")
        case HTTPException(status_code=405, headers=headers):
            allowed = {name.lower(): value for name, value in (headers or {}).items()}.get("allow", "")
            detail = "The address exists, but not with this method."
            return problems.METHOD_NOT_ALLOWED(detail, (), {"Allow": _allow(allowed.split(", "))})
        case HTTPException(status_code=status) if status < 500:  # noqa: PLR2004 - HTTP's class of the caller's errors
            return problems.BAD_REQUEST("The request is not proper HTTP.")
        case _:
            return None
