"""``molva admin``: what ``/v1/admin/*`` does, from the command line.

It calls a running server with a key, so that open connections hear of each change and the audit log knows who it was. The
key is in ``MOLVA_ADMIN_KEY``, the address in ``MOLVA_ADMIN_URL``.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from commands.tables import print_table
from core.errors import StartupError

_TIMEOUT_S: Final = 30.0
_TEXT_WIDTH: Final = 60


class AdminClient:
    """Calls a server as an operator. Every call raises ``StartupError`` in words if it is refused."""

    def __init__(self, url: str, key: str, *, as_json: bool) -> None:
        self._client = httpx.Client(
            base_url=url.rstrip("/") + "/v1/admin", headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT_S
        )
        self.as_json = as_json

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of the answer, or ``None`` if it has none."""
        try:
            answer = self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise StartupError(f"{self._client.base_url} does not answer: {error or type(error).__name__}.") from None
        if answer.is_error:
            raise StartupError(_problem_in(answer))
        return answer.json() if answer.content else None

    def save(self, path: str, file: Path) -> None:
        """Write the answer to a file that only its owner can read."""
        try:
            with self._client.stream("GET", path) as answer:
                if answer.is_error:
                    answer.read()
                    raise StartupError(_problem_in(answer))
                file.touch(mode=0o600)
                with file.open("wb") as target:
                    for chunk in answer.iter_bytes():
                        target.write(chunk)
        except httpx.HTTPError as error:
            raise StartupError(f"{self._client.base_url} does not answer: {error or type(error).__name__}.") from None
        except OSError as error:
            raise StartupError(f"{file} cannot be written: {error.strerror or error}.") from None

    def show(self, answer: Any, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
        """Print ``answer`` as JSON if that was asked for, else ``rows`` as a table: heading → field."""
        if self.as_json:
            print(json.dumps(answer, ensure_ascii=False, indent=2))
        elif rows:
            print_table(list(columns), [[_shown(row.get(field)) for field in columns.values()] for row in rows])
        else:
            print("none")

    def say(self, answer: Any, sentence: str) -> None:
        """Print ``answer`` as JSON if that was asked for, else a sentence."""
        print(json.dumps(answer, ensure_ascii=False) if self.as_json else sentence)


def _problem_in(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        details = problem.get("details")
        return f"{problem['detail']}" + (f" {json.dumps(details, ensure_ascii=False)}" if details else "")
    except (ValueError, KeyError, TypeError):
        return f"The server answered {answer.status_code}."


def _shown(value: object) -> object:
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    return value if not isinstance(value, str) or len(value) <= _TEXT_WIDTH else value[: _TEXT_WIDTH - 1] + "…"


_USER_COLUMNS: Final = {
    "id": "id", "phone": "phone", "name": "display_name", "username": "username", "registered": "created_at",
    "last seen": "last_seen_at", "devices": "session_count", "chats": "chat_count", "banned": "is_banned",
}  # fmt: skip
_BAN_COLUMNS: Final = {
    "id": "id", "phone": "phone", "user": "user_id", "network": "network", "reason": "reason", "by": "created_by",
    "since": "created_at", "until": "expires_at",
}  # fmt: skip


def find_users(client: AdminClient, query: str) -> None:
    """Print the people who are found."""
    answer = client.call("GET", "/users", params={"query": query})
    client.show(answer, _USER_COLUMNS, answer["users"])


def show_user(client: AdminClient, user_id: str) -> None:
    """Print a person, their sessions, their connections and their bans."""
    answer = client.call("GET", f"/users/{quote(user_id)}")
    client.show(answer, _USER_COLUMNS, [answer["user"]])
    if not client.as_json:
        for title, columns in (
            ("sessions", {"id": "id", "device": "device_name", "since": "created_at", "last used": "last_seen_at"}),
            ("connections", {"id": "id", "session": "session_id", "address": "address", "chat": "active_chat_id"}),
            ("bans", _BAN_COLUMNS),
        ):
            print(f"\n{title}:")
            client.show(answer, columns, answer[title])


def list_bans(client: AdminClient, *, past: bool) -> None:
    """Print the bans."""
    answer = client.call("GET", "/bans", params={"past": past, "limit": 100})
    client.show(answer, _BAN_COLUMNS | ({"lifted": "lifted_at"} if past else {}), answer["bans"])


def list_reports(client: AdminClient, state: str) -> None:
    """Print the reports."""
    answer = client.call("GET", "/reports", params={"state": state, "limit": 100})
    columns = {
        "id": "id", "reported": "created_at", "reason": "reason", "comment": "comment", "chat": "chat_id", "seq": "seq",
        "user": "user_id", "outcome": "outcome",
    }  # fmt: skip
    client.show(answer, columns, answer["reports"])


def list_announcements(client: AdminClient) -> None:
    """Print what is announced now."""
    answer = client.call("GET", "/announcements")
    client.show(answer, {"id": "id", "level": "level", "until": "until", "text": "text"}, answer["announcements"])


def list_retention(client: AdminClient) -> None:
    """Print how long messages are kept."""
    answer = client.call("GET", "/retention")
    columns = {"chat": "chat_id", "days": "message_days", "days of media": "media_days"}
    client.show(answer, columns, answer["rules"])


def read_audit_log(client: AdminClient, target: str | None, limit: int) -> None:
    """Print who did what, newest first."""
    asked = {"limit": limit} | ({"target": target} if target is not None else {})
    answer = client.call("GET", "/audit", params=asked)
    columns = {
        "at": "created_at", "by": "key_name", "from": "address", "action": "action", "on": "target", "before": "before",
        "after": "after",
    }  # fmt: skip
    client.show(answer, columns, answer["entries"])
