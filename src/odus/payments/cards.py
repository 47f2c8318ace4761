"""The card of a customer's page that shows the customer's payments."""

from collections.abc import Mapping

from odus.customers.cards import Card
from odus.customers.model import Customer
from odus.kit.filters import Condition
from odus.kit.lists import Asked, Paging
from odus.kit.pages import Visit
from odus.kit.permissions import Permission
from odus.payments import queries

SHOWN = 10


async def load(visit: Visit, customer: Customer) -> Mapping[str, object]:
    """Return a customer's newest payments, the failed ones too, and how many there are."""
    asked = Asked(sort=queries.LISTING.sorts["createdAt"], is_descending=True, paging=Paging(1, SHOWN))
    asked = asked.within("customer", Condition("customer_id = {0}", (customer.id,)))
    page = await queries.search(visit.database.search, visit.who.merchant_id, asked)
    count = page.pagination.item_count
    all_at = f"/dashboard/payments?customer={customer.id}" if page.data else ""
    return {"payments": page.data, "count": count, "all_at": all_at}


CARD = Card("Payments", Permission.PAYMENT_READ, "payments/card.html", load)
