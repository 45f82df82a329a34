"""What schemathesis must be told to call everything in ``/openapi.json``: who asks, and what a schema cannot say.

``schemathesis run`` loads it (see ``tests/http/test_fuzzing.py``) and talks to a development server without rate limits.
"""

import hashlib
import itertools
import json
import os
from collections.abc import Callable
from typing import Any, Final

import requests
import schemathesis
from hypothesis import strategies

_ADDRESS: Final = os.environ["MOLVA_ADDRESS"]
_KEY: Final = os.environ.get("MOLVA_ADMIN_KEY", "")
"""Of an operator, for what is under ``/v1/admin``."""
_ENDS_ITS_CALLER: Final = {("DELETE", "/v1/me"), ("DELETE", "/v1/auth/sessions/current")}
_PICTURE: Final = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw=="
_DEADLINE_S: Final = 30
_METADATA_CHARS_MAX: Final = 1000

schemathesis.openapi.format("emoji", strategies.sampled_from(("🎉", "👍🏽", "❤️", "🇷🇸", "👨‍👩‍👧‍👦")))

_numbers = itertools.count(1_000_000)


def register() -> dict[str, Any]:
    """Somebody new, signed in: the answer of ``POST /v1/auth/tokens``."""
    phone = f"+7926{next(_numbers)}"
    code = requests.post(f"{_ADDRESS}/v1/auth/codes", json={"phone": phone}, timeout=_DEADLINE_S).json()["code"]
    answer = requests.post(f"{_ADDRESS}/v1/auth/tokens", json={"phone": phone, "code": code}, timeout=_DEADLINE_S)
    signed_in: dict[str, Any] = answer.json()
    return signed_in


class Household:
    """Anna, who asks; Boris, who is in her group; and what there is for the two to ask about."""

    def __init__(self) -> None:
        self.anna, self.boris = register(), register()
        boris_id = self.boris["user"]["id"]
        self.group_id = self.act("chat:create_group", title="Fuzz", member_ids=[boris_id])["chat"]["id"]
        self.private_id = self.act("chat:create_private", user_id=boris_id)["chat"]["id"]
        self.texts = [self.say(number) for number in range(3)]

    def say(self, number: int) -> int:
        """A message in the group; its seq."""
        client_id = f"6f1c2b9e-3d84-4f7a-9b0c-{number:012x}"
        content = {"text": f"Message {number}"}
        sent = self.act("message:send", chat_id=self.group_id, client_id=client_id, type="text", content=content)
        seq: int = sent["message"]["seq"]
        return seq

    def act(self, action: str, **payload: Any) -> Any:
        """Anna does something."""
        answer = requests.post(
            f"{_ADDRESS}/v1/actions/{action}",
            json=payload,
            headers={"Authorization": f"Bearer {self.anna['access_token']}"},
            timeout=_DEADLINE_S,
        )
        answer.raise_for_status()
        return answer.json()


_household = Household()


@schemathesis.auth(refresh_interval=None)
class Caller:
    """Anna asks, but where asking ends the caller: there it is somebody new each time. Operators have their key."""

    def get(self, case: schemathesis.Case, _context: schemathesis.AuthContext) -> str:
        """The token of who asks."""
        if case.operation.path.startswith("/v1/admin/"):
            return _KEY
        ends = (case.method.upper(), case.operation.path) in _ENDS_ITS_CALLER
        token: str = (register() if ends else _household.anna)["access_token"]
        return token

    def set(self, case: schemathesis.Case, data: str, _context: schemathesis.AuthContext) -> None:
        """Show it."""
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


def _one_of(values: tuple[Any, ...]) -> Callable[[object], Any]:
    """A choice that hangs on what schemathesis made up, so that a seed gives the same run again."""
    return lambda made_up: values[hashlib.sha256(repr(made_up).encode()).digest()[0] % len(values)]


def _plain_integers(value: Any) -> Any:
    """``5.0`` as ``5``: to JSON Schema one number, so that no schema can say that only the second is an integer here."""
    if isinstance(value, dict):
        return {name: _plain_integers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain_integers(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


_WITH_A_CHAT_OF_ITS_OWN: Final = {"chat:delete", "chat:leave", "message:edit"}
"""They would end the chat for the others, or take another way (:func:`_edit_a_text`)."""


def _edit_a_text(body: dict[str, Any]) -> None:
    """The content must be of the message's type, which is nowhere in the payload: keep it a text, of one that is a text."""
    if "text" not in body["content"]:
        body["content"] = {"text": "Edited"}
    body |= {"chat_id": _household.group_id, "seq": _one_of(tuple(_household.texts))(body)}


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case, _kwargs: dict[str, Any]) -> None:
    """Put right what fits its schema without meaning anything; half the time ask about what there is."""
    body = case.body
    if case.meta is None or not case.meta.generation.mode.is_positive or not isinstance(body, dict):
        return
    action = case.operation.path.removeprefix("/v1/actions/")
    if action in ("/v1/me/avatar", "/v1/chats/{chat_id}/avatar"):
        body["image"] = _PICTURE  # a pattern tells how a picture begins, and no more
    if case.operation.path == "/v1/files":
        return
    body = case.body = _plain_integers(body)
    if case.operation.path == "/v1/admin/bans" and body.get("network") is not None:
        body["network"] = "192.0.2.0/24"  # a pattern tells nothing of networks, and our own must not be banned
    exists = _one_of((_household.group_id, _household.private_id, "", ""))(body)
    if exists and "chat_id" in body and action not in _WITH_A_CHAT_OF_ITS_OWN:
        body["chat_id"] = exists
    if isinstance(body.get("metadata"), dict) and len(json.dumps(body["metadata"])) > _METADATA_CHARS_MAX:
        body["metadata"] = {}  # no schema can say how long an object is as JSON
    if action == "message:edit":
        _edit_a_text(body)
