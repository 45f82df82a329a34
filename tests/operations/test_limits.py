"""Limits that the operator sets: what they change, what clients are shown of them, and what is refused."""

import base64
from pathlib import Path

import pytest

from core import limits
from core.limit_settings import LimitSettings, shown_to_clients
from core.settings import Settings, variable_of
from tests.operations.test_cli import is_a_sentence, run
from tests.support.clients import ChatUsers, new_client_id
from tests.support.programs import serving

pytestmark = pytest.mark.slow

SET = {
    "text_chars": 10, "title_chars": 5, "display_name_chars": 8, "about_chars": 6, "caption_chars": 7, "group_members": 3,
    "members_per_add": 2, "page_size": 4, "pins": 1, "watch_list": 2, "packet_bytes": 20_000, "avatar_bytes": 2048,
    "avatar_pixels": 160_000, "file_bytes": 5000,
}  # fmt: skip
DAILY = {"private_chats_per_day": 7, "groups_per_day": 9}


def test_every_bound_that_can_be_set_is_tried() -> None:
    assert set(SET) == set(limits.DEFAULTS)
    assert {f"limits_{name}" for name in SET} <= set(LimitSettings.model_fields)


async def test_limits_that_are_set_hold_and_are_shown(database_url: str, tmp_path: Path) -> None:
    set_by_operator = {f"limits_{name}": str(value) for name, value in (SET | DAILY).items()}
    async with serving(database_url=database_url, data_dir=tmp_path, **set_by_operator) as server:
        chat_users = ChatUsers(server.address)
        anna, _, chat_id = await chat_users.pair()
        shown = anna.ready["limits"]
        assert {name: shown[name] for name in SET | DAILY} == SET | DAILY
        assert {name for name in shown if shown[name] != shown_to_clients()[name]} == {
            *SET, *DAILY, "packet_bytes_closing",
        }  # fmt: skip
        await anna.say(chat_id, "x" * 10)
        await anna.expect_refusal("message:send", "validation_failed", **text(chat_id, "x" * 11))
        others = [(await chat_users.register()).id for _ in range(3)]
        refused = ("chat:create_group", "validation_failed")
        await anna.expect_refusal(*refused, title="x" * 6, member_ids=others[:1])
        group = (await anna.send("chat:create_group", title="x" * 5, member_ids=others[:2]))["chat"]["id"]
        await anna.expect_refusal("member:add", "conflict", "member_limit", chat_id=group, user_ids=others[2:])
        await anna.expect_refusal("member:add", "validation_failed", chat_id=group, user_ids=others)
        await anna.expect_refusal("chat:list", "validation_failed", limit=5)
        assert len((await anna.send("chat:list"))["chats"]) == 2
        await anna.send("chat:pin", chat_id=group)
        await anna.expect_refusal("chat:pin", "conflict", "pin_limit", chat_id=chat_id)
        await anna.expect_refusal("presence:watch", "validation_failed", user_ids=others)
        await anna.expect_refusal("message:send", "payload_too_large", **text(chat_id, "x" * 20_000))
        person = chat_users.people[0]
        too_long = {"display_name": "x" * 9, "about": "x" * 7}
        for name, value in too_long.items():
            answer = await chat_users.http.patch("/v1/me", json={name: value}, headers=person.headers)
            assert answer.json()["code"] == "validation_failed", name
        picture = base64.b64encode(b"\x89PNG" + bytes(3000)).decode()
        answer = await chat_users.http.put("/v1/me/avatar", json={"image": picture}, headers=person.headers)
        assert answer.json()["code"] == "payload_too_large"
        upload = {"file": ("a.bin", bytes(5001), "application/octet-stream")}
        answer = await chat_users.http.post("/v1/files", files=upload, headers=person.headers)
        assert answer.json()["code"] == "payload_too_large"
        await chat_users.close()


def text(chat_id: str, words: str) -> dict[str, object]:
    return {"chat_id": chat_id, "client_id": new_client_id(), "type": "text", "content": {"text": words}}


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", "999999999999"])
async def test_limit_that_makes_no_sense_is_refused(value: str) -> None:
    refused = await run("check", MOLVA_LIMITS_TEXT_CHARS=value)
    assert refused.status == 1
    assert "MOLVA_LIMITS_TEXT_CHARS" in refused.out
    served = await run("serve", MOLVA_LIMITS_TEXT_CHARS=value)
    assert (served.status, is_a_sentence(served.err)) == (1, True), served.err


def test_limit_of_the_schemas_cannot_be_set_afterwards() -> None:
    with pytest.raises(ValueError, match="MOLVA_LIMITS_PINS must be set in the environment before"):
        Settings(limits_pins=3)
    assert variable_of("limits_pins") == "MOLVA_LIMITS_PINS"
