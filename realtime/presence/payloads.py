"""Payloads of ``presence:*``."""

from typing import Annotated

from pydantic import Field

from core.limits import WATCH_LIST_MAX
from realtime.wire.fields import USER_ID, ClientPayload, Id, Ids, ServerPayload, Time
from realtime.wire.registry import event


class PresenceWatch(ClientPayload):
    """The people whose presence this connection watches."""

    user_ids: Annotated[Ids, Field(max_length=WATCH_LIST_MAX)] = Field(
        description="IDs of the people to watch. It replaces the previous list. An empty list watches nobody.",
        examples=[[USER_ID]],
    )


class PresenceUpdated(ServerPayload):
    """A person came online or went offline. A person who reconnects within a few seconds stays online."""

    user_id: Id = Field(description="ID of the person.", examples=[USER_ID])
    online: bool = Field(description="Whether the person is connected now.", examples=[True])
    last_seen_at: Time | None = Field(
        description="When the person was last connected, or null if never.", examples=["2026-11-23T05:08:04.123Z"]
    )


class PresenceAnswer(ServerPayload):
    """The present state of the people whom the caller may watch."""

    presence: list[PresenceUpdated] = Field(
        description="One entry for each person whom the caller may watch. The others are left out."
    )


PRESENCE_UPDATED = event(
    "presence:updated", PresenceUpdated, to="connections that watch the person and share a chat with them"
)
