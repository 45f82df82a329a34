"""What newcomers see, and how a chat that becomes a group is called. Pure: what is known in, an error out."""

from collections.abc import Sequence
from typing import Final, Literal

from core.errors import Forbidden
from core.limits import TITLE_CHARS_MAX
from db.members import PastMemberRow
from realtime.model.objects import ChatView
from realtime.model.refusals import refuse_creator_leaving, refuse_unless_admin

NAMES_IN_TITLE_MAX: Final = 10
"""How many names are looked at for the title of a chat that becomes a group."""


def first_seq_of_newcomers(chat: ChatView, *, history: Literal["all", "none"] | None, was_private: bool) -> int:
    """Where newcomers begin: at the first message, or at the one that tells of them.

    What was said in private stays between the two who said it: ``forbidden`` for ``all`` there.
    """
    if was_private and history == "all":
        raise Forbidden("The chat was private, so new members cannot see its history. Use history: none.")
    everything = not was_private and history != "none"
    return 1 if everything else chat.message_count + 1


def refuse_removing(chat: ChatView, user_id: str, target: PastMemberRow | None) -> None:
    """Refuse unless the caller may remove ``user_id``: the creator everybody else, an admin plain members.

    ``not_a_group``, ``forbidden``, ``creator_cannot_leave``.
    """
    refuse_unless_admin(chat)
    if chat.me.role == "creator":
        refuse_creator_leaving(chat, user_id)
    elif user_id == chat.creator_id or (target is not None and target.is_present and target.is_admin):
        raise Forbidden("An admin is allowed to remove plain members only.")


def title_of(names: Sequence[str]) -> str:
    """What a chat that was private is called as a group: who is in it, as far as a title has room."""
    title = ", ".join(names)
    return title if len(title) <= TITLE_CHARS_MAX else title[: TITLE_CHARS_MAX - 1].rstrip(", ") + "…"
