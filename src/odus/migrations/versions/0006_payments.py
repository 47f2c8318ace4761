"""Payments: what is charged, the saved payment methods, and the books of the sandbox gateway."""

from alembic import op

from odus.migrations.logs import log_of

revision = "0006"
down_revision = "0005"

PAYMENT_COLUMNS = """
    id, status, display_status, amount, currency, initiator, off_session_type, customer_id, payment_method_id,
    subscription_id, metadata, metadata_folded, created_at, updated_at
"""
METHOD_COLUMNS = """
    id, type, customer_id, is_default, detached_at, metadata, metadata_folded, created_at, updated_at
"""


STATEMENTS = (
    """
    create table payment_methods (
        merchant_id text collate "C" not null references merchants (id),
        id text collate "C" not null,
        customer_id text collate "C" not null,
        type text not null check (type in ('card')),
        is_default boolean not null,
        brand text not null,
        last_four text not null check (last_four ~ '^[0-9]{4}$'),
        exp_month text not null check (exp_month ~ '^(0[1-9]|1[0-2])$'),
        exp_year text not null check (exp_year ~ '^[0-9]{4}$'),
        cardholder_name text,
        gateway_profile_id text collate "C" not null,
        token text collate "C" not null,
        fingerprint text collate "C" not null,
        metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
        metadata_folded jsonb check (jsonb_typeof(metadata_folded) = 'object'),
        detached_at timestamptz(3),
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null check (updated_at >= created_at),
        primary key (merchant_id, id),
        unique (merchant_id, customer_id, id),
        foreign key (merchant_id, customer_id) references customers (merchant_id, id),
        foreign key (merchant_id, gateway_profile_id) references gateway_profiles (merchant_id, id),
        check (detached_at is null or not is_default)
    )
    """,
    "create index payment_methods_by_creation on payment_methods (merchant_id, created_at, id)",
    "create index payment_methods_by_customer on payment_methods (merchant_id, customer_id, created_at, id)",
    """
    create unique index payment_methods_card_key on payment_methods (merchant_id, customer_id, fingerprint)
    where detached_at is null
    """,
    """
    create unique index payment_methods_default_key on payment_methods (merchant_id, customer_id) where is_default
    """,
    """
    create table payments (
        merchant_id text collate "C" not null references merchants (id),
        id text collate "C" not null,
        status text not null check (status in ('open', 'requires_action', 'succeeded', 'cancelled')),
        amount bigint not null check (amount > 0),
        currency text collate "C" not null check (currency ~ '^[a-z]{3}$'),
        amount_captured bigint not null default 0,
        amount_reversed bigint not null default 0,
        captured_at timestamptz(3),
        chargeback_recorded_at timestamptz(3),
        has_failed boolean not null default false,
        initiator text not null check (initiator in ('customer', 'merchant')),
        off_session_type text check (off_session_type in ('recurring')),
        customer_id text collate "C",
        payment_method_id text collate "C",
        subscription_id text collate "C",
        cart jsonb check (jsonb_typeof(cart) = 'object'),
        payment_method_options jsonb check (jsonb_typeof(payment_method_options) = 'object'),
        capture_method text not null check (capture_method in ('automatic', 'manual', 'automaticDelayed')),
        capture_delay smallint check (capture_delay between 1 and 5),
        capture_at timestamptz(3),
        return_url text check (length(return_url) <= 2048),
        transactions jsonb not null default '[]' check (jsonb_typeof(transactions) = 'array'),
        metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
        metadata_folded jsonb check (jsonb_typeof(metadata_folded) = 'object'),
        gateway_profile_id text collate "C" not null,
        checkout_key text collate "C" not null,
        reference text collate "C",
        attempt jsonb,
        challenge jsonb,
        requests jsonb not null default '{}',
        due_at timestamptz(3),
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null check (updated_at >= created_at),
        display_status text not null generated always as (
            case
                when status = 'cancelled' then 'cancelled'
                when chargeback_recorded_at is not null then 'chargeback'
                when amount_reversed > 0 and amount_reversed = amount_captured then 'reversed'
                when amount_reversed > 0 then 'partially_reversed'
                when status = 'succeeded' and captured_at is null then 'uncaptured'
                when status = 'succeeded' then 'succeeded'
                when status = 'requires_action' then 'incomplete'
                when has_failed then 'failed'
                else 'unattempted'
            end
        ) stored,
        primary key (merchant_id, id),
        constraint payments_customer foreign key (merchant_id, customer_id) references customers (merchant_id, id),
        constraint payments_payment_method foreign key (merchant_id, customer_id, payment_method_id)
            references payment_methods (merchant_id, customer_id, id),
        foreign key (merchant_id, gateway_profile_id) references gateway_profiles (merchant_id, id),
        constraint payments_method_has_customer check (payment_method_id is null or customer_id is not null),
        constraint payments_amounts check (
            amount_captured between 0 and amount and amount_reversed between 0 and amount_captured
            and (captured_at is not null) = (amount_captured > 0)
        ),
        constraint payments_captured check (captured_at is null or status = 'succeeded'),
        constraint payments_chargeback check (chargeback_recorded_at is null or captured_at is not null),
        constraint payments_challenge check (
            (challenge is not null) = (status = 'requires_action')
        ),
        constraint payments_reference check (reference is not null or status <> 'succeeded'),
        constraint payments_delay check ((capture_delay is not null) = (capture_method = 'automaticDelayed')),
        constraint payments_due check (due_at is not null or (attempt is null and challenge is null))
    )
    """,
    # What was once decided about money stays decided, whoever writes.
    """
    create function check_payment() returns trigger language plpgsql as $$
    begin
        if (old.status = 'cancelled' and new.status <> 'cancelled')
            or (old.status = 'succeeded' and new.status not in ('succeeded', 'cancelled'))
            or (old.captured_at is not null and new.status <> 'succeeded')
            or (old.captured_at is not null and new.amount_captured <> old.amount_captured)
            or (new.amount_captured > 0 and old.attempt is null and old.amount_captured = 0)
            or new.amount_reversed < old.amount_reversed
            or (old.chargeback_recorded_at is not null and new.chargeback_recorded_at is null)
            or new.amount <> old.amount or new.currency <> old.currency
            or new.customer_id is distinct from old.customer_id
            or jsonb_array_length(new.transactions) < jsonb_array_length(old.transactions)
        then
            raise exception 'a payment cannot change so' using errcode = 'check_violation',
                constraint = 'payments_change', table = 'payments';
        end if;
        return new;
    end $$
    """,
    "create trigger check_change before update on payments for each row execute function check_payment()",
    "create index payments_by_id on payments (id)",  # a checkout's link names no merchant
    "create index payments_by_creation on payments (merchant_id, created_at, id)",
    "create index payments_by_update on payments (merchant_id, updated_at, id)",
    "create index payments_by_amount on payments (merchant_id, amount, id)",
    "create index payments_by_customer on payments (merchant_id, customer_id, created_at, id)",
    "create index payments_by_payment_method on payments (merchant_id, payment_method_id, created_at, id)",
    "create index payments_by_subscription on payments (merchant_id, subscription_id, created_at, id)",
    "create index payments_by_display_status on payments (merchant_id, display_status, created_at, id)",
    "create index payments_by_metadata on payments using gin (metadata) with (gin_pending_list_limit = 512)",
    "create index payments_due on payments (due_at) where due_at is not null",
    """
    alter table payments set (
        autovacuum_vacuum_insert_scale_factor = 0.05,
        autovacuum_vacuum_scale_factor = 0.05,
        autovacuum_analyze_scale_factor = 0.05
    )
    """,
    """
    create unlogged table payment_changes (
        merchant_id text collate "C" not null,
        xid xid8 not null default pg_current_xact_id(),
        server timestamptz not null default pg_postmaster_start_time(),
        weight smallint,
        id text collate "C",
        status text,
        display_status text,
        amount bigint,
        currency text collate "C",
        initiator text,
        off_session_type text,
        customer_id text collate "C",
        payment_method_id text collate "C",
        subscription_id text collate "C",
        metadata jsonb,
        metadata_folded jsonb,
        created_at timestamptz(3),
        updated_at timestamptz(3)
    )
    """,
    "create index payment_changes_by_transaction on payment_changes (merchant_id, xid)",
    """
    create unlogged table payment_method_changes (
        merchant_id text collate "C" not null,
        xid xid8 not null default pg_current_xact_id(),
        server timestamptz not null default pg_postmaster_start_time(),
        weight smallint,
        id text collate "C",
        type text,
        customer_id text collate "C",
        is_default boolean,
        detached_at timestamptz(3),
        metadata jsonb,
        metadata_folded jsonb,
        created_at timestamptz(3),
        updated_at timestamptz(3)
    )
    """,
    "create index payment_method_changes_by_transaction on payment_method_changes (merchant_id, xid)",
    # The sandbox keeps books of its own, as a gateway elsewhere would: what it was asked, by key, and what it holds.
    """
    create table sandbox_calls (
        merchant_id text collate "C" not null references merchants (id),
        key text collate "C" not null,
        answer jsonb,
        created_at timestamptz(3) not null default now(),
        primary key (merchant_id, key)
    )
    """,
    """
    create table sandbox_charges (
        merchant_id text collate "C" not null references merchants (id),
        reference text collate "C" not null,
        payment_id text collate "C" not null,
        currency text not null,
        authorized bigint not null check (authorized > 0),
        captures boolean not null,
        is_open boolean not null,
        captured bigint not null default 0 check (captured between 0 and authorized),
        refunded bigint not null default 0 check (refunded between 0 and captured),
        voided boolean not null default false check (not voided or captured = 0),
        created_at timestamptz(3) not null default now(),
        primary key (merchant_id, reference)
    )
    """,
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
    for statement in (
        *log_of("payments", "payment_changes", PAYMENT_COLUMNS),
        *log_of("payment_methods", "payment_method_changes", METHOD_COLUMNS),
    ):
        op.execute(statement)
