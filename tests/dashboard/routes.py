"""Every route of the Dashboard, and a proper visit to each: the rules over all pages are made from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from litestar.handlers import HTTPRouteHandler

from odus.app import PAGES
from odus.dashboard.assets import ASSETS
from odus.kit.db import Database
from odus.kit.pages import PERMISSION
from odus.kit.permissions import Permission
from tests import make
from tests.dashboard import people
from tests.make import Shop

OK = 200
Maker = Callable[[Shop, Database], Awaitable[str]]


@dataclass(frozen=True)
class Route:
    """A page or a form: where it is, and what it needs."""

    name: str
    method: str
    path: str
    is_open: bool
    permission: Permission | None

    @property
    def is_shown(self) -> bool:
        """Whether it is a page, and not one that leads on to another."""
        return self.method == "GET" and SAMPLES[self.name].status == OK

    @property
    def has_id(self) -> bool:
        """Whether the address names one object."""
        return "{id:str}" in self.path

    def at(self, resource_id: str) -> str:
        """Return the address of an object's page."""
        return self.path.replace("{id:str}", resource_id).replace("{name:str}", ASSETS.path("icon.svg").split("/")[-1])


def _route(handler: HTTPRouteHandler) -> Route:
    (path,) = handler.paths
    (method,) = handler.http_methods
    assert handler.name is not None
    return Route(handler.name, method, path, PERMISSION not in handler.opt, handler.opt.get(PERMISSION))


ROUTES = [_route(handler) for handler in PAGES]


@dataclass(frozen=True)
class Sample:
    """How a page is visited so that it is shown, or a form is sent so that it changes something."""

    made: Maker | None = None
    fields: dict[str, str] = field(default_factory=dict)
    status: int = OK


async def _customer(shop: Shop, _: Database) -> str:
    return str((await make.customer(shop.client, metadata={"tier": "gold"}))["id"])


async def _product(shop: Shop, _: Database) -> str:
    product = await make.product(shop.client, metadata={"shelf": "A4"})
    await make.recurring_price(shop.client, 1000, 2000, product=product["id"], amount=500)
    return str(product["id"])


async def _price(shop: Shop, _: Database) -> str:
    return str((await make.recurring_price(shop.client, 1000, 2000, metadata={"shelf": "A4"}))["id"])


async def _open_payment(shop: Shop, _: Database) -> str:
    paid = await make.paid(shop.client, customer=(await make.customer(shop.client))["id"])
    payer = {"customer": paid["customer"], "paymentMethod": paid["paymentMethod"]}
    cart = {"items": [{"price": (await make.price(shop.client))["id"], "quantity": 2}]}
    return str((await make.payment(shop.client, **payer, cart=cart, metadata={"tier": "gold"}))["id"])


async def _authorized_payment(shop: Shop, _: Database) -> str:
    return str((await make.paid(shop.client, paymentMethodOptions={"captureMethod": "manual"}))["id"])


async def _captured_payment(shop: Shop, _: Database) -> str:
    return str((await make.paid(shop.client, customer=(await make.customer(shop.client))["id"]))["id"])


async def _payment_method(shop: Shop, _: Database) -> str:
    customer = (await make.customer(shop.client))["id"]
    for number in (make.VISA, make.MASTERCARD):
        made = await make.paid(shop.client, number, customer=customer)
    return str(made["paymentMethod"])


async def _subscription(shop: Shop, _: Database) -> str:
    made = await make.subscription(shop.client)
    await shop.client.post(f"/subscriptions/{made['id']}", json={"metadata": {"tier": "gold"}})
    return str(made["id"])


async def _ending_subscription(shop: Shop, database: Database) -> str:
    made = await _subscription(shop, database)
    await shop.client.post(f"/subscriptions/{made}/cancel", json={})
    return made


async def _key(shop: Shop, database: Database) -> str:
    return (await make.key(database, shop.merchant_id, [Permission.SECRET_KEY_READ])).id


async def _user(shop: Shop, database: Database) -> str:
    return (await people.user(database, shop.merchant_id, "developer")).id


async def _gateway_profile(shop: Shop, _: Database) -> str:
    return (await shop.client.get("/gateway-profiles")).json()["data"][0]["id"]


async def _event(shop: Shop, database: Database) -> str:
    await _customer(shop, database)
    return (await shop.client.get("/events")).json()["data"][-1]["id"]


_LOGIN = {"email": "nobody@odus.test", "password": people.PASSWORD, "next": "/dashboard"}
_CUSTOMER = {"email": "ada@example.com", "name": "Ada", "billingAddress.country": "GB"}
_ONCE = {"once": "a" * 22}
_USER = {"email": "ada@odus.test", "password": people.PASSWORD, "role": "developer", "firstName": "Ada"}

SAMPLES = {
    "login_page": Sample(),
    "login": Sample(fields=_LOGIN, status=400),
    "logout": Sample(status=303),
    "home_page": Sample(),
    "find_page": Sample(),
    "dashboard_asset": Sample(),
    "customers_page": Sample(),
    "new_customer_page": Sample(),
    "create_customer_form": Sample(fields={**_CUSTOMER, **_ONCE}, status=303),
    "customer_page": Sample(_customer),
    "customer_json_page": Sample(_customer),
    "edit_customer_page": Sample(_customer),
    "update_customer_form": Sample(_customer, {**_CUSTOMER, "version": "", "was.email": "jane@example.com"}, 303),
    "update_metadata_form": Sample(
        _customer, {"key": "tier", "value": "silver", "wasKey": "tier", "wasValue": "gold"}, 303
    ),
    "customer_metadata_page": Sample(_customer, status=303),
    "clear_customer_metadata_page": Sample(_customer, status=303),
    "clear_metadata_form": Sample(_customer, {"confirmed": "yes", "key": "tier"}, 303),
    "restrictions_page": Sample(_customer),
    "update_restrictions_form": Sample(_customer, {"restrictCit": "on", "restrictReason": "Fraud"}, 303),
    "payments_page": Sample(),
    "new_payment_page": Sample(),
    "create_payment_form": Sample(fields={"amount": "42.00", "currency": "usd", **_ONCE}, status=303),
    "payment_page": Sample(_open_payment),
    "payment_json_page": Sample(_open_payment),
    "update_payment_metadata_form": Sample(
        _open_payment, {"key": "tier", "value": "silver", "wasKey": "tier", "wasValue": "gold"}, 303
    ),
    "payment_metadata_page": Sample(_open_payment, status=303),
    "clear_payment_metadata_page": Sample(_open_payment, status=303),
    "clear_payment_metadata_form": Sample(_open_payment, {"confirmed": "yes", "key": "tier"}, 303),
    "charge_payment_page": Sample(_open_payment),
    "charge_payment_form": Sample(_open_payment, {"paymentMethod": "", **_ONCE}, 303),
    "capture_payment_page": Sample(_authorized_payment),
    "capture_payment_form": Sample(_authorized_payment, {"amount": "42.00", **_ONCE}, 303),
    "cancel_payment_page": Sample(_open_payment),
    "cancel_payment_form": Sample(_authorized_payment, _ONCE, 303),
    "refund_payment_page": Sample(_captured_payment),
    "refund_payment_form": Sample(_captured_payment, {"amount": "21.00", **_ONCE}, 303),
    "chargeback_payment_page": Sample(_captured_payment),
    "chargeback_payment_form": Sample(_captured_payment, {"restrictMit": "on", "restrictReason": "Bank", **_ONCE}, 303),
    "subscriptions_page": Sample(),
    "subscription_page": Sample(_subscription),
    "subscription_json_page": Sample(_subscription),
    "update_subscription_metadata_form": Sample(
        _subscription, {"key": "tier", "value": "silver", "wasKey": "tier", "wasValue": "gold"}, 303
    ),
    "subscription_metadata_page": Sample(_subscription, status=303),
    "clear_subscription_metadata_page": Sample(_subscription, status=303),
    "clear_subscription_metadata_form": Sample(_subscription, {"confirmed": "yes", "key": "tier"}, 303),
    "cancel_subscription_page": Sample(_subscription),
    "cancel_subscription_form": Sample(_subscription, {"cancelImmediately": "on", **_ONCE}, 303),
    "resume_subscription_page": Sample(_ending_subscription),
    "resume_subscription_form": Sample(_ending_subscription, _ONCE, 303),
    "subscription_card_page": Sample(_subscription),
    "subscription_card_form": Sample(_subscription, {"paymentMethod": "pm_unknown", **_ONCE}, 400),
    "payment_methods_page": Sample(),
    "payment_method_json_page": Sample(_payment_method),
    "default_payment_method_form": Sample(_payment_method, status=303),
    "detach_payment_method_page": Sample(_payment_method),
    "detach_payment_method_form": Sample(_payment_method, status=303),
    "products_page": Sample(),
    "new_product_page": Sample(),
    "create_product_form": Sample(fields={"name": "Tea club", "statementDescriptor": "TEA CLUB", **_ONCE}, status=303),
    "product_page": Sample(_product),
    "product_json_page": Sample(_product),
    "edit_product_page": Sample(_product),
    "update_product_form": Sample(_product, {"name": "Tea club"}, 303),
    "archive_product_form": Sample(_product, {"active": "no"}, 303),
    "new_price_page": Sample(_product),
    "create_price_form": Sample(
        _product, {"name": "Once", "type": "one_time", "currency": "usd", "amount": "20.00", **_ONCE}, 303
    ),
    "prices_page": Sample(),
    "price_page": Sample(_price),
    "price_json_page": Sample(_price),
    "edit_price_page": Sample(_price),
    "update_price_form": Sample(_price, {"name": "Old"}, 303),
    "archive_price_form": Sample(_price, {"active": "no"}, 303),
    "access_keys_page": Sample(),
    "new_access_key_page": Sample(),
    "create_access_key_form": Sample(fields={"note": "Till", "permissions": "CUSTOMER_READ", **_ONCE}, status=201),
    "rotate_access_key_page": Sample(_key),
    "rotate_access_key_form": Sample(_key, _ONCE, 201),
    "revoke_access_key_page": Sample(_key),
    "revoke_access_key_form": Sample(_key, status=303),
    "users_page": Sample(),
    "new_user_page": Sample(),
    "create_user_form": Sample(fields={**_USER, **_ONCE}, status=303),
    "edit_user_page": Sample(_user),
    "update_user_form": Sample(_user, _USER, 303),
    "remove_user_page": Sample(_user),
    "remove_user_form": Sample(_user, status=303),
    "settings_page": Sample(),
    "update_settings_form": Sample(fields={"timezone": "Europe/Vienna"}, status=303),
    "test_clock_page": Sample(),
    "advance_test_clock_form": Sample(fields={"to": "2060-01-31T09:30", **_ONCE}, status=303),
    "new_gateway_profile_page": Sample(),
    "create_gateway_profile_form": Sample(fields={"title": "Second", "integration": "sandbox"}, status=303),
    "edit_gateway_profile_page": Sample(_gateway_profile),
    "update_gateway_profile_form": Sample(_gateway_profile, {"title": "Main"}, 303),
    "events_page": Sample(),
    "event_page": Sample(_event),
}
"""A new page needs a line here, and is then under all rules of `test_every_page.py`."""


async def address(route: Route, shop: Shop, database: Database) -> str:
    """Return the address of a route, with the id of an object made for it."""
    made = SAMPLES[route.name].made
    return route.at(await made(shop, database) if made else "")


def _those(chosen: Callable[[Route], bool]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", list(filter(chosen, ROUTES)), ids=lambda each: each.name)


every = _those(lambda _: True)
guarded = _those(lambda each: not each.is_open)
gets = _those(lambda each: each.is_shown and each.name != "dashboard_asset")
posts = _those(lambda each: each.method == "POST")
guarded_posts = _those(lambda each: each.method == "POST" and not each.is_open)
with_id = _those(lambda each: each.has_id)
