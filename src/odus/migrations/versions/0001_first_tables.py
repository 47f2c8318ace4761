"""The first tables: merchants, secret keys, events, idempotency records, customers."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    "create extension if not exists pg_trgm",
    """
    create table merchants (
        id text collate "C" primary key,
        name text not null check (length(name) between 1 and 255),
        environment text not null check (environment in ('test', 'live')),
        created_at timestamptz(3) not null
    )
    """,
    """
    create table secret_keys (
        merchant_id text collate "C" not null references merchants (id),
        id text collate "C" not null,
        note text not null check (length(note) between 1 and 255),
        permissions text[] not null,
        masked_value text not null,
        last_used_at timestamptz(3),
        expires_at timestamptz(3),
        revoked_at timestamptz(3),
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null,
        primary key (merchant_id, id)
    )
    """,
    "create index secret_keys_by_creation on secret_keys (merchant_id, created_at, id)",
    """
    create table secret_key_values (
        merchant_id text collate "C" not null,
        secret_key_id text collate "C" not null,
        digest bytea not null unique,
        expires_at timestamptz(3),
        created_at timestamptz(3) not null,
        primary key (merchant_id, secret_key_id, digest),
        foreign key (merchant_id, secret_key_id) references secret_keys (merchant_id, id)
    )
    """,
    """
    create table events (
        merchant_id text collate "C" not null references merchants (id),
        id text collate "C" not null,
        event_type text not null,
        resource text collate "C" not null,
        data json not null,
        changes json not null,
        actor_type text not null check (actor_type in ('secretKey', 'user', 'system')),
        actor_id text collate "C" not null,
        request_id text collate "C",
        created_at timestamptz(3) not null,
        primary key (merchant_id, id)
    )
    """,
    "create index events_by_creation on events (merchant_id, created_at, id)",
    "create index events_by_resource on events (merchant_id, resource, created_at, id)",
    """
    create table idempotency_records (
        merchant_id text collate "C" not null references merchants (id),
        actor_id text collate "C" not null,
        key text collate "C" not null,
        fingerprint bytea not null,
        status smallint not null,
        body bytea not null,
        etag text,
        sealed boolean not null,
        created_at timestamptz(3) not null,
        primary key (merchant_id, actor_id, key)
    )
    """,
    """
    create table customers (
        merchant_id text collate "C" not null references merchants (id),
        id text collate "C" not null,
        email text not null check (length(email) <= 254),
        name text check (length(name) <= 255),
        phone_number text,
        date_of_birth date,
        billing_address jsonb check (jsonb_typeof(billing_address) = 'object'),
        shipping_address jsonb check (jsonb_typeof(shipping_address) = 'object'),
        metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
        restrict_cit boolean not null default false,
        restrict_mit boolean not null default false,
        restrict_reason text check (length(restrict_reason) <= 500),
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null check (updated_at >= created_at),
        primary key (merchant_id, id)
    )
    """,
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
