"""The demo: a test merchant with plausible customers, made once, and a key to try it with."""

from datetime import timedelta

from odus.customers import queries as customers
from odus.customers.samples import sample_customers
from odus.events.actions import note
from odus.kit.db import Database, Write
from odus.kit.lists import Paging
from odus.kit.permissions import Actor, Permission, Principal
from odus.kit.times import Moment, now
from odus.kit.versions import IfMatch
from odus.merchants import actions as merchants
from odus.merchants import queries as merchant_queries
from odus.secret_keys import actions as secret_keys
from odus.secret_keys import queries as secret_key_queries
from odus.secret_keys.model import SecretKeyCreate, SecretKeyRotate
from odus.settings import Settings

MERCHANT = "Odus Demo"
CUSTOMERS = 200
KEY_NOTE = "Demo"
OVERLAP = timedelta(days=6, hours=23)
"""How long the key of the demo's last start goes on working; a rotated key may keep its old value for 7 days."""


async def prepare(database: Database, settings: Settings) -> str:
    """Make what is missing of the demo, and return what to tell the person who started it."""
    write = database.write
    merchant_id = await _merchant(write)
    value = await _key(write, _who(merchant_id))
    address = f"http://{f'[{settings.host}]' if ':' in settings.host else settings.host}:{settings.port}"
    return f"""
Odus is starting with {CUSTOMERS} customers of the test merchant {merchant_id}.

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


async def _key(write: Write, who: Principal) -> str:
    """Return a new value of the demo's key; yesterday's goes on working for a while."""
    keys = (await secret_key_queries.search(write, who.merchant_id, Paging(1, 100))).data
    usable = [key for key in keys if key.note == KEY_NOTE and key.revoked_at is None]
    if usable:
        rotation = SecretKeyRotate(expire_current_at=Moment.of(now() + OVERLAP))
        return (await secret_keys.rotate(write, who, usable[0].id, rotation, IfMatch())).value
    return (await secret_keys.create(write, who, SecretKeyCreate(note=KEY_NOTE, permissions=list(Permission)))).value


def _who(merchant_id: str) -> Principal:
    actor = Actor("system", "demo")
    return Principal(merchant_id=merchant_id, actor=actor, permissions=frozenset(Permission), request_id="")
