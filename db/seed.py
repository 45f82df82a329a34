"""Bulk loading for ``molva seed``: adding rows by COPY, finding phone numbers that are taken, updating statistics.

Columns that are not named here keep their defaults. To seed one more column, add its name here and its value to the rows
that ``commands/seeding`` makes.
"""

from collections.abc import Sequence
from typing import Final

from core.errors import StartupError
from db.pool import Tx, constraint_means
from db.query import query

USERS: Final = ("id", "phone", "display_name", "created_at")
SESSIONS: Final = ("id", "user_id", "device_name", "refresh_seed", "refresh_hash", "expires_at")
CHATS: Final = (
    "id", "type", "title", "creator_id", "direct_key", "member_count", "message_count", "version", "created_at",
    "updated_at",
)  # fmt: skip
INVITES: Final = ("code", "chat_id", "created_by")
MEMBERS: Final = ("chat_id", "user_id", "read_seq", "added_by", "joined_at")
MESSAGES: Final = (
    "chat_id", "seq", "sender_id", "client_id", "body_hash", "type", "content", "version", "created_at",
)  # fmt: skip

# Only seeding inserts numbers without ON CONFLICT.
constraint_means(
    "users_phone_key",
    lambda: StartupError("One of the phone numbers was taken in the meantime. Run `molva seed` again, one at a time."),
)


async def load(tx: Tx, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Add ``rows`` to ``table``."""
    if rows:
        await tx.copy_rows(table, columns, rows)


@query("""
    -- Those of these phone numbers (E.164) that are taken.
    SELECT phone FROM users WHERE phone = ANY ($1::text[])
""")
async def find_taken_phones(tx: Tx, phones: list[str]) -> list[str]: ...


@query("""
    -- Whether the user of the documents' examples, or somebody with one of these phone numbers, exists.
    SELECT EXISTS (SELECT FROM users WHERE id = $1 OR phone = ANY ($2::text[]))
""")
async def has_examples(tx: Tx, user_id: str, phones: list[str]) -> bool: ...


@query("""
    -- The user with this phone number (E.164).
    SELECT id FROM users WHERE phone = $1
""")
async def find_user_by_phone(tx: Tx, phone: str) -> str | None: ...


@query("ANALYZE users, login_sessions, chats, members, messages -- so that query plans fit what was loaded")
async def analyze(tx: Tx) -> None: ...
