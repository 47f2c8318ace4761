"""Users: the merchant's people, their sessions, and failed sign-ins."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    """
    create table users (
        merchant_id text collate "C" not null references merchants (id),
        id text collate "C" not null,
        email text not null check (length(email) <= 254),
        email_folded text[] check (cardinality(email_folded) = 2),
        email_search text collate "C" not null
            generated always as (
                lower(case when email_folded[1] = email then email_folded[2] else email end collate "C")
            ) stored,
        role text not null check (role in ('admin', 'developer', 'supportAgent')),
        first_name text check (length(first_name) <= 255),
        last_name text check (length(last_name) <= 255),
        username text check (length(username) <= 20),
        password_hash text not null,
        password_changed_at timestamptz(3) not null,
        removed_at timestamptz(3),
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null check (updated_at >= created_at),
        primary key (merchant_id, id)
    )
    """,
    "create index users_by_creation on users (merchant_id, created_at, id)",
    # A person signs in with an email and names no merchant.
    "create unique index users_email_key on users (email_search) where removed_at is null",
    """
    create table sessions (
        merchant_id text collate "C" not null,
        user_id text collate "C" not null,
        digest bytea not null unique,
        created_at timestamptz(3) not null,
        seen_at timestamptz(3) not null,
        primary key (merchant_id, user_id, digest),
        foreign key (merchant_id, user_id) references users (merchant_id, id)
    )
    """,
    # Of emails that nobody has too, so it belongs to no merchant.
    """
    create table sign_in_failures (
        subject bytea not null,
        failed_at timestamptz(3) not null
    )
    """,
    "create index sign_in_failures_by_subject on sign_in_failures (subject, failed_at)",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
