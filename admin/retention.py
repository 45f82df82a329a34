"""How long messages are kept. ``maintenance.old_messages`` deletes what is older."""

from dataclasses import asdict

from admin.audit import AuditAction, Operator, record
from admin.services import AdminServices
from core.errors import NotFound
from core.ids import new_id
from db import operator_views, retention
from db.retention import RetentionRow


async def list_rules(services: AdminServices, operator: Operator) -> list[RetentionRow]:
    """Every rule; that of all chats first."""
    async with services.database.transaction() as tx:
        rows = await retention.list_rules(tx)
        await record(tx, operator, AuditAction.RETENTION_LISTED)
    return rows


async def set_rule(services: AdminServices, operator: Operator, rule: RetentionRow) -> None:
    """Set the rule of a chat, or of all chats without one. Without days the rule is deleted. ``NotFound`` (``chat_id``)."""
    async with services.database.transaction() as tx:
        if rule.chat_id is not None:
            chat = await operator_views.find_chat(tx, rule.chat_id)
            if chat is None or chat.deleted_at is not None:
                raise NotFound("chat_id")
        before = await retention.find_rule(tx, rule.chat_id)
        if rule.message_days is None and rule.media_days is None:
            await retention.delete_rule(tx, rule.chat_id)
        else:
            await retention.set_rule(tx, new_id(), rule.chat_id, rule.message_days, rule.media_days)
        target = f"chat {rule.chat_id}" if rule.chat_id is not None else "all chats"
        await record(
            tx,
            operator,
            AuditAction.RETENTION_SET,
            target,
            before=asdict(before) if before is not None else None,
            after=asdict(rule),
        )
