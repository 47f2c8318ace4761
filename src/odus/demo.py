"""The demo: a test merchant with plausible customers, made once, and a key to try it with."""

import secrets
from datetime import timedelta

from odus import seed
from odus.customers import queries as customers
from odus.customers.samples import sample_customers
from odus.events.actions import note
from odus.kit.db import Database, Write
from odus.kit.fields import Email, Password
from odus.kit.permissions import Actor, Permission, Principal
from odus.kit.times import Moment, now
from odus.kit.versions import IfMatch
from odus.merchants import actions as merchants
from odus.merchants import queries as merchant_queries
from odus.payments import queries as payments
from odus.renewals import samples as subscription_samples
from odus.secret_keys import actions as secret_keys
from odus.secret_keys import queries as secret_key_queries
from odus.secret_keys.model import SecretKeyCreate, SecretKeyRotate
from odus.settings import Settings
from odus.subscriptions import queries as subscriptions
from odus.users import actions as user_actions
from odus.users import queries as users
from odus.users.model import UserCreate, UserUpdate

MERCHANT = "Odus Demo"
CUSTOMERS = 200
PAYMENTS = 320
SUBSCRIPTIONS = 30
KEY_NOTE = "Demo"
ADMIN = "admin@odus.example"
OVERLAP = timedelta(days=6, hours=23)
"""How long the key of the demo's last start goes on working; a rotated key may keep its old value for 7 days."""


async def prepare(database: Database, settings: Settings) -> str:
    """Make what is missing of the demo, and return what to tell the person who started it."""
    write = database.write
    merchant_id = await _merchant(write)
    await _payments(write, merchant_id)
    await _subscriptions(write, merchant_id)
    value = await _key(write, _who(merchant_id))
    password = await _admin(write, _who(merchant_id))
    address = f"http://{f'[{settings.host}]' if ':' in settings.host else settings.host}:{settings.port}"
    return f"""
Odus is starting with {CUSTOMERS} customers of the test merchant {merchant_id}.

  Dashboard   {address}/dashboard
  Sign in     {ADMIN}  {password}
  API         {address}
  Reference   {address}/docs
  Secret key  {value}

Make a customer:

  curl {address}/customers \\
    -H 'Authorization: Bearer {value}' \\
    -H 'Content-Type: application/json' \\
    -d '{{"email": "jane@example.com", "name": "Jane Smith", "metadata": {{"tier": "premium"}}}}'

Ctrl-C stops it; the data stays.
"""


async def _merchant(write: Write) -> str:
    """Return the demo's merchant, made with all its customers or not at all."""
    found = [merchant.id for merchant in await merchant_queries.search(write) if merchant.name == MERCHANT]
    if found:
        return found[0]
    async with write.transaction() as transaction:
        merchant = await merchants.create(transaction, _who(""), MERCHANT, "test")
        who = _who(merchant.id)
        for customer in sample_customers(seed=1, count=CUSTOMERS, until=now()):
            await customers.insert(transaction, customer, note(who, "customer.created", None, customer))
    return merchant.id


async def _payments(write: Write, merchant_id: str) -> None:
    """Make the payments of the demo's customers, where nobody has paid yet."""
    if await payments.is_empty(write, merchant_id):
        payers = await customers.newest(write, merchant_id, CUSTOMERS)
        await seed.pay(write, merchant_id, payers, PAYMENTS, lambda _: None)


async def _subscriptions(write: Write, merchant_id: str) -> None:
    """Make the subscriptions of the demo's customers, where nobody has one yet."""
    if await subscriptions.is_empty(write, merchant_id):
        subscribers = await customers.newest(write, merchant_id, CUSTOMERS)
        await subscription_samples.play(write, _who(merchant_id), subscribers, SUBSCRIPTIONS)


async def _key(write: Write, who: Principal) -> str:
    """Return a new value of the demo's key; yesterday's goes on working for a while."""
    keys = await secret_key_queries.every(write, who.merchant_id)
    usable = [key for key in keys if key.note == KEY_NOTE and key.revoked_at is None]
    if usable:
        rotation = SecretKeyRotate(expire_current_at=Moment.of(now() + OVERLAP))
        return (await secret_keys.rotate(write, who, usable[0].id, rotation, IfMatch())).value
    return (await secret_keys.create(write, who, SecretKeyCreate(note=KEY_NOTE, permissions=list(Permission)))).value


async def _admin(write: Write, who: Principal) -> str:
    """Return a new password of the demo's admin: only its hash is stored, so yesterday's cannot be told again."""
    password = f"Demo-{secrets.token_urlsafe(9)}-7"
    found = await users.signing(write, ADMIN)
    if found is None:
        data = UserCreate(email=Email(ADMIN), password=Password(password), role="admin", first_name="Demo")
        await user_actions.create(write, who, data)
    elif found.merchant_id == who.merchant_id:
        await user_actions.update(write, who, found.user.id, UserUpdate(password=Password(password)), IfMatch())
    else:
        return "(another merchant's user has this email)"
    return password


def _who(merchant_id: str) -> Principal:
    actor = Actor("system", "demo")
    return Principal(merchant_id=merchant_id, actor=actor, permissions=frozenset(Permission), request_id="")
