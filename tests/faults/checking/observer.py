"""What the server says when it is asked afresh, over HTTP and past every network that a fault may have broken."""

from typing import Any, Final

import httpx

from tests.faults.history import Json
from tests.faults.people.account import Account, SignInFailed

_PAGE: Final = 100


class NoAnswer(Exception):
    """The server does not answer now."""


class Observer:
    """Asks as one person, with a login session's tokens."""

    def __init__(self, http: httpx.AsyncClient, account: Account) -> None:
        self._http = http
        self._account = account
        self.user_id = account.user_id

    async def ask(self, action: str, **payload: Any) -> Json:
        """The data of an action; ``NoAnswer`` if there is none."""
        try:
            answer = await self._http.post(f"/v1/actions/{action}", json=payload, headers=self._account.headers)
            if answer.status_code == 401:  # a clock that jumped, or a long run
                await self._account.sign_in()
                answer = await self._http.post(f"/v1/actions/{action}", json=payload, headers=self._account.headers)
        except (httpx.HTTPError, SignInFailed) as problem:
            raise NoAnswer(f"{action}: {type(problem).__name__}") from None
        if not answer.is_success:
            raise NoAnswer(f"{action}: {answer.status_code} {answer.text[:120]}")
        data: Json = answer.json()
        return data

    async def chats(self) -> dict[str, Json]:
        """``chat:list``, every page."""
        chats: dict[str, Json] = {}
        cursor: Json = {}
        while True:
            page = await self.ask("chat:list", limit=_PAGE, **cursor)
            chats |= {chat["id"]: chat for chat in page["chats"]}
            if page["next_cursor"] is None:
                return chats
            cursor = {"cursor": page["next_cursor"]}

    async def messages(self, chat_id: str) -> dict[int, Json]:
        """``message:list``, every page."""
        messages: dict[int, Json] = {}
        after, has_more = 0, True
        while has_more:
            page = await self.ask("message:list", chat_id=chat_id, after=after, limit=_PAGE)
            messages |= {message["seq"]: message for message in page["messages"]}
            after, has_more = max(messages, default=0), page["has_more"]
        return messages

    async def changes(self, chat_id: str, version: int) -> dict[int, Json]:
        """``message:changes`` since ``version``, every page."""
        messages: dict[int, Json] = {}
        has_more = True
        while has_more:
            page = await self.ask("message:changes", chat_id=chat_id, version=version)
            messages |= {message["seq"]: message for message in page["messages"]}
            version, has_more = page["version"], page["has_more"]
        return messages

    async def synced(self) -> dict[str, Json]:
        """``session:sync`` without a cursor, every page."""
        chats: dict[str, Json] = {}
        cursor: Json = {}
        while True:
            page = await self.ask("session:sync", **cursor)
            chats |= {chat["id"]: chat for chat in page["chats"]}
            if not page["has_more"]:
                return chats
            cursor = {"cursor": page["cursor"]}

    async def members(self, chat_id: str) -> set[str]:
        """``member:list``: who is in the chat."""
        page = await self.ask("member:list", chat_id=chat_id, limit=_PAGE)
        return {member["user"]["id"] for member in page["members"]}

    async def likers(self, chat_id: str, seq: int) -> set[str]:
        """``message:likes``: who likes the message."""
        page = await self.ask("message:likes", chat_id=chat_id, seq=seq, limit=_PAGE)
        return {user["id"] for user in page["users"]}
