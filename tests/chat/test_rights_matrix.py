"""Every action by everybody who might try: one readable table, over the socket and over HTTP.

The subject of an action is a group of the creator's, with a member, an admin, somebody who left and somebody who was
removed, and an invite. For ``blocked`` it is the private chat with the creator, who has blocked them; the invite is to
another group. An action that is declared and has no row here fails the run.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import socketio
from socketio.exceptions import ConnectionError as Refused

import realtime.actions  # noqa: F401  (declares every action)
from realtime.wire.registry import ACTIONS, Role
from tests.support.clients import ChatUsers, Client, Person, new_client_id
from tests.support.running import RunningServer

pytestmark = pytest.mark.slow

WHO = ("anonymous", "stranger", "blocked", "left", "removed", "member", "admin", "creator", "deleted")

# 401 unauthorized, 404 not_found, 403 forbidden, ok, or the reason of a conflict.
TABLE = """
                      anonymous  stranger  blocked      left  removed  member  admin  creator               deleted
chat:list             401        ok        ok           ok    ok       ok      ok     ok                    401
chat:get              401        404       ok           404   404      ok      ok     ok                    401
chat:create_private   401        ok        ok           ok    ok       ok      ok     with_yourself         401
chat:create_group     401        ok        ok           ok    ok       ok      ok     ok                    401
chat:rename           401        404       not_a_group  404   404      ok      ok     ok                    401
chat:delete           401        404       not_a_group  404   404      403     403    ok                    401
chat:leave            401        404       not_a_group  ok    404      ok      ok     creator_cannot_leave  401
chat:watch            401        ok        ok           ok    ok       ok      ok     ok                    401
chat:activate         401        404       ok           404   404      ok      ok     ok                    401
chat:pin              401        404       ok           404   404      ok      ok     ok                    401
chat:unpin            401        404       ok           404   404      ok      ok     ok                    401
chat:transfer         401        404       not_a_group  404   404      403     403    ok                    401
chat:mute             401        404       ok           404   404      ok      ok     ok                    401
chat:update           401        404       not_a_group  404   404      403     ok     ok                    401
chat:archive          401        404       ok           404   404      ok      ok     ok                    401
chat:unarchive        401        404       ok           404   404      ok      ok     ok                    401
chat:clear            401        404       ok           404   404      ok      ok     ok                    401
chat:typing           401        404       ok           404   404      ok      ok     ok                    401
member:list           401        404       ok           404   404      ok      ok     ok                    401
member:add            401        404       unavailable  404   404      ok      ok     ok                    401
member:remove         401        404       not_a_group  404   404      403     ok     ok                    401
member:set_role       401        404       not_a_group  404   404      403     403    ok                    401
invite:create         401        404       not_a_group  404   404      403     ok     ok                    401
invite:list           401        404       not_a_group  404   404      403     ok     ok                    401
invite:revoke         401        404       404          404   404      403     ok     ok                    401
invite:preview        401        ok        ok           ok    404      ok      ok     ok                    401
invite:accept         401        ok        ok           ok    404      ok      ok     ok                    401
message:send          401        404       unavailable  404   404      ok      ok     ok                    401
message:list          401        404       ok           404   404      ok      ok     ok                    401
message:edit          401        404       unavailable  404   404      ok      403    403                   401
message:delete        401        404       ok           404   404      ok      ok     ok                    401
message:like          401        404       unavailable  404   404      ok      ok     ok                    401
message:unlike        401        404       ok           404   404      ok      ok     ok                    401
message:likes         401        404       ok           404   404      ok      ok     ok                    401
message:readers       401        404       ok           404   404      ok      ok     ok                    401
message:search        401        404       ok           404   404      ok      ok     ok                    401
message:changes       401        404       ok           404   404      ok      ok     ok                    401
message:read          401        404       ok           404   404      ok      ok     ok                    401
message:pin           401        404       unavailable  404   404      403     ok     ok                    401
message:unpin         401        404       ok           404   404      403     ok     ok                    401
message:pinned        401        404       ok           404   404      ok      ok     ok                    401
user:find             401        ok        ok           ok    ok       ok      ok     ok                    401
user:block            401        ok        ok           ok    ok       ok      ok     with_yourself         401
user:unblock          401        ok        ok           ok    ok       ok      ok     ok                    401
user:blocked          401        ok        ok           ok    ok       ok      ok     ok                    401
presence:watch        401        ok        ok           ok    ok       ok      ok     ok                    401
session:refresh       401        ok        ok           ok    ok       ok      ok     ok                    401
session:sync          401        ok        ok           ok    ok       ok      ok     ok                    401
message:react         401        404       unavailable  404   404      ok      ok     ok                    401
message:unreact       401        404       ok           404   404      ok      ok     ok                    401
message:reactions     401        404       ok           404   404      ok      ok     ok                    401
message:forward       401        404       unavailable  404   404      ok      ok     ok                    401
file:url              401        404       404          404   404      404     404    404                   401
report:create         401        404       ok           404   404      ok      ok     ok                    401
"""


def _read(table: str) -> dict[str, dict[str, str]]:
    rows = [line.split() for line in table.strip().splitlines()]
    assert tuple(rows[0]) == WHO
    return {row[0]: dict(zip(WHO, row[1:], strict=True)) for row in rows[1:]}


OUTCOMES = _read(TABLE)


@dataclass
class ChatWithRoles:
    """The chat of one try, and who is there. ``seq`` is a message of the member's, or of the one who is blocked."""

    people: dict[str, Person]
    clients: dict[str, Client]
    chat_id: str = ""
    seq: int = 1
    code: str = ""

    def id_of(self, name: str) -> str:
        return self.people[name].id

    async def prepare(self, who: str) -> None:
        """A fresh group; for ``blocked``, the private chat again as it was."""
        creator = self.clients["creator"]
        if who == "blocked":
            group = (await creator.send("chat:create_group", title="Group"))["chat"]["id"]
            self.code = (await creator.send("invite:create", chat_id=group))["invite"]["code"]
            opened = await creator.send("chat:create_private", user_id=self.id_of("blocked"))
            self.chat_id = opened["chat"]["id"]
            await creator.send("user:unblock", user_id=self.id_of("blocked"))
            self.seq = (await self.clients["blocked"].say(self.chat_id, "before"))["seq"]
            await creator.send("user:block", user_id=self.id_of("blocked"))
            return
        others = [self.id_of(name) for name in ("left", "removed", "member", "admin")]
        group = await creator.send("chat:create_group", title="Group", member_ids=others)
        self.chat_id = group["chat"]["id"]
        self.seq = (await self.clients["member"].say(self.chat_id, "hello"))["seq"]
        await creator.send("member:set_role", chat_id=self.chat_id, user_id=self.id_of("admin"), role="admin")
        self.code = (await creator.send("invite:create", chat_id=self.chat_id))["invite"]["code"]
        await self.clients["left"].send("chat:leave", chat_id=self.chat_id)
        await creator.send("member:remove", chat_id=self.chat_id, user_id=self.id_of("removed"))


def payload_of(action: str, who: str, chat_with_roles: ChatWithRoles) -> dict[str, Any]:
    """What ``who`` sends."""
    chat, other = {"chat_id": chat_with_roles.chat_id}, "creator" if who != "creator" else "member"
    message = {**chat, "seq": chat_with_roles.seq}
    payloads: dict[str, Callable[[], dict[str, Any]]] = {
        "chat:create_private": lambda: {"user_id": chat_with_roles.id_of("creator")},
        "chat:create_group": lambda: {"title": "Another", "member_ids": [chat_with_roles.id_of(other)]},
        "chat:rename": lambda: {**chat, "title": "Mine"},
        "chat:transfer": lambda: {**chat, "user_id": chat_with_roles.id_of("member")},
        "chat:update": lambda: {**chat, "description": "About us"},
        "member:set_role": lambda: {**chat, "user_id": chat_with_roles.id_of("member"), "role": "admin"},
        "invite:revoke": lambda: {"code": chat_with_roles.code},
        "invite:preview": lambda: {"code": chat_with_roles.code},
        "invite:accept": lambda: {"code": chat_with_roles.code},
        "chat:mute": lambda: {**chat, "until": None},
        "member:add": lambda: {**chat, "user_ids": [chat_with_roles.id_of("stranger")]},
        "member:remove": lambda: {**chat, "user_id": chat_with_roles.id_of("member")},
        "message:send": lambda: {**chat, "client_id": new_client_id(), "type": "text", "content": {"text": "hi"}},
        "message:edit": lambda: {**message, "content": {"text": "edited"}},
        "message:likes": lambda: message,
        "message:readers": lambda: message,
        "message:reactions": lambda: message,
        "message:react": lambda: {**message, "emoji": "🎉"},
        "message:unreact": lambda: {**message, "emoji": "🎉"},
        "message:forward": lambda: {**message, "to_chat_id": chat_with_roles.chat_id, "client_id": new_client_id()},
        "file:url": lambda: {"file_id": new_client_id()},
        "report:create": lambda: {**message, "reason": "spam"},
        "message:search": lambda: {**chat, "query": "hello"},
        "message:changes": lambda: {**chat, "version": 0},
        "user:find": lambda: {"phones": [chat_with_roles.people["creator"].phone]},
        "user:block": lambda: {"user_id": chat_with_roles.id_of("creator")},
        "user:unblock": lambda: {"user_id": chat_with_roles.id_of("creator")},
        "chat:watch": lambda: {"chat_ids": [chat_with_roles.chat_id]},
        "presence:watch": lambda: {"user_ids": [chat_with_roles.id_of("creator")]},
        "session:refresh": lambda: {"token": chat_with_roles.people[who].tokens["access_token"]},
    }
    if action in payloads:
        return payloads[action]()
    if action.startswith("message:") and ACTIONS[action].payload.model_fields.keys() == {"chat_id", "seq"}:
        return message
    return chat if ACTIONS[action].role is not Role.USER or action == "chat:get" else {}


def outcome_of(answer: dict[str, Any]) -> str:
    """An ack, or a problem, in the words of the table."""
    code = answer.get("code")
    if code is None:
        return "ok"
    if code == "conflict":
        reason: str = answer["details"]["reason"]
        return "unavailable" if reason == "peer_unavailable" else reason
    return {"unauthorized": "401", "session_revoked": "401", "forbidden": "403", "not_found": "404"}.get(code, str(code))


@pytest.fixture(scope="module")
async def chat_with_roles(running: RunningServer) -> AsyncIterator[ChatWithRoles]:
    chat_users = ChatUsers(running.address)
    people = {who: await chat_users.register() for who in WHO}
    people["anonymous"].tokens = {**people["anonymous"].tokens, "access_token": "no token"}
    clients = {who: await people[who].connect() for who in WHO if who not in ("anonymous", "deleted")}
    async with running.molva.database.reading() as tx:
        deletion = "UPDATE users SET phone = NULL, deleted_at = wire_now() WHERE id = $1"
        await tx.execute("test", deletion, [people["deleted"].id])
    yield ChatWithRoles(people, clients, code="x" * 24)
    await chat_users.close()


def test_every_action_has_a_row():
    assert set(OUTCOMES) == set(ACTIONS)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("action", OUTCOMES)
async def test_action_is_for_whom_the_table_says(chat_with_roles: ChatWithRoles, action: str, who: str):
    expected = OUTCOMES[action][who]
    for face in ("socket", "http"):
        if face == "socket" and who not in chat_with_roles.clients:
            continue  # they do not get as far as an action: see the next test
        if who in chat_with_roles.clients:
            await chat_with_roles.prepare(who)
        payload = payload_of(action, who, chat_with_roles)
        if face == "socket":
            answer = await chat_with_roles.clients[who].push(action, payload)
            assert outcome_of(answer.get("error", {})) == expected
        else:
            response = await chat_with_roles.people[who].act(action, **payload)
            assert outcome_of(response.json() if response.is_error else {}) == expected
            assert response.status_code == (int(expected) if expected.isdigit() else 200 if expected == "ok" else 409)
        if action == "user:block" and who != "creator" and expected == "ok":
            await chat_with_roles.clients[who].send("user:unblock", user_id=chat_with_roles.id_of("creator"))


@pytest.mark.parametrize(("who", "code"), [("anonymous", "unauthorized"), ("deleted", "session_revoked")])
async def test_socket_admits_nobody_without_an_account(chat_with_roles: ChatWithRoles, who: str, code: str):
    client = socketio.AsyncClient(reconnection=False)
    told = []
    client.on("connect_error", namespace="/chat", handler=told.append)
    with pytest.raises(Refused):
        await client.connect(
            chat_with_roles.people[who].address,
            namespaces=["/chat"],
            auth={"token": chat_with_roles.people[who].tokens["access_token"]},
        )
    await client.disconnect()
    assert [error["data"]["code"] for error in told] == [code]
