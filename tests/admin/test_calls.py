"""Every call of an operator needs a key for operators, and is in the audit log, which nobody can change."""

from typing import Any

import asyncpg
import pytest

from admin.audit import AuditAction
from admin.keys import Scope, list_keys, make_key, revoke_key
from core.errors import StartupError
from core.ids import new_id
from tests.admin.operator import OperatorClient
from tests.support.api_client import run_sql
from tests.support.clients import ChatUsers
from tests.support.contract import Witness
from tests.support.running import RunningServer

pytestmark = pytest.mark.slow


def admin_calls(witness: Witness) -> list[tuple[str, str]]:
    """The published calls under ``/v1/admin``: method and path."""
    return [
        (method.upper(), path.removeprefix("/v1/admin"))
        for path, methods in witness.openapi["paths"].items()
        if path.startswith("/v1/admin")
        for method in methods
    ]


async def test_no_other_key_opens_any_call(
    running: RunningServer, chat_users: ChatUsers, operator: OperatorClient, witness: Witness
) -> None:
    person = await chat_users.register()
    revoked = await make_key(running.molva.database, name := f"gone {new_id()}", [Scope.ADMIN])
    await revoke_key(running.molva.database, name)
    powerless = await make_key(running.molva.database, f"powerless {new_id()}", [])
    calls = admin_calls(witness)
    assert len(calls) > 15
    refused = {
        None: (401, "unauthorized"),
        "mk_" + "x" * 43: (401, "unauthorized"),
        operator.key[:-1]: (401, "unauthorized"),
        "mk_" + "\u00ff" * 10: (401, "unauthorized"),
        revoked: (401, "unauthorized"),
        person.tokens["access_token"]: (401, "unauthorized"),
        powerless: (403, "forbidden"),
    }
    before = await operator.log()
    for method, path in calls:
        for key, expected in refused.items():
            headers = {"Authorization": f"Bearer {key}".encode("latin-1") if key else b""}
            concrete = path.replace("{seq}", "1").replace("{connection_id}", "abc")
            for name in ("user_id", "session_id", "ban_id", "chat_id", "report_id", "announcement_id"):
                concrete = concrete.replace(f"{{{name}}}", new_id())
            answer = await operator.http.request(method, concrete, headers=headers, json={})
            assert (answer.status_code, answer.json()["code"]) == expected, (method, path, key)
    assert await operator.log() == before


async def test_key_of_an_operator_is_no_access_token(chat_users: ChatUsers, operator: OperatorClient) -> None:
    answer = await chat_users.http.get("/v1/me", headers={"Authorization": f"Bearer {operator.key}"})
    assert answer.json()["code"] == "unauthorized"


# Each call: its payload, what the log calls it, and on what it was done. {names} stand for what the test prepares.
CALLS: dict[tuple[str, str], tuple[dict[str, Any], AuditAction, str | None]] = {
    ("GET", "/users"): ({"params": {"query": "{user_id}"}}, AuditAction.USERS_FOUND, None),
    ("GET", "/users/{user_id}"): ({}, AuditAction.USER_SHOWN, "user {user_id}"),
    ("DELETE", "/users/{user_id}/connections/{connection_id}"): ({}, AuditAction.CONNECTION_ENDED, "user {user_id}"),
    ("DELETE", "/users/{user_id}/sessions/{session_id}"): ({}, AuditAction.SESSIONS_ENDED, "user {user_id}"),
    ("DELETE", "/users/{user_id}/sessions"): ({}, AuditAction.SESSIONS_ENDED, "user {user_id}"),
    ("GET", "/users/{user_id}/export"): ({}, AuditAction.USER_EXPORTED, "user {user_id}"),
    ("DELETE", "/users/{user_id}"): ({}, AuditAction.USER_ERASED, "user {user_id}"),
    ("POST", "/bans"): ({"json": {"network": "192.0.2.78"}}, AuditAction.BANNED, "network 192.0.2.78/32"),
    ("GET", "/bans"): ({}, AuditAction.BANS_LISTED, None),
    ("DELETE", "/bans/{ban_id}"): ({}, AuditAction.BAN_LIFTED, "network 192.0.2.77/32"),
    ("DELETE", "/chats/{chat_id}/messages/{seq}"): ({}, AuditAction.MESSAGE_DELETED, "chat {chat_id}"),
    ("GET", "/reports"): ({}, AuditAction.REPORTS_LISTED, None),
    ("POST", "/reports/{report_id}/settle"): (
        {"json": {"outcome": "acted"}}, AuditAction.REPORT_SETTLED, "report {report_id}",
    ),
    ("POST", "/announcements"): ({"json": {"text": "x"}}, AuditAction.ANNOUNCED, None),
    ("GET", "/announcements"): ({}, AuditAction.ANNOUNCEMENTS_LISTED, None),
    ("DELETE", "/announcements/{announcement_id}"): (
        {}, AuditAction.ANNOUNCEMENT_ENDED, "announcement {announcement_id}",
    ),
    ("PUT", "/retention"): (
        {"json": {"chat_id": "{chat_id}", "message_days": 9}}, AuditAction.RETENTION_SET, "chat {chat_id}",
    ),
    ("GET", "/retention"): ({}, AuditAction.RETENTION_LISTED, None),
    ("DELETE", "/chats/{chat_id}"): ({}, AuditAction.CHAT_DELETED, "chat {chat_id}"),
    ("GET", "/audit"): ({}, AuditAction.LOG_READ, None),
}  # fmt: skip


def test_every_published_call_is_tried(witness: Witness) -> None:
    assert set(CALLS) == set(admin_calls(witness))
    assert {action for _, action, _ in CALLS.values()} == set(AuditAction)


def filled(template: Any, names: dict[str, str]) -> Any:
    """``template`` with the prepared things in the place of their {names}."""
    if isinstance(template, dict):
        return {key: filled(value, names) for key, value in template.items()}
    return template.format(**names) if isinstance(template, str) else template


async def test_every_call_is_in_the_audit_log(chat_users: ChatUsers, operator: OperatorClient) -> None:
    anna, boris, chat_id = await chat_users.pair()
    user_id = boris.ready["user"]["id"]
    await chat_users.register(chat_users.people[1].phone)
    seq = (await boris.say(chat_id, "x"))["seq"]
    await anna.send("report:create", chat_id=chat_id, seq=seq, reason="spam")
    shown = await operator.call("GET", f"/users/{user_id}")
    names = {
        "user_id": user_id, "chat_id": chat_id, "seq": str(seq), "session_id": boris.ready["session_id"],
        "connection_id": shown["connections"][0]["id"],
        "report_id": (await operator.call("GET", "/reports", params={"limit": 1}))["reports"][0]["id"],
        "ban_id": (await operator.call("POST", "/bans", json={"network": "192.0.2.77"}))["id"],
        "announcement_id": (await operator.call("POST", "/announcements", json={"text": "x"}))["id"],
    }  # fmt: skip
    for (method, path), (options, action, target) in CALLS.items():
        answer = await operator.http.request(method, path.format(**names), **filled(options, names))
        assert not answer.is_error, (path, answer.text)
        entries = (await operator.call("GET", "/audit", params={"limit": 2}))["entries"]
        entry = next(one for one in entries if one["request_id"] == answer.headers["X-Request-ID"])
        assert (entry["key_name"], entry["action"], entry["address"]) == (operator.name, action.value, "127.0.0.1")
        if target is not None:
            assert entry["target"] == filled(target, names)
    about = await operator.call("GET", "/audit", params={"target": f"user {user_id}"})
    assert {one["target"] for one in about["entries"]} == {f"user {user_id}"}
    assert len(about["entries"]) == 7


async def test_audit_log_is_read_page_by_page(operator: OperatorClient) -> None:
    for _ in range(5):
        await operator.call("GET", "/retention")
    found: list[str] = []
    cursor = None
    while len(found) < 5:
        page = await operator.call("GET", "/audit", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        found += [
            one["id"] for one in page["entries"] if one["key_name"] == operator.name and one["action"] == "retention.list"
        ]
        cursor = page["next_cursor"]
    assert len(set(found)) == 5
    assert (await operator.refused("GET", "/audit", params={"cursor": "before.x"}))["code"] == "validation_failed"


@pytest.mark.parametrize("sql", ["DELETE FROM audit_log", "UPDATE audit_log SET key_name = 'x'", "TRUNCATE audit_log"])
async def test_audit_log_is_never_changed(database_url: str, sql: str) -> None:
    connection = await asyncpg.connect(database_url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="never changed"):
        await connection.execute(sql)
    await connection.close()


async def test_two_keys_that_work_have_different_names(running: RunningServer) -> None:
    database, name = running.molva.database, f"Twice {new_id()}"
    first = await make_key(database, name, [Scope.ADMIN])
    with pytest.raises(StartupError, match="There is a key with this name"):
        await make_key(database, name.upper(), [Scope.ADMIN])
    await revoke_key(database, name.lower())
    with pytest.raises(StartupError, match="no key named"):
        await revoke_key(database, name)
    second = await make_key(database, name, [Scope.ADMIN])
    assert first != second
    rows = [row for row in await list_keys(database) if row.name == name]
    assert [row.revoked_at is None for row in rows] == [True, False]


async def test_key_is_nowhere_in_the_database(running: RunningServer, operator: OperatorClient) -> None:
    await operator.call("GET", "/bans")
    rows = await run_sql(
        running.molva.database, "SELECT a::text AS row FROM api_keys a UNION SELECT l::text FROM audit_log l"
    )
    assert not any(operator.key in row["row"] or operator.key[3:] in row["row"] for row in rows)
