"""What holds for every page and dialog, in light and in dark, wide and narrow."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page, expect

from odus.kit.db import Database
from odus.kit.times import Moment, now
from tests import make
from tests.browser.conftest import OpenDesk
from tests.browser.desk import CUSTOMERS, Desk
from tests.dashboard import routes
from tests.dashboard.routes import Route

PAYMENTS = "/dashboard/payments"
SUBSCRIPTIONS = "/dashboard/subscriptions"
WIDTHS = (375, 640)
"""A telephone's, and that of a page of 1280 pixels at 200 %."""
GETS = [route for route in routes.ROUTES if route.is_shown and not route.is_open]


async def prepare(desk: Desk) -> dict[str, str]:
    """Make some of everything; return the addresses of all pages."""
    long = {"name": "Dr. Wilhelmina-Alexandra van der Hoeven-Braithwaite", "phoneNumber": "+1 555 987 6543"}
    address = {"line1": "1 Main Street", "city": "Springfield", "state": "IL", "postalCode": "62701", "country": "US"}
    metadata = {"crm": "https://crm.example/a/very/long/address/of/a/customer?with=parameters", "tier": "premium"}
    email = "wilhelmina.alexandra.van.der.hoeven.braithwaite@subsidiary.of.a.company.example.com"
    made = await make.customer(desk.api, email=email, **long, billingAddress=address, metadata=metadata)
    customer = f"{CUSTOMERS}/{made['id']}"
    await desk.api.post(f"/customers/{made['id']}", json={"phoneNumber": None, "metadata": {"tier": "basic"}})
    await desk.customers(jane="Jane Smith")
    payments = await _payments(desk, str(made["id"]))
    event = (await desk.api.get("/events")).json()["data"][0]["id"]
    key = (await desk.api.get("/secret-keys")).json()["data"][0]["id"]
    user = (await desk.api.get("/users")).json()["data"][0]["id"]
    product = (await make.product(desk.api, name="Coffee club", description="Beans", metadata=metadata))["id"]
    price = (await make.recurring_price(desk.api, 1000, 999_999_999_999, product=product, amount=500))["id"]
    await make.price(desk.api, product=product, amount=123_450, currency="jpy", name="W" * 255)
    profile = (await desk.api.get("/gateway-profiles")).json()["data"][0]["id"]
    pages = {
        "home": "/dashboard",
        "customers": CUSTOMERS,
        "filtered": f"{CUSTOMERS}?email[like]=example&createdAt[gte]=2020-01-01&metadata[tier]=basic",
        "no-match": f"{CUSTOMERS}?name[like]=nobody",
        "new-customer": f"{CUSTOMERS}/new",
        "customer": customer,
        "edit-customer": f"{customer}/edit",
        "restrict": f"{customer}/restrictions",
        "json": f"{customer}/json",
        "products": "/dashboard/products?active[eq]=true",
        "no-products": "/dashboard/products?name[like]=nothing",
        "new-product": "/dashboard/products/new",
        "product": f"/dashboard/products/{product}",
        "edit-product": f"/dashboard/products/{product}/edit",
        "new-price": f"/dashboard/products/{product}/prices/new",
        "prices": "/dashboard/prices?amount[gte]=0",
        "price": f"/dashboard/prices/{price}",
        "edit-price": f"/dashboard/prices/{price}/edit",
        **payments,
        **await _subscriptions(desk, str(made["id"]), str(product)),
        "access-keys": "/dashboard/access-keys",
        "new-access-key": "/dashboard/access-keys/new",
        "rotate": f"/dashboard/access-keys/{key}/rotate",
        "revoke": f"/dashboard/access-keys/{key}/revoke",
        "events": "/dashboard/events",
        "event": f"/dashboard/events/{event}",
        "users": "/dashboard/users",
        "new-user": "/dashboard/users/new",
        "edit-user": f"/dashboard/users/{user}/edit",
        "remove-user": f"/dashboard/users/{user}/remove",
        "settings": "/dashboard/settings",
        "new-gateway-profile": "/dashboard/settings/gateway-profiles/new",
        "edit-gateway-profile": f"/dashboard/settings/gateway-profiles/{profile}/edit",
        "find": "/dashboard/find?q=jane",
        "missing": f"{CUSTOMERS}/cus_missing",
    }
    return {**pages, **await _others(desk, pages.values())}


async def _others(desk: Desk, known: Iterable[str]) -> dict[str, str]:
    """Make what the routes need that no address is of yet; return the addresses of their pages."""
    known_routes = {_route_of(path.partition("?")[0]) for path in known}
    connection = await asyncpg.connect(desk.dsn)
    try:
        database = Database(connection)
        others = [route for route in GETS if route not in known_routes]
        return {route.name: await routes.address(route, desk.shop, database) for route in others}
    finally:
        await connection.close()


def _route_of(path: str) -> Route:
    """Return the route of an address: one that names no object comes before one that does."""
    fitting = [route for route in GETS if re.fullmatch(re.sub(r"\{\w+:str\}", "[^/]+", route.path), path)]
    return min(fitting, key=lambda route: route.has_id)


async def _payments(desk: Desk, customer: str) -> dict[str, str]:
    """Make payments of a customer in each state; return the addresses of their pages."""
    soon = now() + timedelta(days=31)
    ends = {"expMonth": f"{soon:%m}", "expYear": f"{soon:%Y}"}
    cards = [make.card(), make.card(make.MASTERCARD, **ends), make.card(make.INSUFFICIENT), make.card(make.CHALLENGED)]
    for card in cards:
        payment = await make.payment(desk.api, customer=customer)
        await desk.api.post(f"/payments/{payment['id']}/authorize", json={"card": card})
    challenged = f"{PAYMENTS}/{payment['id']}"
    refunded = await make.paid(desk.api, customer=customer, amount=1_234_567, currency="jpy")
    await desk.api.post(f"/payments/{refunded['id']}/reverse", json={"amount": 1000})
    await make.paid(desk.api, customer=customer, amount=999_999_999_999)
    failed = await make.paid(desk.api, make.FRAUD)
    delayed = {"captureMethod": "automaticDelayed", "captureDelay": 5}
    authorized = f"{PAYMENTS}/{(await make.paid(desk.api, paymentMethodOptions=delayed))['id']}"
    cart = {"items": [{"price": (await make.price(desk.api))["id"], "quantity": 3}]}
    opened = f"{PAYMENTS}/{(await make.payment(desk.api, customer=customer, cart=cart, metadata={'a': 'b'}))['id']}"
    return {
        "payments": PAYMENTS,
        "payments-filtered": f"{PAYMENTS}?customer={customer}&displayStatus=succeeded&currency=usd&amount[gte]=1000",
        "payments-no-match": f"{PAYMENTS}?displayStatus=chargeback",
        "new-payment": f"{PAYMENTS}/new",
        "new-payment-of-customer": f"{PAYMENTS}/new?customer={customer}",
        "payment": opened,
        "payment-refunded": f"{PAYMENTS}/{refunded['id']}",
        "payment-failed": f"{PAYMENTS}/{failed['id']}",
        "payment-challenged": challenged,
        "payment-authorized": authorized,
        "payment-json": f"{opened}/json",
        "charge": f"{opened}/charge",
        "cancel": f"{authorized}/cancel",
        "capture": f"{authorized}/capture",
        "refund": f"{PAYMENTS}/{refunded['id']}/refund",
        "chargeback": f"{PAYMENTS}/{refunded['id']}/chargeback",
        "detach": f"/dashboard/payment-methods/{refunded['paymentMethod']}/detach",
    }


async def _subscriptions(desk: Desk, customer: str, product: str) -> dict[str, str]:
    """Make subscriptions of a customer in each state, and put the clock ahead; return the addresses of their pages."""
    weekly = {"position": 1, "amount": 900, "intervalUnit": "week", "intervalValue": 1}
    club = {"product": product, "name": "Monthly"}
    monthly = str((await make.recurring_price(desk.api, 500, 2900, **club))["id"])
    often = str((await make.recurring_price(desk.api, **club, billingSchedule={"cycleDefinitions": [weekly]}))["id"])
    kinds = {
        "active": (make.VISA, monthly),
        "ending": (make.VISA, monthly),
        "cancelled": (make.VISA, often),
        "stopped": (make.APPROVED_ONCE, often),
        "retrying": (make.APPROVED_ONCE, monthly),
    }
    made = {
        state: str((await make.subscription(desk.api, number, customer=customer, price=price))["id"])
        for state, (number, price) in kinds.items()
    }
    await desk.api.post(f"/subscriptions/{made['cancelled']}/cancel", json={"cancelImmediately": True})
    await desk.api.post(f"/subscriptions/{made['active']}", json={"metadata": {"plan": "family"}})
    later = str(Moment.of(now() + timedelta(days=33)))
    advanced = await desk.api.post("/test-clock/advance", json={"to": later})
    assert advanced.status_code == 200, advanced.text
    await desk.api.post(f"/subscriptions/{made['ending']}/cancel", json={})
    methods = "/dashboard/payment-methods"
    return {
        "subscriptions": SUBSCRIPTIONS,
        "subscriptions-filtered": f"{SUBSCRIPTIONS}?status=active&price={monthly}&customer={customer}",
        "subscriptions-no-match": f"{SUBSCRIPTIONS}?customer=cus_nobody",
        **{f"subscription-{state}": f"{SUBSCRIPTIONS}/{each}" for state, each in made.items()},
        "subscription-json": f"{SUBSCRIPTIONS}/{made['active']}/json",
        "cancel-subscription": f"{SUBSCRIPTIONS}/{made['active']}/cancel",
        "cancel-ending-subscription": f"{SUBSCRIPTIONS}/{made['ending']}/cancel",
        "resume-subscription": f"{SUBSCRIPTIONS}/{made['ending']}/resume",
        "resume-stopped-subscription": f"{SUBSCRIPTIONS}/{made['stopped']}/resume",
        "subscription-card": f"{SUBSCRIPTIONS}/{made['stopped']}/card",
        "new-subscription": f"/dashboard/payments/new?type=recurring&customer={customer}",
        "payment-methods": methods,
        "payment-methods-no-match": f"{methods}?customer=cus_nobody",
        "test-clock": "/dashboard/settings/test-clock",
    }


Opener = Callable[[Desk, str], Awaitable[object]]


async def open_filter(desk: Desk, name: str) -> None:
    await desk.open_filter(name)


async def press(desk: Desk, key: str) -> None:
    await desk.page.keyboard.press(key)
    await expect(desk.dialog).to_be_visible()


async def clear(desk: Desk, name: str) -> None:
    await desk.button(name).click()
    await expect(desk.dialog).to_be_visible()


async def edit_metadata(desk: Desk, name: str) -> None:
    await desk.button(name).click()
    await desk.page.keyboard.insert_text("tier")


async def invalid(desk: Desk, name: str) -> None:
    await press(desk, name)
    await desk.dialog.get_by_label("Phone number").fill("x")
    await desk.dialog.get_by_role("button", name="Save").click()
    await expect(desk.dialog.get_by_role("alert")).to_be_visible()


async def conflicting(desk: Desk, name: str) -> None:
    await press(desk, name)
    await desk.dialog.get_by_label("Name", exact=True).fill("Wilhelmina")
    customer = desk.page.url.rpartition("/")[2]
    changed = await desk.api.post(f"/customers/{customer}", json={"name": f"Willa {now().timestamp()}"})
    assert changed.status_code == 200, changed.text
    await desk.dialog.get_by_role("button", name="Save").click()
    await expect(desk.dialog.get_by_text("Someone else changed this meanwhile")).to_be_visible()


async def advance_too_little(desk: Desk, name: str) -> None:
    await desk.link(name).click()
    await desk.dialog.get_by_label("Advance to").fill("2020-01-01T00:00")
    await desk.dialog.get_by_role("button", name="Advance").click()
    await expect(desk.dialog.get_by_role("alert")).to_be_visible()


async def open_link(desk: Desk, name: str) -> None:
    await desk.link(name).click()
    await expect(desk.dialog).to_be_visible()


async def make_key(desk: Desk, name: str) -> None:
    await press(desk, "n")
    await desk.dialog.get_by_label("Note").fill(name)
    await desk.dialog.get_by_label("CUSTOMER_READ").check()
    await desk.dialog.get_by_role("button", name="Add key").click()
    await expect(desk.dialog.locator(".secret")).to_be_visible()


async def open_menu(desk: Desk, name: str) -> None:
    if await desk.button(name).is_visible():
        await desk.button(name).click()


async def refund_too_much(desk: Desk, name: str) -> None:
    await desk.link(name).click()
    await desk.dialog.get_by_label("Amount").fill("99999999")
    await desk.dialog.get_by_role("button", name="Refund").click()
    await expect(desk.dialog.get_by_role("alert")).to_be_visible()


OVER: tuple[tuple[str, str, Opener, str], ...] = (
    ("filter-text", "customers", open_filter, "Email"),
    ("filter-dates", "customers", open_filter, "Created"),
    ("filter-metadata", "customers", open_filter, "Metadata"),
    ("filter-choice", "no-products", open_filter, "State"),
    ("add-price", "product", press, "n"),
    ("palette", "customers", press, "Control+k"),
    ("help", "customers", press, "?"),
    ("menu", "customers", open_menu, "Menu"),
    ("edit", "customer", press, "e"),
    ("edit-invalid", "customer", invalid, "e"),
    ("edit-conflict", "customer", conflicting, "e"),
    ("clear", "customer", clear, "Clear all"),
    ("filter-amount", "payments", open_filter, "Amount"),
    ("filter-status", "payments", open_filter, "Status"),
    ("create-payment", "customer", press, "n"),
    ("refund-invalid", "payment-refunded", refund_too_much, "Refund…"),
    ("cancel-subscription-over", "subscription-active", open_link, "Cancel…"),
    ("create-subscription", "subscriptions", press, "n"),
    ("filter-period", "subscriptions", open_filter, "Period ends"),
    ("advance-invalid", "settings", advance_too_little, "Advance…"),
    ("metadata-editor", "customer", edit_metadata, "Add key"),
    ("key-value", "access-keys", make_key, "Billing server"),
)
"""What opens over a page: its name, the page, what opens it, and with what."""


COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""The rules of axe that dark has to be asked for again; all others see no colours."""

ON_TOP = "document.querySelector('dialog[open]') ?? document.querySelector('main')"
"""What is different on each page."""

TEXTS = f"""() => {{
  const walker = document.createTreeWalker({ON_TOP}, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {{
    const text = walker.currentNode.data.trim();
    const holder = walker.currentNode.parentElement;
    if (text && !holder.matches("option") && holder.checkVisibility({{ visibilityProperty: true }})) found.push(text);
  }}
  return found;
}}"""
"""Returns each piece of text that is on a page, in its order."""


async def look(page: Page, widths: Sequence[int] = WIDTHS) -> list[str]:
    """Return what is wrong with a page: what axe finds in light and in dark, and what is lost where it is narrow.

    The page is loaded once: the browser says that the system turned dark, and the window becomes narrow.
    """
    found = await _faults(page)
    await page.emulate_media(color_scheme="dark")
    found += [f"dark: {fault}" for fault in await _faults(page, ON_TOP, runOnly=COLOURS)]
    await page.emulate_media(color_scheme="light")
    texts = Counter(await page.evaluate(TEXTS))
    for width in widths:
        await page.set_viewport_size({"width": width, "height": 800})
        if (needed := await page.evaluate("document.documentElement.scrollWidth")) > width:
            found.append(f"{page.url} needs {needed} of {width}")
        if lost := texts - Counter(await page.evaluate(TEXTS)):
            found.append(f"{page.url} loses {sorted(lost)} at {width}")
    await page.set_viewport_size({"width": 1280, "height": 800})
    return found


async def _faults(page: Page, part: str = "document", **options: object) -> list[str]:
    """Return what axe finds, with where."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    options |= {"resultTypes": ["violations"], "iframes": False, "preload": False}
    found = await page.evaluate(f"(options) => axe.run({part}, options)", options)
    return [
        f"{page.url} {violation['id']}: {node['html'][:160]} {[each['message'] for each in node['any']][:1]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


async def test_every_page_is_fit_for_all_in_light_and_dark_wide_and_narrow(open_desk: OpenDesk) -> None:
    async with open_desk(color_scheme="light", reduced_motion="reduce") as desk:
        desk.foreseen.update((400, 404))
        found: list[str] = []
        for route in GETS:
            if not route.has_id:  # of a merchant that has nothing yet
                await desk.open(route.path)
                found += await look(desk.page)
        pages = await prepare(desk)
        for path in pages.values():
            await desk.open(path)
            found += await look(desk.page)
        assert not found, "\n".join(found)


async def test_whatever_opens_over_a_page_is_fit_for_all_in_light_and_dark_wide_and_narrow(
    open_desk: OpenDesk,
) -> None:
    async with open_desk(color_scheme="light", reduced_motion="reduce") as desk:
        desk.foreseen.update((400, 409))
        pages = await prepare(desk)
        found: list[str] = []
        for _, name, opens, what in OVER:
            await desk.open(pages[name])
            await opens(desk, what)
            found += await look(desk.page)
        assert not found, "\n".join(found)


async def test_pages_that_refuse_are_fit_for_all_in_light_and_dark_wide_and_narrow(open_desk: OpenDesk) -> None:
    async with open_desk(role="supportAgent", color_scheme="light") as desk:
        desk.foreseen.update((400, 401, 403, 503))
        found: list[str] = []
        made = await make.customer(desk.api, metadata={"tier": "basic"})
        for path in (f"{CUSTOMERS}?name=nobody", f"{CUSTOMERS}/{made['id']}", "/dashboard/users"):
            await desk.open(path)
            found += await look(desk.page)
        async with away(desk):
            await desk.open(f"{CUSTOMERS}?name[like]=a")
            await expect(desk.page.get_by_role("link", name="Try again")).to_be_visible()
            found += await look(desk.page)
        await desk.context.clear_cookies()
        await desk.open("/dashboard/login")
        found += await look(desk.page)
        await desk.page.get_by_label("Email").fill(desk.email)
        await desk.page.get_by_label("Password").fill("wrong")
        await desk.button("Sign in").click()
        await expect(desk.page.get_by_role("alert")).to_be_visible()
        found += await look(desk.page)
        assert not found, "\n".join(found)


async def test_a_form_that_is_kept_is_fit_for_all_in_light_and_dark_wide_and_narrow(admin: Desk) -> None:
    admin.foreseen.add(401)
    await admin.open(f"{CUSTOMERS}/new")
    await admin.page.get_by_label("Email").fill("jane@example.com")
    await admin.context.clear_cookies()
    await admin.button("Create customer").click()
    await expect(admin.page.get_by_role("heading", name="You are signed out")).to_be_visible()
    assert await look(admin.page) == []


@asynccontextmanager
async def away(desk: Desk) -> AsyncIterator[None]:
    """Let nobody read customers, so that their list is given up."""
    connection = await asyncpg.connect(desk.dsn)
    try:
        async with connection.transaction():
            await connection.execute("lock table customers in access exclusive mode")
            yield
    finally:
        await connection.close()
