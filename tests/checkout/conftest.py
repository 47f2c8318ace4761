"""Someone at the checkout of a payment of 42 dollars."""

from collections.abc import AsyncIterator

import pytest
from litestar.types import ASGIApp

from tests.checkout.payer import Payer, payer
from tests.make import Shop

BACK = "https://shop.example/thanks?order=7#top"


@pytest.fixture
async def jane(app: ASGIApp, shop: Shop) -> AsyncIterator[Payer]:
    """Give the payer of a payment that leads back to the shop."""
    async with payer(app, shop, returnUrl=BACK) as made:
        yield made
