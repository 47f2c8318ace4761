import pytest
from hypothesis import given
from hypothesis import strategies as st

from odus.kit.permissions import Permission, effective

CATALOGUE = {
    "CUSTOMER_READ",
    "CUSTOMER_UPDATE",
    "CUSTOMER_DELETE",
    "PAYMENT_READ",
    "PAYMENT_UPDATE",
    "PAYMENT_METHOD_READ",
    "PAYMENT_METHOD_UPDATE",
    "SUBSCRIPTION_READ",
    "SUBSCRIPTION_UPDATE",
    "PRODUCT_READ",
    "PRODUCT_UPDATE",
    "SECRET_KEY_READ",
    "SECRET_KEY_UPDATE",
    "USER_READ",
    "USER_UPDATE",
    "WEBHOOK_SUBSCRIBER_READ",
    "WEBHOOK_SUBSCRIBER_UPDATE",
    "EVENT_READ",
    "MERCHANT_CONFIG_READ",
    "MERCHANT_CONFIG_UPDATE",
}

grants = st.lists(st.sampled_from(sorted(CATALOGUE)))


def test_the_catalogue_is_that_of_the_contract() -> None:
    assert {permission.value for permission in Permission} == CATALOGUE


@pytest.mark.parametrize("update", sorted(name for name in CATALOGUE if name.endswith("_UPDATE")))
def test_update_implies_read_of_the_same_resource_and_nothing_else(update: str) -> None:
    assert effective([update]) == {update, update.replace("_UPDATE", "_READ")}


@pytest.mark.parametrize("other", sorted(name for name in CATALOGUE if not name.endswith("_UPDATE")))
def test_read_and_delete_imply_nothing(other: str) -> None:
    assert effective([other]) == {other}


def test_nothing_granted_is_nothing() -> None:
    assert effective([]) == frozenset()


@given(grants)
def test_nothing_is_implied_twice_over_and_nothing_is_taken_away(granted: list[str]) -> None:
    permissions = effective(granted)
    assert set(granted) <= permissions <= CATALOGUE
    assert effective(sorted(permissions)) == permissions


@given(grants, grants)
def test_two_grants_together_are_what_each_is_alone(one: list[str], other: list[str]) -> None:
    assert effective([*one, *other]) == effective(one) | effective(other)


@given(grants)
def test_what_was_granted_is_left_as_it_was(granted: list[str]) -> None:
    kept = list(granted)
    effective(granted)
    assert granted == kept


def test_a_permission_is_asked_for_by_its_name_or_its_member() -> None:
    assert Permission.CUSTOMER_READ in effective(["CUSTOMER_UPDATE"])
    assert "CUSTOMER_READ" in effective([Permission.CUSTOMER_UPDATE])
