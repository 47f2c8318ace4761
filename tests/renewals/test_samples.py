"""Samples of subscriptions: one in every state, with a year of history, and books that agree."""

from collections import Counter
from datetime import timedelta

from odus.customers import queries as customers
from odus.customers.samples import sample_customers
from odus.events.actions import note
from odus.kit.db import Database
from odus.kit.times import now
from odus.renewals import samples
from odus.subscriptions import queries, words
from tests import make
from tests.make import Shop
from tests.subscriptions import acts, books


async def test_the_samples_are_in_every_state_and_have_a_year_of_history(shop: Shop, database: Database) -> None:
    who = make.who(shop.merchant_id)
    for customer in sample_customers(seed=1, count=200, until=now()):
        await customers.insert(database.write, customer, note(who, "customer.created", None, customer))
    known = await customers.newest(database.read, shop.merchant_id, 200)
    await samples.play(database.write, who, known, 30)
    params = {"pageSize": "100", "sortBy": "createdAt"}
    made = (await shop.client.get("/subscriptions", params=params)).json()["data"]
    records = [await queries.get(database.read, shop.merchant_id, each["id"]) for each in made]
    states = Counter(words.state(record.subscription) for record in records if record)
    assert states.keys() == words.STATES.keys()
    assert made[0]["startDate"] < str(acts.later(str(now()), days=-330))
    assert not [
        each for each in made if each["nextChargeAt"] and each["nextChargeAt"] <= str(now() - timedelta(minutes=1))
    ]
    for each in made:
        await books.check(database, shop, each["id"])
    await books.check_money(database, shop)
