"""Payment rules: what the database itself refuses, whoever writes: money that no attempt moved, and what was decided.

What the release before writes passes: it gives up a confirmation without an attempt.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS = (
    # What moved money is the attempt that stood on the row before.
    """
    create or replace function check_payment() returns trigger language plpgsql as $$
    declare
        kind constant text := old.attempt ->> 'kind';
    begin
        if (old.status = 'cancelled' and new.status <> 'cancelled')
            or (old.status = 'succeeded' and new.status not in ('succeeded', 'cancelled'))
            or (old.status = 'open' and new.status = 'requires_action' and kind is distinct from 'authorize')
            or (old.status <> 'succeeded' and new.status = 'succeeded'
                and coalesce(kind in ('capture', 'refund', 'void'), true))
            or (old.status = 'succeeded' and new.status = 'cancelled' and kind is distinct from 'void')
            or (old.status in ('open', 'requires_action') and new.status = 'cancelled'
                and kind in ('authorize', 'complete'))
            or (old.captured_at is not null and new.status <> 'succeeded')
            or (old.captured_at is not null and new.amount_captured <> old.amount_captured)
            or (new.amount_captured > 0 and old.amount_captured = 0 and coalesce(kind in ('refund', 'void'), true))
            or new.amount_reversed < old.amount_reversed
            or (new.amount_reversed > old.amount_reversed and kind is distinct from 'refund'
                and not coalesce((new.transactions -> -1 ->> 'isExternal')::boolean, false))
            or (old.chargeback_recorded_at is not null and new.chargeback_recorded_at is null)
            or (old.reference is not null and (new.reference, new.gateway_profile_id)
                is distinct from (old.reference, old.gateway_profile_id))
            or (old.subscription_id is not null and new.subscription_id is distinct from old.subscription_id)
            or (old.attempt is not null and new.attempt is not null
                and new.attempt ->> 'key' is distinct from old.attempt ->> 'key')
            or (
                new.merchant_id, new.id, new.amount, new.currency, new.customer_id, new.initiator,
                new.off_session_type, new.cycle, new.cart, new.payment_method_options, new.capture_method,
                new.capture_delay, new.checkout_key
            ) is distinct from (
                old.merchant_id, old.id, old.amount, old.currency, old.customer_id, old.initiator,
                old.off_session_type, old.cycle, old.cart, old.payment_method_options, old.capture_method,
                old.capture_delay, old.checkout_key
            )
            or jsonb_array_length(new.transactions) < jsonb_array_length(old.transactions)
        then
            raise exception 'a payment cannot change so' using errcode = 'check_violation',
                constraint = 'payments_change', table = 'payments';
        end if;
        if new.transactions <> old.transactions and exists (
            select from jsonb_array_elements(old.transactions) with ordinality as was (it, place)
            cross join lateral (select new.transactions -> (place::int - 1) as it) as became
            where (was.it -> 'id', was.it -> 'type', was.it -> 'amount')
                    is distinct from (became.it -> 'id', became.it -> 'type', became.it -> 'amount')
                or (was.it #>> '{outcome,status}' is not null
                    and (was.it #>> '{outcome,status}', was.it #>> '{outcome,errorCode}')
                        is distinct from (became.it #>> '{outcome,status}', became.it #>> '{outcome,errorCode}'))
        ) then
            raise exception 'a transaction cannot change so' using errcode = 'check_violation',
                constraint = 'payments_transactions', table = 'payments';
        end if;
        if new.amount_reversed > old.amount_reversed and new.amount_reversed <> (
            select coalesce(sum((it ->> 'amount')::bigint), 0) from jsonb_array_elements(new.transactions) as it
            where it ->> 'type' = 'reverse' and it #>> '{outcome,status}' = 'success'
        ) then
            raise exception 'no transaction reversed so much' using errcode = 'check_violation',
                constraint = 'payments_reversed', table = 'payments';
        end if;
        return new;
    end $$
    """,
    # A challenge is ended whatever became of the subscription: only charging a cycle needs one that goes on.
    """
    create or replace trigger check_cycle before update on payments for each row
    when (new.cycle is not null and old.status in ('open', 'requires_action')
        and old.attempt is null and new.attempt ->> 'kind' in ('authorize', 'complete'))
    execute function check_cycle()
    """,
    # A dump is restored before its triggers are made. Where data alone is restored, they are disabled meanwhile.
    """
    create function refuse_write() returns trigger language plpgsql as $$
    begin
        raise exception 'a row of % cannot be written so', tg_table_name using errcode = 'check_violation',
            constraint = tg_argv[0], table = tg_table_name;
    end $$
    """,
    """
    create trigger check_new before insert on payments for each row
    when (
        new.status <> 'open' or new.amount_captured <> 0 or new.amount_reversed <> 0 or new.captured_at is not null
        or new.chargeback_recorded_at is not null or new.attempt is not null or new.challenge is not null
        or new.reference is not null or new.transactions <> '[]'
    )
    execute function refuse_write('payments_new')
    """,
    """
    create trigger check_change before update on prices for each row
    when (
        (old.merchant_id, old.id, old.product, old.type, old.currency, old.amount, old.billing_schedule)
        is distinct from
        (new.merchant_id, new.id, new.product, new.type, new.currency, new.amount, new.billing_schedule)
    )
    execute function refuse_write('prices_change')
    """,
)


def upgrade() -> None:
    """Make the functions and the triggers."""
    for statement in STATEMENTS:
        op.execute(statement)
