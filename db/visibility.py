"""What one person may see of another: one rule, as parts of SQL that every statement with a person in it is made of.

A profile (name, username, picture) is for everybody. ``last_seen_at`` and presence are for those who share a chat with the
person, unless one of the two has blocked the other, or the person shows them to nobody (``users.last_seen_for``). People
see all of themselves. What else is to depend on who looks is added here.

What must stay true: across a block nothing of this kind passes, in either direction. A block looks like a setting of the
other person.
"""


def shares_a_chat(one: str, other: str) -> str:
    """SQL: the people ``one`` and ``other`` (SQL of their ids) are in a chat together."""
    return _share(one, other, "")


def shares_a_group(one: str, other: str) -> str:
    """SQL: the people ``one`` and ``other`` (SQL of their ids) are in a group together."""
    return _share(one, other, "JOIN chats c ON c.id = mine.chat_id AND c.type = 'group'")


def _share(one: str, other: str, among: str) -> str:
    return f"""EXISTS (SELECT FROM members mine {among}
                 JOIN members theirs ON theirs.chat_id = mine.chat_id AND theirs.left_at IS NULL
                WHERE mine.user_id = {one} AND mine.left_at IS NULL AND theirs.user_id = {other})"""


def no_block_between(one: str, other: str) -> str:
    """SQL: neither of the people ``one`` and ``other`` has blocked the other."""
    return f"""NOT EXISTS (SELECT FROM blocks b WHERE b.user_id = {one} AND b.blocked_id = {other})
       AND NOT EXISTS (SELECT FROM blocks b WHERE b.user_id = {other} AND b.blocked_id = {one})"""


def estranged_from(person: str) -> str:
    """SQL: the ids of those between whom and ``person`` there is a block. Events that tell of a person leave them out."""
    return f"""SELECT blocked_id FROM blocks WHERE user_id = {person}
         UNION SELECT user_id FROM blocks WHERE blocked_id = {person}"""


def shows_last_seen(user: str) -> str:
    """SQL: the person of the table alias ``user`` shows it to those who share a chat with them."""
    return f"{user}.last_seen_for = 'shared'"


def sees_last_seen(user: str, viewer: str, *, shared: str | None = None) -> str:
    """SQL: ``viewer`` (SQL of an id) may know when the person of the table alias ``user`` was last seen, and is online.

    ``shared``: SQL of something that means that the two share a chat, where the statement knows it: it is asked first.
    """
    shares = shares_a_chat(viewer, f"{user}.id")
    shares = shares if shared is None else shared if shared == "true" else f"({shared} OR {shares})"
    return f"{shows_last_seen(user)} AND {no_block_between(viewer, f'{user}.id')} AND {shares}"


def last_seen_at(user: str, viewer: str, *, shared: str | None = None) -> str:
    """SQL: ``last_seen_at`` of the person of the table alias ``user`` as ``viewer`` may see it; ``shared`` as above."""
    seen = f"{user}.last_seen_at"
    may = f"{user}.id = {viewer} OR {sees_last_seen(user, viewer, shared=shared)}"
    return f"CASE WHEN {seen} IS NOT NULL AND ({may}) THEN {seen} END"


def reaches(user: str, caller: str) -> str:
    """SQL: ``caller`` may open a private chat with the person of the table alias ``user``, and add them to a group."""
    return f"""({user}.deleted_at IS NULL
       AND NOT EXISTS (SELECT FROM blocks b WHERE b.user_id = {user}.id AND b.blocked_id = {caller})
       AND ({user}.messages_from = 'everyone'
            OR {user}.messages_from = 'shared' AND {shares_a_group(caller, f"{user}.id")}))"""
