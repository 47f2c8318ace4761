"""What is done to a payment goes through one gateway: the merchant's, or the one that knows the saved card."""

import pytest

from odus.gateways.connect import connect
from odus.gateways.protocol import Gateway
from odus.kit.db import Write
from odus.payments import moving
from tests import make
from tests.make import Shop
from tests.payments import acts
from tests.payments.acts import MANUAL, act


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the profiles of the gateways that are asked for something, in order."""
    profiles: list[str] = []

    async def watched(write: Write, merchant_id: str, profile_id: str) -> Gateway:
        profiles.append(profile_id)
        return await connect(write, merchant_id, profile_id)

    monkeypatch.setattr(moving, "connect", watched)
    return profiles


async def test_a_saved_card_is_charged_through_the_gateway_that_saved_it(shop: Shop, asked: list[str]) -> None:
    client = shop.client
    customer = (await make.customer(client))["id"]
    saved = (await make.paid(client, customer=customer))["paymentMethod"]
    (first,) = asked
    second = (await client.post("/gateway-profiles", json={"title": "Second", "integration": "sandbox"})).json()["id"]
    (config,) = (await client.get("/merchant-configs")).json()["data"]
    await client.post(f"/merchant-configs/{config['id']}", json={"gatewayProfile": second})
    asked.clear()
    payment: acts.Object = await make.payment(client, customer=customer, paymentMethodOptions=MANUAL)
    assert (await act(client, payment, "authorize", {"card": make.card(make.DECLINED)}))["displayStatus"] == "failed"
    await act(client, payment, "authorize", {"paymentMethod": saved})
    await act(client, payment, "capture")
    assert (await act(client, payment, "reverse"))["displayStatus"] == "reversed"
    assert asked == [second, first, first, first]
