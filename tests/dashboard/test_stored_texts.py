"""Whatever is stored shows as the text that it is, on every page."""

import pytest
from litestar.types import ASGIApp

from odus.kit.db import Database
from odus.secret_keys import actions as secret_keys
from odus.secret_keys.model import SecretKeyCreate
from tests import make
from tests.dashboard import people
from tests.dashboard.routes import ROUTES, Route
from tests.make import Shop

TEXTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "{{7*7}}",
    "{% raw %}${7*7}",
    "</textarea></title><b>x",
    "javascript:alert(1)",
    "&lt;b&gt;",
)


@pytest.mark.parametrize("text", TEXTS)
async def test_a_stored_text_is_only_ever_text(text: str, app: ASGIApp, database: Database, shop: Shop) -> None:
    await database.write.run("update merchants set name = $1 where id = $2", text, shop.merchant_id)
    address = dict.fromkeys(("line1", "line2", "city", "state", "postalCode"), text)
    customer = await make.customer(
        shop.client,
        name=text,
        billingAddress=address,
        shippingAddress=address,
        metadata={text: text},
        restrictCit=True,
        restrictReason=text,
    )
    await shop.client.post(
        f"/customers/{customer['id']}", json={"metadata": {text: f"{text}!"}, "restrictReason": None}
    )
    data = SecretKeyCreate(note=text, permissions=["CUSTOMER_READ"])  # pyright: ignore[reportArgumentType]
    key = await secret_keys.create(database.write, make.who(shop.merchant_id), data)
    event = (await shop.client.get("/events", params={"resource": str(customer["id"])})).json()["data"][-1]
    profile = (await shop.client.post("/gateway-profiles", json={"title": text, "integration": "sandbox"})).json()
    names = {"first_name": text, "last_name": text, "username": text[:20]}
    ids = {"customers": str(customer["id"]), "access-keys": key.id, "events": event["id"]}
    named = {"name": text, "metadata": {text: text}}
    ids["products"] = str((await make.product(shop.client, description=text, **named))["id"])
    ids["prices"] = str((await make.price(shop.client, product=ids["products"], **named))["id"])
    ids |= await _payments(shop, text, str(customer["id"]), ids["prices"])
    ids |= await _subscriptions(shop, text, str(customer["id"]), ids["products"])
    async with people.signed_in(app, database, shop, "admin", **names) as admin:
        ids["users"] = admin.user.id
        ids["settings"] = profile["id"]
        seen = 0
        for route in ROUTES:
            if route.is_shown and not route.is_open:
                page = await admin.see(route.at(_id(route, ids) if route.has_id else ""))
                assert not page.every("img")
                assert all(each.text != "x" for each in page.every("b"))
                assert all(not name.startswith("on") for each in page for name in each.attributes)
                assert all(each.attributes.get("src", "").startswith("/dashboard/") for each in page.every("script"))
                assert all(not each.attributes["href"].startswith("javascript") for each in page.every("a"))
                seen += text in page.raw or any(text in value for each in page for value in each.attributes.values())
        assert seen > len(ROUTES) / 3


def _id(route: Route, ids: dict[str, str]) -> str:
    """Return the id of what a page is shown of: named by the page where that must be in a state of its own."""
    return ids[route.name if route.name in ids else route.path.split("/")[2]]


async def _payments(shop: Shop, text: str, customer: str, price: str) -> dict[str, str]:
    """Make payments in each state; return their ids by the pages that show them."""
    payer = {"customer": customer, "initiator": "merchant", "metadata": {text: text}}
    made = {
        state: await make.payment(
            shop.client, **payer, cart={"items": [{"price": price}]}, paymentMethodOptions={"captureMethod": method}
        )
        for state, method in (("captured", "automatic"), ("authorized", "manual"), ("open", "automatic"))
    }
    card = {"card": make.card(cardholderName=text)}
    for state in ("captured", "authorized"):
        answer = await shop.client.post(f"/payments/{made[state]['id']}/authorize", json=card)
    return {
        "payments": str(made["open"]["id"]),
        "capture_payment_page": str(made["authorized"]["id"]),
        "refund_payment_page": str(made["captured"]["id"]),
        "chargeback_payment_page": str(made["captured"]["id"]),
        "payment-methods": str(answer.json()["paymentMethod"]),
    }


async def _subscriptions(shop: Shop, text: str, customer: str, product: str) -> dict[str, str]:
    """Make a subscription that goes on, and one that is to end; return their ids by the pages that show them."""
    price = await make.recurring_price(shop.client, product=product, name=text)
    payer = {"customer": customer, "initiator": "merchant", "price": price["id"]}
    going, ending = [await make.subscription(shop.client, **payer) for _ in range(2)]
    for made in (going, ending):
        await shop.client.post(f"/subscriptions/{made['id']}", json={"metadata": {text: text}})
    await shop.client.post(f"/subscriptions/{ending['id']}/cancel", json={})
    return {"subscriptions": str(going["id"]), "resume_subscription_page": str(ending["id"])}


@pytest.mark.parametrize(
    ("value", "is_link"),
    [("https://a.test/x", True), ("http://a.test", True), ("javascript:alert(1)", False), ("//a.test", False),
     (" javascript:x", False), ("data:text/html,x", False), ("JAVASCRIPT:x", False)],
)  # fmt: skip
async def test_a_link_in_metadata_opens_only_where_it_is_one(
    value: str,
    is_link: bool,  # noqa: FBT001 - a parameter
    admin: people.Person,
) -> None:
    customer = await make.customer(admin.shop.client, metadata={"site": value})
    links = (await admin.see(f"/dashboard/customers/{customer['id']}")).every("a", class_="meta-link")
    assert [each.attributes["href"] for each in links] == ([value] if is_link else [])
