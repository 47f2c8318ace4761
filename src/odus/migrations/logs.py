"""Logs of changes: what lets a table tell of each row that came and went, so that counts are kept (decision 0008)."""

BULK = 1000
"""Rows of one statement beyond which its changes are not logged one by one: it says only that counts are unknown."""


def log_of(table: str, log: str, columns: str) -> tuple[str, ...]:
    """Return the statements that let a table write its changes to a log."""
    return (
        f"""
        create function log_{table}() returns trigger language plpgsql as $$
        begin
            if tg_op <> 'INSERT' then
                if (select count(*) from (select from removed limit {BULK + 1}) as few) > {BULK} then
                    insert into {log} (merchant_id) select distinct merchant_id from removed;
                    return null;
                end if;
                insert into {log} (merchant_id, weight, {columns}) select merchant_id, -1, {columns} from removed;
            end if;
            if tg_op <> 'DELETE' then
                if (select count(*) from (select from added limit {BULK + 1}) as few) > {BULK} then
                    insert into {log} (merchant_id) select distinct merchant_id from added;
                    return null;
                end if;
                insert into {log} (merchant_id, weight, {columns}) select merchant_id, 1, {columns} from added;
            end if;
            return null;
        end $$
        """,
        f"""
        create trigger log_inserts after insert on {table}
        referencing new table as added for each statement execute function log_{table}()
        """,
        f"""
        create trigger log_updates after update on {table}
        referencing old table as removed new table as added for each statement execute function log_{table}()
        """,
        f"""
        create trigger log_deletes after delete on {table}
        referencing old table as removed for each statement execute function log_{table}()
        """,
    )
