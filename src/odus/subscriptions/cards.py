"""The card of a customer's page that shows the customer's subscriptions."""

from collections.abc import Mapping

from odus.customers.cards import Card
from odus.customers.model import Customer
from odus.kit.filters import Condition
from odus.kit.lists import Asked, Paging
from odus.kit.pages import Visit
from odus.kit.permissions import Permission
from odus.products import queries as products
from odus.subscriptions import queries

SHOWN = 10


async def load(visit: Visit, customer: Customer) -> Mapping[str, object]:
    """Return a customer's newest subscriptions, what they are called, and how many there are."""
    search, merchant_id = visit.database.search, visit.who.merchant_id
    asked = Asked(sort=queries.LISTING.sorts["createdAt"], is_descending=True, paging=Paging(1, SHOWN))
    asked = asked.within("customer", Condition("customer_id = {0}", (customer.id,)))
    page = await queries.search(search, merchant_id, asked)
    return {
        "subscriptions": page.data,
        "names": await products.price_names(search, merchant_id, [each.price for each in page.data]),
        "count": page.pagination.item_count,
        "all_at": f"/dashboard/subscriptions?customer={customer.id}" if page.data else "",
    }


CARD = Card("Subscriptions", Permission.SUBSCRIPTION_READ, "subscriptions/card.html", load)
