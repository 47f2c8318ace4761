"""Subscriptions: what holds them to their charges, whoever comes in between."""

from alembic import op

revision = "0010"
down_revision = "0008"

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
            or (new.customer_id, new.price_id, new.quantity, new.start_date)
                is distinct from (old.customer_id, old.price_id, old.quantity, old.start_date)
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
)


def upgrade() -> None:
    """Put the functions and triggers in place."""
    for statement in STATEMENTS:
        op.execute(statement)
