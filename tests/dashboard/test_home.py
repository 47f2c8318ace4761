"""Home's charts, day by day, and the tables that hold their numbers."""

from datetime import timedelta

import httpx

from odus.kit.times import Moment
from tests import make
from tests.dashboard.people import Person


async def _numbers(person: Person) -> dict[str, list[str]]:
    """Return the numbers of each chart by its title, the latest day first, as its table has them."""
    page = await person.see("/dashboard")
    charts = {each.one("h2").text: each for each in page.every("section", class_="card") if each.every("svg")}
    assert all(len(chart.every("rect")) == len(chart.one("tbody").every("tr")) == 28 for chart in charts.values())
    return {
        title: [row.every("td")[1].text for row in chart.one("tbody").every("tr")] for title, chart in charts.items()
    }


async def _days_later(client: httpx.AsyncClient, days: int) -> None:
    now = Moment.parse((await client.get("/test-clock")).json()["now"])
    answer = await client.post("/test-clock/advance", json={"to": str(Moment.of(now + timedelta(days=days)))})
    assert answer.status_code == 200, answer.text


async def test_revenue_is_charted_by_the_day_and_by_currency_the_one_of_most_payments_first(admin: Person) -> None:
    client = admin.shop.client
    await client.post(f"/payments/{(await make.paid(client))['id']}/reverse", json={"amount": 200})
    await _days_later(client, 2)
    await make.paid(client, amount=500)
    for _ in range(3):
        await make.paid(client, amount=1000, currency="jpy")
    await make.paid(client, amount=900, currency="eur", number=make.DECLINED)
    numbers = await _numbers(admin)
    assert [title for title in numbers if title.startswith("Revenue")] == ["Revenue by day, JPY", "Revenue by day, USD"]
    assert numbers["Revenue by day, USD"][:4] == ["5.00 USD", "0.00 USD", "40.00 USD", "0.00 USD"]
    assert numbers["Revenue by day, JPY"][:3] == ["3,000 JPY", "0 JPY", "0 JPY"]


async def test_no_more_than_three_currencies_are_charted(admin: Person) -> None:
    for currency in ("usd", "eur", "gbp", "chf"):
        await make.paid(admin.shop.client, currency=currency)
    assert len([title for title in await _numbers(admin) if title.startswith("Revenue")]) == 3


async def test_active_subscriptions_are_charted_as_they_stood_at_the_end_of_each_day(admin: Person) -> None:
    client = admin.shop.client
    first = await make.subscription(client)
    await make.subscription(client)
    await _days_later(client, 1)
    await client.post(f"/subscriptions/{first['id']}/cancel", json={"cancelImmediately": True})
    await _days_later(client, 3)
    await make.subscription(client)
    assert (await _numbers(admin))["Active subscriptions by day"][:6] == ["2", "1", "1", "1", "2", "0"]


async def test_without_payments_and_subscriptions_there_are_no_charts_of_them(admin: Person) -> None:
    assert [*await _numbers(admin)] == ["New customers by day"]
