"""Lists: what customers are found and sorted by, and the logs of changes that keep their counts exact.

`email_search` and `name_search` are text without its case. The folded columns are written only for text beyond ASCII,
which not every database can fold. They hold the text itself too, and count only while it stands in the column, so a
release that does not know them goes on writing while this one is rolled out.

The logs, and the counts that are kept by them, are unlogged: a crash empties both, and they are made anew. They also
name the start of the server that wrote them, as the ids of transactions mean nothing in another one.
"""

import json

import sqlalchemy
from alembic import op

from odus.migrations.logs import log_of

revision = "0002"
down_revision = "0001"

CUSTOMER_COLUMNS = """
    id, email_search, name, name_search, phone_number, date_of_birth, metadata, metadata_folded, created_at, updated_at
"""
EVENT_COLUMNS = "id, event_type, resource, created_at"

STATEMENTS = (
    """
    alter table customers
        add column email_folded text[] check (cardinality(email_folded) = 2),
        add column name_folded text[] check (cardinality(name_folded) = 2),
        add column metadata_folded jsonb check (jsonb_typeof(metadata_folded) = 'object'),
        add column email_search text collate "C" not null
            generated always as (
                lower(case when email_folded[1] = email then email_folded[2] else email end collate "C")
            ) stored,
        add column name_search text collate "C"
            generated always as (
                lower(case when name_folded[1] = name then name_folded[2] else name end collate "C")
            ) stored,
        alter column phone_number type text collate "C"
    """,
    "alter table secret_keys add column note_folded text[] check (cardinality(note_folded) = 2)",
    "create index customers_by_creation on customers (merchant_id, created_at, id)",
    "create index customers_by_update on customers (merchant_id, updated_at, id)",
    "create index customers_by_email on customers (merchant_id, email_search, id)",
    "create index customers_by_name on customers (merchant_id, name_search, id)",
    "create index customers_by_phone_number on customers (merchant_id, phone_number, id)",
    "create index customers_by_date_of_birth on customers (merchant_id, date_of_birth, id)",
    # Without the merchant: it would be one list of all rows, and intersecting with it took half as long again; a small
    # merchant is searched by the indexes above. What waits to be sorted into this one is read whole by each search, so
    # it is kept short.
    """
    create index customers_by_part on customers
    using gin (email_search gin_trgm_ops, name_search gin_trgm_ops, metadata)
    with (gin_pending_list_limit = 512)
    """,
    # Counting reads an index alone where the table was vacuumed since, so it is more often than by default.
    """
    alter table customers set (
        autovacuum_vacuum_insert_scale_factor = 0.05,
        autovacuum_vacuum_scale_factor = 0.05,
        autovacuum_analyze_scale_factor = 0.05
    )
    """,
    "alter table events set (autovacuum_vacuum_insert_scale_factor = 0.05)",
    """
    create unlogged table customer_changes (
        merchant_id text collate "C" not null,
        xid xid8 not null default pg_current_xact_id(),
        server timestamptz not null default pg_postmaster_start_time(),
        weight smallint,
        id text collate "C",
        email_search text collate "C",
        name text,
        name_search text collate "C",
        phone_number text collate "C",
        date_of_birth date,
        metadata jsonb,
        metadata_folded jsonb,
        created_at timestamptz(3),
        updated_at timestamptz(3)
    )
    """,
    "create index customer_changes_by_transaction on customer_changes (merchant_id, xid)",
    """
    create unlogged table event_changes (
        merchant_id text collate "C" not null,
        xid xid8 not null default pg_current_xact_id(),
        server timestamptz not null default pg_postmaster_start_time(),
        weight smallint,
        id text collate "C",
        event_type text,
        resource text collate "C",
        created_at timestamptz(3)
    )
    """,
    "create index event_changes_by_transaction on event_changes (merchant_id, xid)",
    """
    create unlogged table kept_counts (
        merchant_id text collate "C" not null,
        list text not null,
        filters bytea not null,
        count bigint not null,
        snapshot pg_snapshot not null,
        server timestamptz not null default pg_postmaster_start_time(),
        kept_at timestamptz(3) not null default now(),
        primary key (merchant_id, list, filters)
    )
    """,
    """
    create unlogged table count_horizons (
        merchant_id text collate "C" not null,
        list text not null,
        gone_until xid8 not null,
        primary key (merchant_id, list)
    )
    """,
)


def upgrade() -> None:
    """Make the columns, their indexes and the logs."""
    for statement in STATEMENTS:
        op.execute(statement)
    _fold()
    for table, log, columns in (
        ("customers", "customer_changes", CUSTOMER_COLUMNS),
        ("events", "event_changes", EVENT_COLUMNS),
    ):
        for statement in log_of(table, log, columns):
            op.execute(statement)


def _fold() -> None:
    """Fold what is there already and beyond ASCII."""
    connection = op.get_bind()
    customers = connection.execute(sqlalchemy.text(CUSTOMERS_BEYOND_ASCII)).all()
    for merchant_id, customer_id, email, name, metadata in customers:
        values = json.loads(metadata)
        folded = {"of": values, "folded": {key: text.casefold() for key, text in values.items()}}
        connection.execute(
            sqlalchemy.text(FOLD_CUSTOMER),
            {
                "merchant_id": merchant_id,
                "id": customer_id,
                "email": _folded(email),
                "name": _folded(name),
                "metadata": None if metadata.isascii() else json.dumps(folded, ensure_ascii=False),
            },
        )
    keys = connection.execute(sqlalchemy.text(KEYS_BEYOND_ASCII)).all()
    for merchant_id, key_id, note in keys:
        connection.execute(sqlalchemy.text(FOLD_KEY), {"merchant_id": merchant_id, "id": key_id, "note": _folded(note)})


CUSTOMERS_BEYOND_ASCII = """
select merchant_id, id, email, name, metadata::text from customers
where octet_length(concat(email, name, metadata)) > length(concat(email, name, metadata))
"""
FOLD_CUSTOMER = """
update customers set email_folded = :email, name_folded = :name, metadata_folded = cast(:metadata as jsonb)
where merchant_id = :merchant_id and id = :id
"""
KEYS_BEYOND_ASCII = """
select merchant_id, id, note from secret_keys where octet_length(note) > length(note)
"""
FOLD_KEY = "update secret_keys set note_folded = :note where merchant_id = :merchant_id and id = :id"


def _folded(text: str | None) -> list[str] | None:
    return None if text is None or text.isascii() else [text, text.casefold()]
