"""Which history of the database this is.

A client keeps versions and cursors. After a backup was restored, or after a failover to a standby that lagged, it holds
some that the database never had, and would stay behind for ever. The *epoch* names the history: it is renewed by ``molva
restored``, and it holds PostgreSQL's timeline, which rises by one with every promotion of a standby.

A dump that is put back into another cluster brings rows that were changed by transactions with higher ids than that cluster
has. ``session:sync`` compares these ids, so they are brought down, or it would return these rows again and again.
"""

from dataclasses import dataclass

from db.pool import Tx
from db.query import Affected, query


@dataclass(frozen=True, slots=True)
class EpochRow:
    """An epoch, and the timeline of PostgreSQL (8 hexadecimal digits; null on a standby)."""

    epoch: str
    timeline: str | None


@query("""
    -- The present epoch. A standby has a timeline too, but may not tell it.
    SELECT e.epoch, CASE WHEN pg_is_in_recovery() THEN NULL
                         ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS timeline
      FROM epochs e
     ORDER BY e.began_at DESC, e.epoch
     LIMIT 1
""")
async def find_epoch(tx: Tx) -> EpochRow: ...


@query("""
    -- The history begins anew: a backup was restored.
    INSERT INTO epochs (epoch) VALUES (gen_random_uuid()) RETURNING epoch
""")
async def renew_epoch(tx: Tx) -> str: ...


@query("""
    -- Users that were changed by a transaction which this cluster has not had: changed now.
    UPDATE users SET changed_xid = change_xid() WHERE changed_xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
""")
async def settle_users(tx: Tx) -> Affected: ...


@query("""
    -- As settle_users.
    UPDATE chats SET changed_xid = change_xid() WHERE changed_xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
""")
async def settle_chats(tx: Tx) -> Affected: ...


@query("""
    -- As settle_users.
    UPDATE members SET changed_xid = change_xid() WHERE changed_xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
""")
async def settle_members(tx: Tx) -> Affected: ...
