"""Bulk loading for ``molva seed``: rows by COPY, in bounded batches, each batch whole in itself."""

from collections.abc import Sequence
from typing import Any, Final

from db.pool import Tx
from db.query import query

USERS: Final = ("id", "phone", "display_name")
SESSIONS: Final = ("id", "user_id", "device_name", "refresh_seed", "refresh_hash", "expires_at")
CHATS: Final = (
    "id", "type", "title", "creator_id", "direct_key", "member_count", "message_count", "version", "created_at",
    "updated_at",
)  # fmt: skip
MEMBERS: Final = ("chat_id", "user_id", "read_seq", "added_by", "joined_at")
MESSAGES: Final = (
    "chat_id", "seq", "sender_id", "client_id", "body_hash", "type", "content", "version", "created_at",
)  # fmt: skip


async def load(tx: Tx, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Add ``rows`` to ``table``."""
    if rows:
        await tx.copy_rows(table, columns, rows)


@query("""
    -- The greatest number of the range that seeding gives out, if any is taken.
    SELECT max(phone) FROM users WHERE phone BETWEEN $1 AND $2
""")
async def find_last_phone(tx: Tx, first: str, last: str) -> str | None: ...


@query("ANALYZE users, login_sessions, chats, members, messages -- so that plans fit what was loaded")
async def analyze(tx: Tx) -> None: ...
