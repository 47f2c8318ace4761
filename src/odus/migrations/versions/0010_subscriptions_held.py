"""Subscriptions: what holds them to their charges, whoever comes in between."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = (
    # None ends, nor is to end with its period, while its next cycle is being charged: that would be paid for, and never
    # begin.
    """
    create or replace function check_subscription() returns trigger language plpgsql as $$
    begin
        if (old.status = 'cancelled' and new.status <> 'cancelled')
            or new.current_cycle not in (old.current_cycle, old.current_cycle + 1)
            or (new.current_cycle = old.current_cycle and (new.current_period_start, new.current_period_end)
                is distinct from (old.current_period_start, old.current_period_end))
            or (new.current_cycle > old.current_cycle and new.current_period_start <> old.current_period_end)
            or (new.customer_id, new.price_id, new.quantity, new.start_date, new.payment_id)
                is distinct from (old.customer_id, old.price_id, old.quantity, old.start_date, old.payment_id)
        then
            raise exception 'a subscription cannot change so' using errcode = 'check_violation',
                constraint = 'subscriptions_change', table = 'subscriptions';
        end if;
        if (new.status = 'cancelled' or (new.cancel_at_period_end and not old.cancel_at_period_end)) and exists (
            select from payments where merchant_id = new.merchant_id and subscription_id = new.id
                and cycle is not null and status in ('open', 'requires_action') and attempt is not null
        ) then
            raise exception 'the next cycle is being charged' using errcode = 'check_violation',
                constraint = 'subscriptions_charging', table = 'subscriptions';
        end if;
        return new;
    end $$
    """,
    # The other way round: no cycle is charged of a subscription that ended, or that is to end before it. Whoever comes
    # second waits for the first.
    """
    create or replace function check_cycle() returns trigger language plpgsql as $$
    begin
        perform from subscriptions
        where merchant_id = new.merchant_id and id = new.subscription_id
            and status = 'active' and not cancel_at_period_end for share;
        if not found then
            raise exception 'the subscription has ended' using errcode = 'check_violation',
                constraint = 'payments_subscription_ended', table = 'payments';
        end if;
        return new;
    end $$
    """,
    # Nor is there a payment of such a cycle, which somebody might pay by hand. It is held to that once it is there: who
    # makes it may first have to wait for another one of that cycle, which its subscription's end is just cancelling.
    """
    create trigger check_cycle_of_new after insert on payments for each row
    when (new.cycle is not null) execute function check_cycle()
    """,
    "create index subscriptions_by_payment on subscriptions (merchant_id, payment_id)",
    # Why billing stopped, in words.
    "alter table subscriptions add column disabled_detail text",
    # What a subscription is charged to by itself is its customer's still, and stays so while it is being charged.
    """
    create function check_subscription_method() returns trigger language plpgsql as $$
    begin
        perform from payment_methods
        where merchant_id = new.merchant_id and id = new.payment_method_id and detached_at is null for share;
        if not found then
            raise exception 'the payment method is detached' using errcode = 'check_violation',
                constraint = 'subscriptions_payment_method', table = 'subscriptions';
        end if;
        return new;
    end $$
    """,
    """
    create trigger check_method_of_new before insert on subscriptions for each row
    when (new.due_at is not null) execute function check_subscription_method()
    """,
    """
    create trigger check_method before update on subscriptions for each row
    when (new.payment_method_id <> old.payment_method_id) execute function check_subscription_method()
    """,
    """
    create function check_attempt_method() returns trigger language plpgsql as $$
    begin
        perform from payment_methods
        where merchant_id = new.merchant_id and id = new.attempt ->> 'payment_method' and detached_at is null for share;
        if not found then
            raise exception 'the payment method is detached' using errcode = 'check_violation',
                constraint = 'payments_attempt_method', table = 'payments';
        end if;
        return new;
    end $$
    """,
    """
    create trigger check_attempt_method before update on payments for each row
    when (old.attempt is null and new.attempt ->> 'payment_method' is not null)
    execute function check_attempt_method()
    """,
    """
    create index payments_charging_method on payments
        (merchant_id, coalesce(attempt ->> 'payment_method', challenge ->> 'payment_method'))
    where status in ('open', 'requires_action')
        and coalesce(attempt ->> 'payment_method', challenge ->> 'payment_method') is not null
    """,
    """
    create or replace function check_detached() returns trigger language plpgsql as $$
    begin
        if exists (
            select from subscriptions
            where merchant_id = new.merchant_id and payment_method_id = new.id and status = 'active'
        ) then
            raise exception 'the payment method is charged for a subscription' using errcode = 'check_violation',
                constraint = 'payment_methods_billed', table = 'payment_methods';
        end if;
        if exists (
            select from payments
            where merchant_id = new.merchant_id and status in ('open', 'requires_action')
                and coalesce(attempt ->> 'payment_method', challenge ->> 'payment_method') = new.id
        ) then
            raise exception 'a payment is being charged to the method' using errcode = 'check_violation',
                constraint = 'payment_methods_charging', table = 'payment_methods';
        end if;
        return new;
    end $$
    """,
)


def upgrade() -> None:
    """Put the functions and triggers in place."""
    for statement in STATEMENTS:
        op.execute(statement)
