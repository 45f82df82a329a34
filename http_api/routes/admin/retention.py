"""``/v1/admin/retention``: how long messages are kept."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from admin import retention
from core.errors import ErrorCode
from db.retention import RetentionRow
from http_api.middleware.bodies import StrictRoute
from http_api.operators import OPERATOR_ERRORS, AdminServicesOf, OperatorOf
from http_api.problems import refusals
from realtime.wire.fields import CHAT_ID, ClientPayload, Id, ServerPayload

router = APIRouter(prefix="/v1/admin/retention", tags=["Admin"], route_class=StrictRoute)

Days = Annotated[int, Field(ge=1, le=36_500)]


class RetentionSet(ClientPayload):
    """A rule. Without any days the rule is deleted."""

    chat_id: Id | None = Field(None, description="The chat; null: all chats without a rule of their own.", examples=[None])
    message_days: Days | None = Field(
        None, description="Messages that are older are deleted; null: they stay.", examples=[365]
    )
    media_days: Days | None = Field(
        None,
        description="The same for messages with a picture, a video, a sound or a file; null: as other messages.",
        examples=[90],
    )


class RetentionRule(ServerPayload):
    """How long messages of a chat, or of all chats, are kept."""

    chat_id: Id | None = Field(description="The chat; null: all chats without a rule of their own.", examples=[CHAT_ID])
    message_days: int | None = Field(description="Days; null: for ever.", examples=[365])
    media_days: int | None = Field(description="Days for messages with a file; null: as others.", examples=[90])


class RetentionRules(ServerPayload):
    """Every rule."""

    rules: list[RetentionRule] = Field(description="That of all chats comes first.")


@router.get("", responses=refusals(*OPERATOR_ERRORS))
async def list_retention(services: AdminServicesOf, operator: OperatorOf) -> RetentionRules:
    """List how long messages are kept."""
    rows = await retention.list_rules(services, operator)
    return RetentionRules(rules=[RetentionRule.model_validate(row) for row in rows])


@router.put("", responses=refusals(*OPERATOR_ERRORS, ErrorCode.NOT_FOUND, ErrorCode.PAYLOAD_TOO_LARGE))
async def set_retention(payload: RetentionSet, services: AdminServicesOf, operator: OperatorOf) -> RetentionRule:
    """Set how long messages are kept, in one chat or in all. What is older is deleted within an hour, for good."""
    rule = RetentionRow(payload.chat_id, payload.message_days, payload.media_days)
    await retention.set_rule(services, operator, rule)
    return RetentionRule.model_validate(rule)
