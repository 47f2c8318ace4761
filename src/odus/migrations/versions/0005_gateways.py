"""Gateways: the profiles that payments run through, and each merchant's configuration."""

import secrets

import sqlalchemy
from alembic import op

from odus.kit.ids import new_id

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    """
    create table gateway_profiles (
        merchant_id text collate "C" not null references merchants (id),
        id text collate "C" not null,
        title text not null check (length(title) between 1 and 255),
        title_folded text[] check (cardinality(title_folded) = 2),
        integration text not null check (integration in ('sandbox')),
        environment text not null check (environment in ('test', 'live')),
        secret bytea not null check (length(secret) = 32),
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null check (updated_at >= created_at),
        primary key (merchant_id, id),
        check (integration <> 'sandbox' or environment = 'test')
    )
    """,
    "create index gateway_profiles_by_creation on gateway_profiles (merchant_id, created_at, id)",
    """
    create table merchant_configs (
        merchant_id text collate "C" primary key references merchants (id),
        id text collate "C" not null,
        gateway_profile_id text collate "C",
        capture_method text not null default 'automatic'
            check (capture_method in ('automatic', 'manual', 'automaticDelayed')),
        capture_delay smallint check (capture_delay between 1 and 5),
        timezone text not null default 'UTC' check (length(timezone) between 1 and 255),
        display_currency text not null default 'usd' check (display_currency ~ '^[a-z]{3}$'),
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null check (updated_at >= created_at),
        unique (merchant_id, id),
        constraint merchant_configs_gateway_profile
            foreign key (merchant_id, gateway_profile_id) references gateway_profiles (merchant_id, id),
        constraint merchant_configs_capture_delay
            check ((capture_method = 'automaticDelayed') = (capture_delay is not null))
    )
    """,
)


def upgrade() -> None:
    """Make the tables, and what is in them of each merchant that is there already."""
    for statement in STATEMENTS:
        op.execute(statement)
    connection = op.get_bind()
    for merchant_id, environment in connection.execute(sqlalchemy.text(MERCHANTS)).all():
        profile_id = new_id("gwp") if environment == "test" else None
        values = {"merchant_id": merchant_id, "profile_id": profile_id}
        if profile_id:
            connection.execute(sqlalchemy.text(PROFILE), {**values, "secret": secrets.token_bytes(32)})
        connection.execute(sqlalchemy.text(CONFIG), {**values, "id": new_id("mcfg")})


MERCHANTS = "select id, environment from merchants"
PROFILE = """
insert into gateway_profiles (merchant_id, id, title, integration, environment, secret, created_at, updated_at)
values (:merchant_id, :profile_id, 'Sandbox', 'sandbox', 'test', :secret, now(), now())
"""
CONFIG = """
insert into merchant_configs (merchant_id, id, gateway_profile_id, created_at, updated_at)
values (:merchant_id, :id, :profile_id, now(), now())
"""
