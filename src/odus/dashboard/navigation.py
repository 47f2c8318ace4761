"""Navigation: the Dashboard's pages as the sidebar shows them; only what works, and what the person may do."""

from collections.abc import Callable

import msgspec

from odus.kit.permissions import Permission


class Item(msgspec.Struct, frozen=True):
    """A page."""

    title: str
    path: str
    icon: str
    permission: Permission | None = None

    def is_at(self, path: str) -> bool:
        """Tell whether an address is this page's, or one below it."""
        return path == self.path or (self.path != HOME and path.startswith(f"{self.path}/"))


class Group(msgspec.Struct, frozen=True):
    """Pages under one heading."""

    title: str
    items: tuple[Item, ...]


HOME = "/dashboard"

GROUPS = (
    Group(
        "",
        (
            Item("Home", HOME, "home"),
            Item("Customers", "/dashboard/customers", "users", Permission.CUSTOMER_READ),
            Item("Payments", "/dashboard/payments", "cash", Permission.PAYMENT_READ),
            Item("Subscriptions", "/dashboard/subscriptions", "repeat", Permission.SUBSCRIPTION_READ),
        ),
    ),
    Group(
        "Products",
        (
            Item("Products", "/dashboard/products", "package", Permission.PRODUCT_READ),
            Item("Prices", "/dashboard/prices", "tag", Permission.PRODUCT_READ),
        ),
    ),
    Group(
        "Developers",
        (
            Item("Access Keys", "/dashboard/access-keys", "key", Permission.SECRET_KEY_READ),
            Item("Events", "/dashboard/events", "list-details", Permission.EVENT_READ),
        ),
    ),
    Group("Admin", (Item("Users", "/dashboard/users", "user", Permission.USER_READ),)),
    Group("Settings", (Item("General", "/dashboard/settings", "settings", Permission.MERCHANT_CONFIG_READ),)),
)


def navigation(may: Callable[[Permission], bool]) -> list[Group]:
    """Return the groups that a person sees."""
    seen = [
        Group(group.title, tuple(item for item in group.items if item.permission is None or may(item.permission)))
        for group in GROUPS
    ]
    return [group for group in seen if group.items]
