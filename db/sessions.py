"""Login sessions: the devices of a person, and the refresh token that each of them holds.

A session is kept for :data:`ENDED_KEPT_DAYS` after its end: ``revoked_at`` and ``revoke_reason`` tell its device why. The
refresh token itself is nowhere: the row has its SHA-256 and, with the server's secret, what it takes to derive the tokens
of each generation.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from db.pool import Tx
from db.query import Affected, query
from db.unread import UnreadRow, unread_totals
from db.users import ProfileRow, profile_columns

IDLE_DAYS_MAX: Final = 30
"""A device that refreshes less often is signed out."""
AGE_DAYS_MAX: Final = 90
"""However often it refreshes."""
ENDED_KEPT_DAYS: Final = 30
"""How long a session is kept after its end. A device that comes back later is told that there is no such session."""
GRACE_S: Final = 10
"""How long after a rotation the token before still gets the answer that may have been lost."""

_EXPIRES_IN_S: Final = "extract(epoch FROM expires_at - wire_now())::int"
_ALIVE: Final = "revoked_at IS NULL AND expires_at > wire_now()"


class EndReason(StrEnum):
    """Why a session was ended; ``session:revoked`` carries it."""

    LOGGED_OUT = "logged_out"
    ENDED_ELSEWHERE = "ended_elsewhere"
    TOKEN_REUSED = "token_reused"  # noqa: S105  (a reason, not a password)
    ACCOUNT_DELETED = "account_deleted"
    BANNED = "banned"
    ENDED_BY_OPERATOR = "ended_by_operator"


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session and whose it is. ``owner`` is empty when the account was deleted; then the session was ended, too."""

    id: str
    active_chat_id: str | None
    revoked_at: str | None
    owner: ProfileRow


@dataclass(frozen=True, slots=True)
class ActiveChatRow:
    """Up to where a connection knows the chat that it begins with."""

    version: int
    message_count: int


@dataclass(frozen=True, slots=True)
class AdmissionRow:
    """What a connection of a session begins with: the session, and the chats of its person."""

    session: SessionRow
    chat_ids: list[str]
    first_seqs: list[int]
    """What they may see of each of these chats begins there."""
    active: ActiveChatRow | None
    """The state of the chat that the session has open."""
    unread: UnreadRow


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A session as its owner sees it."""

    id: str
    device_name: str | None
    created_at: str
    last_seen_at: str


@dataclass(frozen=True, slots=True)
class RefreshRow:
    """What decides about a refresh token."""

    user_id: str
    refresh_seed: bytes
    refresh_hash: bytes
    generation: int
    expires_in_s: int
    in_grace: bool
    is_revoked: bool


@query(f"""
    -- The session that an access token names. With an account its sessions end. A device that was away for too long, or
    -- reached the end of its days, has none: its last access token may be good for some minutes more.
    SELECT s.id, s.active_chat_id, coalesce(s.revoked_at, u.deleted_at) AS revoked_at,
           {profile_columns("u", prefix="owner.")}
      FROM login_sessions s
      JOIN users u ON u.id = s.user_id
     WHERE s.id = $1 AND s.expires_at > wire_now()
""")
async def find_session(tx: Tx, session_id: str) -> SessionRow | None: ...


@query(f"""
    -- find_session of many, each with the chats of its person, as of one moment.
    SELECT s.id AS "session.id", s.active_chat_id AS "session.active_chat_id",
           coalesce(s.revoked_at, u.deleted_at) AS "session.revoked_at",
           {profile_columns("u", prefix="session.owner.")},
           coalesce(mine.chat_ids, '{{}}') AS chat_ids, coalesce(mine.first_seqs, '{{}}') AS first_seqs,
           active.version AS "active.version", active.message_count AS "active.message_count",
           unread.chat_count AS "unread.chat_count", unread.message_count AS "unread.message_count",
           unread.mention_count AS "unread.mention_count"
      FROM login_sessions s
      JOIN users u ON u.id = s.user_id
      LEFT JOIN chats active ON active.id = s.active_chat_id
      LEFT JOIN LATERAL (
          SELECT array_agg(m.chat_id) AS chat_ids, array_agg(m.first_seq) AS first_seqs
            FROM members m
           WHERE m.user_id = s.user_id AND m.left_at IS NULL AND s.revoked_at IS NULL
      ) mine ON true
      LEFT JOIN LATERAL ({unread_totals("s.user_id")}) unread ON true
     WHERE s.id = ANY ($1) AND s.expires_at > wire_now()
""")
async def list_admissions(tx: Tx, session_ids: list[str]) -> list[AdmissionRow]: ...


@dataclass(frozen=True, slots=True)
class OpenedRow:
    """A session that was opened, and how many seconds its refresh token is good for."""

    created_at: str
    expires_in_s: int


@query(f"""
    -- A device signs in.
    INSERT INTO login_sessions (id, user_id, device_name, refresh_seed, refresh_hash, expires_at)
    VALUES ($1, $2, $3, $4, $5, wire_now() + interval '{IDLE_DAYS_MAX} days')
    RETURNING created_at, {_EXPIRES_IN_S} AS expires_in_s
""")
async def insert_session(
    tx: Tx, session_id: str, user_id: str, device_name: str | None, refresh_seed: bytes, refresh_hash: bytes
) -> OpenedRow: ...


@query(f"""
    -- Locks the session, so that of two refreshes the second sees what the first made of it.
    SELECT user_id, refresh_seed, refresh_hash, generation, {_EXPIRES_IN_S} AS expires_in_s,
           rotated_at > clock_timestamp() - interval '{GRACE_S} seconds' AS in_grace, revoked_at IS NOT NULL AS is_revoked
      FROM login_sessions
     WHERE id = $1
       FOR UPDATE
""")
async def lock_session(tx: Tx, session_id: str) -> RefreshRow | None: ...


@query(f"""
    -- The generation $3 of a locked session's refresh token. Returns how many seconds it is good for.
    UPDATE login_sessions
       SET generation = $3, refresh_hash = $2, rotated_at = wire_now(), last_seen_at = wire_now(),
           expires_at = least(wire_now() + interval '{IDLE_DAYS_MAX} days',
                              created_at + interval '{AGE_DAYS_MAX} days')
     WHERE id = $1
    RETURNING {_EXPIRES_IN_S}
""")
async def rotate_session(tx: Tx, session_id: str, refresh_hash: bytes, generation: int) -> int: ...


@query(f"""
    -- Where somebody is signed in, the device used last first.
    SELECT id, device_name, created_at, last_seen_at
      FROM login_sessions
     WHERE user_id = $1 AND {_ALIVE}
     ORDER BY last_seen_at DESC, id DESC
""")
async def list_sessions(tx: Tx, user_id: str) -> list[DeviceRow]: ...


@query(f"""
    -- Ends one session of somebody. Nothing happens to one that has ended or is not theirs.
    UPDATE login_sessions SET revoked_at = wire_now(), revoke_reason = $3, active_chat_id = NULL
     WHERE id = $1 AND user_id = $2 AND {_ALIVE}
""")
async def end_session(tx: Tx, session_id: str, user_id: str, reason: str) -> Affected: ...


@query(f"""
    -- Ends every session of somebody but one; returns which.
    UPDATE login_sessions SET revoked_at = wire_now(), revoke_reason = $3, active_chat_id = NULL
     WHERE user_id = $1 AND id <> $2 AND {_ALIVE}
    RETURNING id
""")
async def end_other_sessions(tx: Tx, user_id: str, kept_session_id: str, reason: str) -> list[str]: ...


@query("""
    -- A connection of the session went away: the device and its person were here until now. Of a deleted account nothing is
    -- noted: its connections are closed after it was emptied.
    WITH device AS (UPDATE login_sessions SET last_seen_at = wire_now() WHERE id = $1 RETURNING user_id)
    UPDATE users SET last_seen_at = wire_now() FROM device
     WHERE users.id = device.user_id AND users.deleted_at IS NULL
""")
async def note_last_seen(tx: Tx, session_id: str) -> None: ...


@query(f"""
    -- Sessions that ended long ago. What another process is sweeping is left to it.
    DELETE FROM login_sessions
     WHERE id IN (SELECT id FROM login_sessions
                   WHERE least(revoked_at, expires_at) < clock_timestamp() - interval '{ENDED_KEPT_DAYS} days'
                   ORDER BY least(revoked_at, expires_at)
                   LIMIT $1
                     FOR UPDATE SKIP LOCKED)
""")
async def sweep_sessions(tx: Tx, limit: int) -> Affected: ...
