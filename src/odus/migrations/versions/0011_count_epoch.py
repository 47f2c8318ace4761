"""The epoch of kept counts: what tells that the logs of changes were emptied since a count was made.

PostgreSQL recovers from the death of one of its processes by itself: it empties unlogged tables, and goes on as the
same server. A row in such a table goes with them, and the next one has another id.
"""

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS = (
    """
    create unlogged table count_epoch (
        is_only boolean primary key default true check (is_only),
        id uuid not null default gen_random_uuid()
    )
    """,
    "insert into count_epoch default values",
    # Nothing stands here for what an earlier release keeps, which is not used.
    "alter table kept_counts add column epoch uuid",
)


def upgrade() -> None:
    """Make the epoch, and let each kept count name its own."""
    for statement in STATEMENTS:
        op.execute(statement)
