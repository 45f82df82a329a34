"""The one closed list of reasons for a ``conflict``.

Each reason says what it means, what a client can do, and whether the same request can succeed later. An action declares its
reasons at ``@action(conflicts=…)``, a route at ``refusals(…, conflicts=…)``; both documents, the TypeScript types and the
guide read them from here. To add one: a member here, its declaration, and the code that raises it. A reason that nothing
declares, or that no test makes happen, fails the test run.
"""

from enum import StrEnum
from typing import Self


class ConflictReason(StrEnum):
    """Stable words in ``details.reason``: word, what it means, what the client can do, whether a retry helps.

    A retry helps where the same request succeeds once the client has done what the third column says.
    """

    meaning: str
    remedy: str
    retry_helps: bool

    def __new__(cls, word: str, meaning: str, remedy: str, retry_helps: bool) -> Self:  # noqa: FBT001  (a table's column)
        """One row of the table."""
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.meaning, reason.remedy, reason.retry_helps = meaning, remedy, retry_helps
        return reason

    NOT_A_GROUP = ("not_a_group", "The chat is a private chat, not a group.", "Use this action on groups only.", False)
    CREATOR_CANNOT_LEAVE = (
        "creator_cannot_leave",
        "The creator of a group cannot leave it.",
        "Hand the group over with chat:transfer first, or delete it with chat:delete.",
        True,
    )
    MEMBER_LIMIT = (
        "member_limit",
        "The group would have too many members.",
        "Add fewer people, or remove members first. The limit is group_members in session:ready.limits.",
        True,
    )
    WITH_YOURSELF = ("with_yourself", "You cannot do this with yourself.", "Name another person.", False)
    NO_ACTIVE_CHAT = (
        "no_active_chat",
        "The request has no chat_id, and no chat is active.",
        "Send a chat_id, or call chat:activate first.",
        True,
    )
    PIN_LIMIT = (
        "pin_limit",
        "You have pinned as many chats as allowed, or the chat has as many pinned messages as allowed.",
        "Unpin one first. The limits are pins and pinned_messages in session:ready.limits.",
        True,
    )
    INVITE_LIMIT = (
        "invite_limit",
        "The group has as many invites as allowed.",
        "Revoke one with invite:revoke first. The limit is invites in session:ready.limits.",
        True,
    )
    CLIENT_ID_REUSED = (
        "client_id_reused",
        "This client_id was used before, for a different request.",
        "Make a new client_id for each new request. Only repeat a request unchanged.",
        False,
    )
    MENTION_NOT_MEMBER = (
        "mention_not_member",
        "Someone mentioned is not a member of the chat.",
        "Mention members of the chat only. member:list returns them.",
        False,
    )
    MESSAGE_DELETED = (
        "message_deleted",
        "The message has been deleted.",
        "Show it as deleted. A deleted message cannot be changed.",
        False,
    )
    REACTION_LIMIT = (
        "reaction_limit",
        "The message has as many different reactions as allowed.",
        "Use one of its reactions. The limit is reactions in session:ready.limits.",
        True,
    )
    YOU_BLOCKED_USER = (
        "you_blocked_user",
        "You have blocked this person.",
        "Unblock them with user:unblock first.",
        True,
    )
    PEER_UNAVAILABLE = (
        "peer_unavailable",
        "This person cannot be reached.",
        "Nothing on your side changes this. It says neither why nor for how long.",
        False,
    )
    BLOCK_LIMIT = (
        "block_limit",
        "You have blocked as many people as allowed.",
        "Unblock someone with user:unblock first.",
        True,
    )
    USERNAME_TAKEN = ("username_taken", "Another user has this username.", "Choose another username.", False)
    PIN_REQUIRED = (
        "pin_required",
        "The account is protected by a PIN.",
        "Ask for the PIN and send it as pin with the same code.",
        True,
    )
    CURSOR_UNKNOWN = (
        "cursor_unknown",
        "The cursor does not belong to the current state of the database.",
        "Start again: call session:sync without a cursor.",
        False,
    )
    VERSION_UNKNOWN = (
        "version_unknown",
        "The chat never had this version in the current state of the database.",
        "Start again: load the chat with chat:get and its messages with message:list.",
        False,
    )
