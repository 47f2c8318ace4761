import json
import re
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odus.customers.model import Customer, CustomerCreate
from odus.customers.samples import SPAN, sample_customers
from odus.kit import bodies
from odus.kit.times import MILLISECOND, Moment

UNTIL = Moment.parse("2026-03-09T12:34:56.789Z")
MANY = list(sample_customers(seed=1, count=2000, until=UNTIL))

decode = bodies.decoder(CustomerCreate)
seeds = st.integers()


def sent(customer: Customer) -> dict[str, object]:
    """Return a customer as a caller would send it, without what the server makes."""
    shown = json.loads(bodies.encode(customer))
    return {name: value for name, value in shown.items() if name not in ("id", "createdAt", "updatedAt")}


@settings(deadline=None, max_examples=30)
@given(seeds, st.integers(0, 60))
def test_the_same_seed_gives_the_same_customers_with_the_same_ids(seed: int, count: int) -> None:
    once = list(sample_customers(seed, count, UNTIL))
    again = list(sample_customers(seed, count, UNTIL))
    assert once == again
    assert len(once) == count


def test_another_moment_gives_other_ids() -> None:
    later = sample_customers(seed=1, count=2000, until=Moment.of(UNTIL + MILLISECOND))
    assert not {customer.id for customer in MANY} & {customer.id for customer in later}


def test_another_seed_gives_others() -> None:
    other = list(sample_customers(seed=2, count=2000, until=UNTIL))
    same = {customer.email for customer in MANY} & {customer.email for customer in other}
    assert len(same) < 200


@settings(deadline=None, max_examples=50)
@given(seeds)
def test_the_api_itself_would_take_every_sample_just_as_it_is(seed: int) -> None:
    for customer in sample_customers(seed, 20, UNTIL):
        assert_taken(customer)


def test_the_api_itself_would_take_each_of_many_samples_just_as_it_is() -> None:
    for customer in MANY:
        assert_taken(customer)


def assert_taken(customer: Customer) -> None:
    data = decode(json.dumps(sent(customer)).encode())
    assert data.email == customer.email
    assert data.phone_number == customer.phone_number
    assert json.loads(bodies.encode(data)) == sent(customer)


@pytest.mark.parametrize("count", [0, 1, 2, 200])
def test_as_many_customers_are_made_as_were_asked_for(count: int) -> None:
    assert len(list(sample_customers(7, count, UNTIL))) == count


@settings(deadline=None, max_examples=30)
@given(seeds, st.integers(2, 60))
def test_customers_come_in_the_order_of_their_creation_and_so_do_their_ids(seed: int, count: int) -> None:
    customers = list(sample_customers(seed, count, UNTIL))
    moments = [customer.created_at for customer in customers]
    assert moments == sorted(moments)
    assert all(UNTIL - SPAN <= moment <= UNTIL for moment in moments)
    assert all(moment.microsecond % 1000 == 0 for moment in moments)
    apart = [(one, later) for one, later in pairwise(customers) if one.created_at < later.created_at]
    assert all(one.id < later.id for one, later in apart)


def test_nothing_has_happened_to_a_sample_since_its_creation() -> None:
    assert all(customer.updated_at == customer.created_at for customer in MANY)
    assert not any(customer.restrict_cit or customer.restrict_mit or customer.restrict_reason for customer in MANY)


def test_customers_are_spread_over_the_whole_time_and_come_more_often_lately() -> None:
    quarters = Counter((UNTIL - customer.created_at) // (SPAN / 4) for customer in MANY)
    assert set(quarters) == {0, 1, 2, 3}
    assert quarters[0] > quarters[1] > quarters[3] > 100
    assert UNTIL - MANY[0].created_at > 0.95 * SPAN
    assert UNTIL - MANY[-1].created_at < timedelta(days=1)


def test_they_go_back_as_far_as_is_said() -> None:
    span = timedelta(days=3650)
    ages = [UNTIL - customer.created_at for customer in sample_customers(1, 2000, UNTIL, span)]
    assert 0.95 * span < max(ages) <= span
    assert 0.2 < sum(age > span / 4 for age in ages) / len(ages) < 0.8


def test_ids_and_addresses_are_all_different() -> None:
    assert len({customer.id for customer in MANY}) == len(MANY)
    assert len({customer.email for customer in MANY}) == len(MANY)


def test_names_are_many_and_few_are_common() -> None:
    names = Counter(customer.name for customer in MANY)
    assert len(names) > 1000
    assert names.most_common(1)[0][1] < 20


def test_people_and_organizations_are_both_there() -> None:
    born = [customer.date_of_birth for customer in MANY if customer.date_of_birth is not None]
    assert 0.7 < len(born) / len(MANY) < 0.9
    assert all(date(1920, 1, 1) < day < date(2010, 1, 1) for day in born)
    assert all("billing" in customer.email for customer in MANY if customer.date_of_birth is None)


def test_some_of_everything_is_told_and_some_is_not() -> None:
    for told in (
        [customer.phone_number for customer in MANY],
        [customer.billing_address for customer in MANY],
        [customer.shipping_address for customer in MANY],
        [customer.metadata or None for customer in MANY],
    ):
        share = sum(value is not None for value in told) / len(MANY)
        assert 0.1 < share < 0.97


def test_mail_to_a_sample_reaches_nobody() -> None:
    reserved = re.compile(r"@(.+\.)?example(\.com|\.org|\.net)?\Z")
    assert all(reserved.search(customer.email) for customer in MANY)


def test_many_write_from_the_same_few_domains_and_the_others_from_one_each() -> None:
    domains = Counter(customer.email.partition("@")[2] for customer in MANY)
    assert 0.25 < domains["mail.example"] / len(MANY) < 0.35
    assert 0.03 < domains["example.com"] / len(MANY) < 0.07
    assert len(domains) > 500
    assert sum(count > 20 for count in domains.values()) < 10


def test_one_name_in_ten_is_not_ascii_and_every_email_is() -> None:
    names = [customer.name or "" for customer in MANY]
    assert 0.07 < sum(not name.isascii() for name in names) / len(names) < 0.13
    assert any(re.search(r"[\u4e00-\u9fff]", name) for name in names)
    assert all(customer.email.isascii() for customer in MANY)


def test_metadata_keys_are_sorted_as_they_are_when_read() -> None:
    assert all(list(customer.metadata) == sorted(customer.metadata) for customer in MANY)


def test_metadata_keeps_its_leading_zeros() -> None:
    numbers = [customer.metadata["externalId"] for customer in MANY if "externalId" in customer.metadata]
    assert numbers
    assert all(re.fullmatch(r"\d{5}", number) for number in numbers)
    assert any(number.startswith("0") for number in numbers)
