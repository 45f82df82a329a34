"""How long messages are kept, and which are older."""

from dataclasses import dataclass
from typing import Final

from db.pool import Tx
from db.query import query


@dataclass(frozen=True, slots=True)
class RetentionRow:
    """A rule. ``chat_id``: the chat; null: all chats without a rule of their own. Days that are null: for ever."""

    chat_id: str | None
    message_days: int | None
    media_days: int | None


@query("""
    -- Every rule; that of all chats first.
    SELECT chat_id, message_days, media_days FROM retention_rules ORDER BY chat_id NULLS FIRST
""")
async def list_rules(tx: Tx) -> list[RetentionRow]: ...


@query("""
    -- The rule of a chat, or of all ($1 null).
    SELECT chat_id, message_days, media_days FROM retention_rules WHERE chat_id IS NOT DISTINCT FROM $1
""")
async def find_rule(tx: Tx, chat_id: str | None) -> RetentionRow | None: ...


@query("""
    -- Sets the rule of a chat, or of all ($2 null).
    INSERT INTO retention_rules (id, chat_id, message_days, media_days) VALUES ($1, $2, $3, $4)
    ON CONFLICT ON CONSTRAINT retention_rules_chat_key DO UPDATE
       SET message_days = excluded.message_days, media_days = excluded.media_days
""")
async def set_rule(tx: Tx, rule_id: str, chat_id: str | None, message_days: int | None, media_days: int | None) -> None: ...


@query("""
    -- A chat has no rule of its own any more, or there is none for all ($1 null).
    DELETE FROM retention_rules WHERE chat_id IS NOT DISTINCT FROM $1
""")
async def delete_rule(tx: Tx, chat_id: str | None) -> None: ...


@dataclass(frozen=True, slots=True)
class OldMessagesRow:
    """A chat in which messages are older than its rule allows, and the first of them."""

    chat_id: str
    seqs: list[int]


_MEDIA: Final = "('image', 'video', 'audio', 'file')"


@query(f"""
    -- The first messages that are older than the rule of their chat allows, of the $2 chats behind $1 in the order of ids.
    -- Every chat is in the answer, so that the caller knows where to go on.
    SELECT c.id AS chat_id, CASE WHEN least(rule.message_days, rule.media_days) IS NULL THEN '{{}}' ELSE ARRAY(
           SELECT m.seq FROM messages m
            WHERE m.chat_id = c.id AND m.deleted_at IS NULL AND m.type <> 'system'
              AND m.seq <= newest_seq_until(
                  c.id, wire_now() - make_interval(days => least(rule.message_days, rule.media_days)), c.message_count)
              AND m.created_at < wire_now() - make_interval(days => CASE
                  WHEN m.type IN {_MEDIA} THEN least(rule.message_days, rule.media_days) ELSE rule.message_days END)
            ORDER BY m.seq LIMIT $3) END AS seqs
      FROM (SELECT id, message_count FROM chats
             WHERE deleted_at IS NULL AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2) c
      LEFT JOIN LATERAL (
           SELECT r.message_days, r.media_days FROM retention_rules r
            WHERE r.chat_id = c.id OR r.chat_id IS NULL ORDER BY r.chat_id NULLS LAST LIMIT 1) rule ON true
     ORDER BY c.id
""")
async def list_old_messages(tx: Tx, after_id: str | None, chats: int, limit: int) -> list[OldMessagesRow]: ...
