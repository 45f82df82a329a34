"""Payloads of ``session:*``."""

from typing import Annotated, Final

from pydantic import Field

from core import limits
from realtime.model.objects import ChatView, Profile, Unread
from realtime.model.people import WithPeople
from realtime.wire.cursors import CursorForm, CursorOf, Part
from realtime.wire.fields import CHAT_ID, USER_ID, ClientPayload, Id, PageSize, ServerPayload, Time
from realtime.wire.registry import event


class SessionReady(ServerPayload):
    """The first event of every connection: who you are here, and what the server allows."""

    user: Profile = Field(description="Whose connection this is, with what is for their own eyes.")
    session_id: Id = Field(description="The login session (the device).", examples=[USER_ID])
    active_chat_id: Id | None = Field(description="The chat on this device's screen.", examples=[CHAT_ID])
    epoch: str = Field(
        description="Names the history of the database. With another epoch than before, a backup was restored: drop the "
        "chats, messages, versions and cursors that you keep, and begin afresh.",
        examples=["0192f0c1-1"],
    )
    server_time: Time = Field(description="The server's clock.", examples=["2026-11-23T05:08:04.123Z"])
    limits: dict[str, int] = Field(
        description="The documented bounds, by name; of what the operator can set, as it is set.",
        examples=[{"text_chars": 4096, "connections_per_user": 10}],
    )
    unread: Unread = Field(description="Totals over all chats.")


class SessionExpiring(ServerPayload):
    """The access token expires in a minute: refresh it and send ``session:refresh``, or the connection is closed."""

    expires_at: Time = Field(description="When the connection is closed.", examples=["2026-11-23T05:23:04.000Z"])


class SessionRevoked(ServerPayload):
    """The login session was ended; the connection is closed after this. Sign in again."""

    reason: str = Field(
        description="`logged_out`, `ended_elsewhere`, `token_reused`, `account_deleted`, `token_expired` or "
        "`too_many_connections` (only this connection: a newer one took its place).",
        examples=["ended_elsewhere"],
    )


class SessionRefresh(ClientPayload):
    """A new access token for the same login session."""

    token: str = Field(description="The new access token.", min_length=1, max_length=4096, examples=["eyJhbGciOi…"])


class SessionRefreshed(ServerPayload):
    """Until when the connection lives now."""

    expires_at: Time = Field(description="The token's expiry.", examples=["2026-11-23T05:38:04.000Z"])


SESSION_READY = event("session:ready", SessionReady, to="the new connection")
SESSION_EXPIRING = event("session:expiring", SessionExpiring, to="the connection whose token expires in 60 s")
SESSION_REVOKED = event("session:revoked", SessionRevoked, to="every connection of the login session")


SYNCED_CURSOR: Final = CursorForm("synced2", Part.EPOCH, Part.NUMBER)
"""After a pass: the epoch, and the transaction from which the next pass asks."""
SYNC_CURSOR: Final = CursorForm("sync2", Part.EPOCH, Part.NUMBER, Part.NUMBER, Part.NUMBER, Part.ID)
"""Within a pass: the epoch, the transactions from which this pass and the next one ask, and the transaction and the chat at
the end of the page."""
OLD_CURSORS: Final = (
    CursorForm("synced", Part.NUMBER),
    CursorForm("sync", Part.NUMBER, Part.NUMBER, Part.NUMBER, Part.ID),
)
"""Cursors of version 0.1, which name no epoch: a client that still has one begins afresh."""


class SessionSync(ClientPayload):
    """Since when."""

    cursor: Annotated[str, CursorOf(SYNCED_CURSOR, SYNC_CURSOR, *OLD_CURSORS)] | None = Field(
        None, description="`cursor` of the last answer; absent: everything.", examples=[None]
    )
    limit: PageSize = Field(limits.PAGE_SIZE_MAX, description="How many at the most.", examples=[100])


class SessionSynced(WithPeople):
    """What changed."""

    chats: list[ChatView] = Field(description="The chats that changed, as they are now.")
    removed_chat_ids: list[Id] = Field(description="The chats that the caller lost.", examples=[[]])
    cursor: str = Field(description="For the next call.", examples=["synced2.0192f0c1-1.742"])
    has_more: bool = Field(description="Whether there is more to ask for at once.", examples=[False])
