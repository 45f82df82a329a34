"""Payloads of ``session:*``."""

from typing import Annotated, Final, Literal

from pydantic import Field

from core import limits
from realtime.model.objects import ChatView, Profile, Unread
from realtime.model.people import WithPeople
from realtime.wire.cursors import CursorForm, CursorOf, Part
from realtime.wire.fields import CHAT_ID, USER_ID, ClientPayload, Id, PageSize, ServerPayload, Time
from realtime.wire.registry import event


class Announcement(ServerPayload):
    """Something that the operator tells everybody who is online. Show it until it ends."""

    text: str = Field(description="The text.", examples=["Maintenance tonight from 02:00 to 02:10 UTC."])
    level: Literal["info", "warning", "critical"] = Field(description="How important it is.", examples=["info"])
    until: Time = Field(
        description="When it ends. If it is in the past, the operator took the announcement back.",
        examples=["2026-11-24T02:10:00.000Z"],
    )


class SessionReady(ServerPayload):
    """The first event of every connection: the signed-in user, the login session and the limits of the server."""

    user: Profile = Field(description="The user of this connection, with the fields that only they see.")
    session_id: Id = Field(description="ID of the login session (one device).", examples=[USER_ID])
    active_chat_id: Id | None = Field(
        description="ID of the active chat of this connection, or null if there is none.", examples=[CHAT_ID]
    )
    epoch: str = Field(
        description="Name of the history of the database. If it differs from the last one, a backup was restored: delete "
        "all local chats, messages, versions and cursors, and start again.",
        examples=["0192f0c1-1"],
    )
    server_time: Time = Field(description="The server's clock.", examples=["2026-11-23T05:08:04.123Z"])
    limits: dict[str, int] = Field(
        description="The limits of this server, by name. They are explained in the guide.",
        examples=[{"text_chars": 4096, "connections_per_user": 10}],
    )
    announcements: list[Announcement] = Field(
        description="What the operator announces to everybody now. Later ones come as `server:announcement`.", examples=[[]]
    )
    unread: Unread = Field(description="Unread totals over all chats.")


class SessionExpiring(ServerPayload):
    """The access token expires in one minute. Refresh it and send ``session:refresh`` to keep the connection open."""

    expires_at: Time = Field(
        description="When the token expires and the server closes the connection.", examples=["2026-11-23T05:23:04.000Z"]
    )


class SessionRevoked(ServerPayload):
    """The server closes the connection after this event. If the login session has ended, sign in again."""

    reason: str = Field(
        description="Why: the login session ended (`logged_out`, `ended_elsewhere`, `token_reused`, `account_deleted`, "
        "`banned`, `ended_by_operator`), or this connection alone (`token_expired`; `too_many_connections`, as a newer one "
        "replaced it; `closed_by_operator`).",
        examples=["ended_elsewhere"],
    )


class SessionOpened(ServerPayload):
    """Somebody signed in as you on another device. If it was not you, end that session and set a PIN."""

    session_id: Id = Field(description="ID of the new login session.", examples=[CHAT_ID])
    device_name: str | None = Field(description="Name that the device gave itself.", examples=["Anna's laptop"])
    created_at: Time = Field(description="When it signed in.", examples=["2026-11-23T05:08:04.123Z"])


class SessionRefresh(ClientPayload):
    """A new access token for this connection."""

    token: str = Field(
        description="The new access token, of the same person and the same login session.",
        min_length=1,
        max_length=4096,
        examples=["eyJhbGciOi…"],
    )


class SessionRefreshed(ServerPayload):
    """The connection stays open with the new token."""

    expires_at: Time = Field(description="When the new token expires.", examples=["2026-11-23T05:38:04.000Z"])


SERVER_ANNOUNCEMENT = event("server:announcement", Announcement, to="every connection")
SESSION_READY = event("session:ready", SessionReady, to="the new connection")
SESSION_EXPIRING = event("session:expiring", SessionExpiring, to="the connection whose token expires in 60 s")
SESSION_REVOKED = event("session:revoked", SessionRevoked, to="every connection of the login session")
SESSION_OPENED = event("session:opened", SessionOpened, to="every other connection of the person who signed in")


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
    """Where the last synchronisation ended."""

    cursor: Annotated[str, CursorOf(SYNCED_CURSOR, SYNC_CURSOR, *OLD_CURSORS)] | None = Field(
        None, description="`cursor` of the last answer. Omit it to get all chats.", examples=[None]
    )
    limit: PageSize = Field(limits.PAGE_SIZE_MAX, description="Maximum number of chats to return.", examples=[100])


class SessionSynced(WithPeople):
    """The chats that changed since the cursor."""

    chats: list[ChatView] = Field(description="The chats that changed, as they are now.")
    removed_chat_ids: list[Id] = Field(
        description="IDs of the chats that the caller is no longer a member of.", examples=[[]]
    )
    cursor: str = Field(description="Cursor for the next call. Store it.", examples=["synced2.0192f0c1-1.742"])
    has_more: bool = Field(description="Whether there are more changes to fetch now.", examples=[False])
