"""Who may come in and who may be put out. Pure: what is known in, an error out."""

from collections.abc import Sequence
from typing import Final, Literal

from core.errors import Conflict, Forbidden
from core.limits import GROUP_MEMBERS_MAX, TITLE_CHARS_MAX
from realtime.model.objects import ChatView

NAMES_IN_TITLE_MAX: Final = 10
"""How many names are looked at for the title of a chat that becomes a group."""


def refuse_overfull(member_count: int) -> None:
    """A group has a greatest size."""
    if member_count > GROUP_MEMBERS_MAX:
        raise Conflict("member_limit", f"A group has at most {GROUP_MEMBERS_MAX} members.")


def first_seq_of_newcomers(chat: ChatView, *, history: Literal["all", "none"] | None, was_private: bool) -> int:
    """Where newcomers begin: at the first message, or at the one that tells of them.

    What was said in private stays between the two who said it: ``forbidden`` for ``all`` there.
    """
    if was_private and history == "all":
        raise Forbidden("What was said in private stays there: history can only be none.")
    everything = not was_private and history != "none"
    return 1 if everything else chat.message_count + 1


def title_of(names: Sequence[str]) -> str:
    """What a chat that was private is called as a group: who is in it, as far as a title has room."""
    title = ", ".join(names)
    return title if len(title) <= TITLE_CHARS_MAX else title[: TITLE_CHARS_MAX - 1].rstrip(", ") + "…"


def refuse_removal(chat: ChatView, caller_id: str, user_id: str) -> None:
    """A group's creator puts others out, not themselves."""
    if chat.type != "group":
        raise Conflict("not_a_group", "This is a private chat, not a group.")
    if chat.me.role != "creator":
        raise Forbidden("Only the group's creator may remove members.")
    if user_id == caller_id:
        raise Conflict("creator_cannot_leave", "The creator cannot leave: transfer the group, or delete it.")
