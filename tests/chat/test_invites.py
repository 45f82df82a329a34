"""Invites: joining a group by a code, as often and as long as it says, and not at all once it says no."""

import asyncio
import re
from typing import Any

import pytest

from core import limits
from tests.chat.test_admins import group_of, id_of
from tests.support.api_client import run_sql
from tests.support.clients import ChatUsers, Client
from tests.support.running import RunningServer

pytestmark = pytest.mark.slow


async def invite(client: Client, chat_id: str, **terms: Any) -> str:
    code: str = (await client.send("invite:create", chat_id=chat_id, **terms))["invite"]["code"]
    return code


async def newcomer(chat_users: ChatUsers) -> Client:
    return await (await chat_users.register()).connect()


async def test_whoever_has_the_code_joins_the_group(chat_users: ChatUsers):
    (anna, boris, clara), chat_id = await group_of(chat_users, 3)
    made = (await boris.send("invite:create", chat_id=chat_id, expires_in=3600, uses_max=5))["invite"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{22,}", made["code"]), "at least 128 bits"
    assert (made["chat_id"], made["created_by"], made["uses"], made["uses_max"]) == (chat_id, id_of(boris), 0, 5)
    dora = await newcomer(chat_users)
    preview = await dora.send("invite:preview", code=made["code"])
    assert preview == {"title": "Group", "avatar": None, "member_count": 3}
    chat = (await dora.send("invite:accept", code=made["code"]))["chat"]
    assert (chat["id"], chat["member_count"], chat["me"]["role"], chat["me"]["first_seq"]) == (chat_id, 4, "member", 1)
    last = (await clara.send("chat:get", chat_id=chat_id))["chat"]["last_message"]
    assert (last["sender_id"], last["content"]) == (id_of(dora), {"event": "member_added", "user_id": id_of(dora)})
    joined = (await anna.send("member:list", chat_id=chat_id))["members"][-1]
    assert (joined["user"]["id"], joined["added_by"]) == (id_of(dora), id_of(boris))
    assert (await dora.send("invite:accept", code=made["code"]))["chat"]["id"] == chat_id
    assert [one["uses"] for one in (await anna.send("invite:list", chat_id=chat_id))["invites"]] == [1]


async def test_no_more_people_join_than_an_invite_says(chat_users: ChatUsers):
    (anna, _), chat_id = await group_of(chat_users, 2)
    code = await invite(anna, chat_id, uses_max=3)
    people = [await newcomer(chat_users) for _ in range(8)]
    answers = await asyncio.gather(*(one.push("invite:accept", {"code": code}) for one in people))
    refused = [answer["error"] for answer in answers if "error" in answer]
    assert [(error["code"], error["details"]["field"]) for error in refused] == [("not_found", "code")] * 5
    assert (await anna.send("chat:get", chat_id=chat_id))["chat"]["member_count"] == 5
    assert (await anna.send("invite:list", chat_id=chat_id))["invites"] == []


async def test_ended_and_invented_invites_are_answered_alike(chat_users: ChatUsers, running: RunningServer):
    (anna, *_), chat_id = await group_of(chat_users, 2)
    revoked, ended, gone = [await invite(anna, chat_id, expires_in=60) for _ in range(3)]
    other = (await anna.send("chat:create_group", title="Other"))["chat"]["id"]
    of_deleted = await invite(anna, other)
    await anna.send("invite:revoke", code=revoked)
    await anna.send("invite:revoke", code=revoked)
    await run_sql(running.molva.database, "UPDATE invites SET expires_at = wire_now() WHERE code = $1", ended)
    await anna.send("chat:delete", chat_id=other)
    assert [one["code"] for one in (await anna.send("invite:list", chat_id=chat_id))["invites"]] == [gone]
    dora = await newcomer(chat_users)
    invented = ("x" * 24, "x", "hike, please", "Прогулка")
    for action in ("invite:preview", "invite:accept", "invite:revoke"):
        answers = [await dora.push(action, {"code": code}) for code in (revoked, ended, of_deleted, *invented)]
        for answer in answers:
            del answer["error"]["request_id"]
        assert all(answer == answers[0] for answer in answers)
        assert answers[0]["error"]["code"] == "not_found"


async def test_invite_may_end_after_a_second(chat_users: ChatUsers, running: RunningServer):
    (anna, *_), chat_id = await group_of(chat_users, 2)
    code = await invite(anna, chat_id, expires_in=1)
    (row,) = await run_sql(
        running.molva.database,
        "SELECT expires_at - created_at = interval '1 s' AS is_short FROM invites WHERE code = $1",
        code,
    )
    assert row["is_short"]


async def test_removed_member_is_not_let_in_again_by_an_invite(chat_users: ChatUsers):
    (anna, _, clara), chat_id = await group_of(chat_users, 3)
    code = await invite(anna, chat_id)
    await anna.send("member:remove", chat_id=chat_id, user_id=id_of(clara))
    for action in ("invite:preview", "invite:accept"):
        await clara.expect_refusal(action, "not_found", code=code)
    await anna.send("member:add", chat_id=chat_id, user_ids=[id_of(clara)])
    await clara.send("chat:leave", chat_id=chat_id)
    assert (await clara.send("invite:accept", code=code))["chat"]["id"] == chat_id


async def test_full_group_says_so_and_spends_nothing(chat_users: ChatUsers, monkeypatch: pytest.MonkeyPatch):
    (anna, _), chat_id = await group_of(chat_users, 2)
    code = await invite(anna, chat_id, uses_max=1)
    dora = await newcomer(chat_users)
    with monkeypatch.context() as patch:
        patch.setattr("realtime.model.refusals.GROUP_MEMBERS_MAX", 2)
        await dora.expect_refusal("invite:accept", "conflict", "member_limit", code=code)
    await dora.send("invite:accept", code=code)


async def test_newcomer_sees_nothing_of_what_was_private(chat_users: ChatUsers):
    anna, _, chat_id = await chat_users.pair()
    await anna.say(chat_id, "between us")
    clara, dora = await newcomer(chat_users), await newcomer(chat_users)
    await anna.send("member:add", chat_id=chat_id, user_ids=[id_of(clara)])
    before = (await anna.send("chat:get", chat_id=chat_id))["chat"]["message_count"]
    chat = (await dora.send("invite:accept", code=await invite(anna, chat_id)))["chat"]
    assert chat["me"]["first_seq"] == before + 1


async def test_group_has_a_bounded_number_of_invites(chat_users: ChatUsers):
    (anna, _), chat_id = await group_of(chat_users, 2)
    codes = [await invite(anna, chat_id) for _ in range(limits.INVITES_MAX)]
    await anna.expect_refusal("invite:create", "conflict", "invite_limit", chat_id=chat_id)
    await anna.send("invite:revoke", code=codes[0])
    await invite(anna, chat_id)


@pytest.mark.parametrize(
    "terms", [{"expires_in": 0}, {"expires_in": 31_622_401}, {"uses_max": 0}, {"uses_max": 1001}, {"expires_in": "60"}]
)
async def test_bad_terms_are_refused(chat_users: ChatUsers, terms: dict[str, Any]):
    (anna, _), chat_id = await group_of(chat_users, 2)
    await anna.expect_refusal("invite:create", "validation_failed", chat_id=chat_id, **terms)
    await anna.expect_refusal("invite:preview", "validation_failed", code="x" * 65)
    await anna.expect_refusal("invite:accept", "validation_failed", code="")
