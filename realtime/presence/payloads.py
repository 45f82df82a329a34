"""Payloads of ``presence:*``."""

from typing import Annotated

from pydantic import Field

from core.limits import WATCH_LIST_MAX
from realtime.wire.fields import USER_ID, ClientPayload, Id, Ids, ServerPayload, Time
from realtime.wire.registry import event


class PresenceWatch(ClientPayload):
    """Whom to watch from now on."""

    user_ids: Annotated[Ids, Field(max_length=WATCH_LIST_MAX)] = Field(
        description="The people; an empty list watches nobody.", examples=[[USER_ID]]
    )


class PresenceUpdated(ServerPayload):
    """Somebody came or went. Who comes back within a few seconds has not gone."""

    user_id: Id = Field(description="Who.", examples=[USER_ID])
    online: bool = Field(description="Whether they are connected.", examples=[True])
    last_seen_at: Time | None = Field(
        description="When they were last connected; null if never.", examples=["2026-11-23T05:08:04.123Z"]
    )


class PresenceAnswer(ServerPayload):
    """How it is now with those whom the caller may watch; the others are left out."""

    presence: list[PresenceUpdated] = Field(description="One entry for each.")


PRESENCE_UPDATED = event(
    "presence:updated", PresenceUpdated, to="connections that watch the person and share a chat with them"
)
