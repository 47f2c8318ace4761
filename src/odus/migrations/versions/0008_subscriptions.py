"""Subscriptions: what is charged again and again, and the clocks of merchants who try that out."""

from alembic import op

from odus.migrations.logs import log_of

revision = "0008"
down_revision = "0007"

COLUMNS = """
    id, customer_id, status, price_id, current_period_end, metadata, metadata_folded, created_at, updated_at
"""

STATEMENTS = (
    """
    create table subscriptions (
        merchant_id text collate "C" not null references merchants (id),
        id text collate "C" not null,
        customer_id text collate "C" not null,
        price_id text collate "C" not null,
        quantity integer not null check (quantity > 0),
        currency text collate "C" not null,
        schedule jsonb not null check (jsonb_typeof(schedule) = 'object'),
        timezone text not null,
        payment_id text collate "C" not null,
        payment_method_id text collate "C" not null,
        status text not null check (status in ('active', 'cancelled')),
        start_date timestamptz(3) not null,
        current_period_start timestamptz(3) not null,
        current_period_end timestamptz(3) not null check (current_period_end > current_period_start),
        current_cycle integer not null check (current_cycle >= 1),
        cancel_at_period_end boolean not null,
        cancelled_at timestamptz(3),
        disabled_reason text check (
            disabled_reason in ('latest_invoice_retrying', 'recurring_payment_errored', 'subscription_cancelled')
        ),
        failed_at timestamptz(3),
        retries smallint not null check (retries between 0 and 4),
        due_at timestamptz(3),
        metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
        metadata_folded jsonb check (jsonb_typeof(metadata_folded) = 'object'),
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null check (updated_at >= created_at),
        primary key (merchant_id, id),
        foreign key (merchant_id, price_id) references prices (merchant_id, id),
        foreign key (merchant_id, payment_id) references payments (merchant_id, id),
        foreign key (merchant_id, customer_id, payment_method_id)
            references payment_methods (merchant_id, customer_id, id),
        constraint subscriptions_cancelled check (
            (status = 'cancelled') = (cancelled_at is not null)
            and (status = 'cancelled') = (disabled_reason is not distinct from 'subscription_cancelled')
            and (status = 'active' or due_at is null)
        ),
        constraint subscriptions_due check (
            due_at is not null
            or coalesce(disabled_reason in ('recurring_payment_errored', 'subscription_cancelled'), false)
        )
    )
    """,
    # Cycles follow each other: one after the other, without a gap, and never back. None ends while its next cycle is
    # being charged: that would be paid for, and never begin.
    """
    create function check_subscription() returns trigger language plpgsql as $$
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
        if new.status = 'cancelled' and exists (
            select from payments where merchant_id = new.merchant_id and subscription_id = new.id
                and cycle is not null and status in ('open', 'requires_action') and attempt is not null
        ) then
            raise exception 'the next cycle is being charged' using errcode = 'check_violation',
                constraint = 'subscriptions_charging', table = 'subscriptions';
        end if;
        return new;
    end $$
    """,
    """
    create trigger check_change before update on subscriptions
    for each row execute function check_subscription()
    """,
    "create index subscriptions_by_creation on subscriptions (merchant_id, created_at, id)",
    "create index subscriptions_by_update on subscriptions (merchant_id, updated_at, id)",
    "create index subscriptions_by_period_end on subscriptions (merchant_id, current_period_end, id)",
    "create index subscriptions_by_customer on subscriptions (merchant_id, customer_id, created_at, id)",
    "create index subscriptions_by_price on subscriptions (merchant_id, price_id, created_at, id)",
    "create index subscriptions_by_status on subscriptions (merchant_id, status, created_at, id)",
    """
    create index subscriptions_by_payment_method on subscriptions (merchant_id, payment_method_id)
    where status = 'active'
    """,
    "create index subscriptions_by_metadata on subscriptions using gin (metadata) with (gin_pending_list_limit = 512)",
    "create index subscriptions_due on subscriptions (due_at) where due_at is not null",
    """
    create unlogged table subscription_changes (
        merchant_id text collate "C" not null,
        xid xid8 not null default pg_current_xact_id(),
        server timestamptz not null default pg_postmaster_start_time(),
        weight smallint,
        id text collate "C",
        customer_id text collate "C",
        status text,
        price_id text collate "C",
        current_period_end timestamptz(3),
        metadata jsonb,
        metadata_folded jsonb,
        created_at timestamptz(3),
        updated_at timestamptz(3)
    )
    """,
    "create index subscription_changes_by_transaction on subscription_changes (merchant_id, xid)",
    # A card that is charged for a subscription stays with its customer.
    """
    create function check_detached() returns trigger language plpgsql as $$
    begin
        if exists (
            select from subscriptions
            where merchant_id = new.merchant_id and payment_method_id = new.id and status = 'active'
        ) then
            raise exception 'the payment method is charged for a subscription' using errcode = 'check_violation',
                constraint = 'payment_methods_billed', table = 'payment_methods';
        end if;
        return new;
    end $$
    """,
    """
    create trigger check_detached before update on payment_methods for each row
    when (old.detached_at is null and new.detached_at is not null) execute function check_detached()
    """,
    # The other way round: no cycle of a subscription that ended is charged. Whoever comes second waits for the first.
    """
    create function check_cycle() returns trigger language plpgsql as $$
    begin
        perform from subscriptions
        where merchant_id = new.merchant_id and id = new.subscription_id and status = 'active' for share;
        if not found then
            raise exception 'the subscription has ended' using errcode = 'check_violation',
                constraint = 'payments_subscription_ended', table = 'payments';
        end if;
        return new;
    end $$
    """,
    # One charge for a cycle of a subscription, and what the first one is counted as.
    """
    alter table payments
        add column cycle integer check (cycle > 1),
        add column reconcile_at timestamptz(3),
        add constraint payments_cycle check (cycle is null or subscription_id is not null),
        add constraint payments_subscription foreign key (merchant_id, subscription_id)
            references subscriptions (merchant_id, id) deferrable initially deferred
    """,
    """
    create unique index payments_cycle_key on payments (merchant_id, subscription_id, cycle)
    where cycle is not null and status <> 'cancelled'
    """,
    """
    create trigger check_cycle before update on payments for each row
    when (new.cycle is not null and old.status in ('open', 'requires_action')
        and old.attempt is null and new.attempt is not null)
    execute function check_cycle()
    """,
    "create index payments_to_reconcile on payments (reconcile_at) where reconcile_at is not null",
    "update payments set reconcile_at = due_at, due_at = null where attempt is not null",
    "alter table payments drop constraint payments_due",
    """
    alter table payments add constraint payments_due check (
        (due_at is not null or challenge is null) and (reconcile_at is not null) = (attempt is not null)
    )
    """,
    "alter table merchants add column clock_offset interval not null default '0'",
    """
    alter table merchants add constraint merchants_clock
        check (clock_offset >= '0' and (environment = 'test' or clock_offset = '0'))
    """,
    "create index merchants_moved on merchants (id) where clock_offset > '0'",
)


def upgrade() -> None:
    """Make the tables and the columns."""
    for statement in STATEMENTS:
        op.execute(statement)
    for statement in log_of("subscriptions", "subscription_changes", COLUMNS):
        op.execute(statement)
