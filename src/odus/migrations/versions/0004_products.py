"""Products, and the prices that they are sold at."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    """
    create table products (
        merchant_id text collate "C" not null references merchants (id),
        id text collate "C" not null,
        name text not null check (length(name) between 1 and 255),
        name_folded text[] check (cardinality(name_folded) = 2),
        name_search text collate "C" not null
            generated always as (
                lower(case when name_folded[1] = name then name_folded[2] else name end collate "C")
            ) stored,
        description text check (length(description) <= 1000),
        statement_descriptor text check (length(statement_descriptor) between 1 and 22),
        active boolean not null,
        metadata jsonb not null check (jsonb_typeof(metadata) = 'object'),
        metadata_folded jsonb check (jsonb_typeof(metadata_folded) = 'object'),
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null check (updated_at >= created_at),
        primary key (merchant_id, id)
    )
    """,
    "create index products_by_creation on products (merchant_id, created_at, id)",
    "create index products_by_name on products (merchant_id, name_search, id)",
    """
    create table prices (
        merchant_id text collate "C" not null,
        id text collate "C" not null,
        product text collate "C" not null,
        name text not null check (length(name) between 1 and 255),
        name_folded text[] check (cardinality(name_folded) = 2),
        name_search text collate "C" not null
            generated always as (
                lower(case when name_folded[1] = name then name_folded[2] else name end collate "C")
            ) stored,
        type text not null check (type in ('one_time', 'recurring')),
        currency text collate "C" not null check (currency ~ '^[a-z]{3}$'),
        amount bigint not null check (amount between 0 and 999999999999),
        billing_schedule jsonb check (jsonb_typeof(billing_schedule) = 'object'),
        active boolean not null,
        metadata jsonb not null check (jsonb_typeof(metadata) = 'object'),
        metadata_folded jsonb check (jsonb_typeof(metadata_folded) = 'object'),
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null check (updated_at >= created_at),
        primary key (merchant_id, id),
        constraint prices_product_fkey foreign key (merchant_id, product) references products (merchant_id, id),
        check ((type = 'recurring') = (billing_schedule is not null)),
        check (type = 'recurring' or amount > 0)
    )
    """,
    "create index prices_by_creation on prices (merchant_id, created_at, id)",
    "create index prices_by_name on prices (merchant_id, name_search, id)",
    "create index prices_by_product on prices (merchant_id, product, created_at, id)",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
