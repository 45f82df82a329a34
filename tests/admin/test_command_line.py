"""``molva keys`` and ``molva admin``: what they print, and that they do what the calls do."""

import json
import zipfile
from pathlib import Path

import pytest

from tests.operations.test_cli import Ended, is_a_sentence, run
from tests.support.clients import ChatUsers
from tests.support.running import RunningServer

pytestmark = pytest.mark.slow


@pytest.fixture
async def key(running: RunningServer, tmp_path: Path) -> str:
    made = await molva_keys(running, "create", "--name", f"night shift {tmp_path.name}", "--scope", "admin")
    assert made.status == 0, made.err
    return made.out.strip()


async def molva_keys(running: RunningServer, *words: str) -> Ended:
    url = running.settings.database_url
    assert url is not None
    return await run("keys", *words, MOLVA_DATABASE_URL=url.get_secret_value())


async def molva_admin(running: RunningServer, key: str, *words: str) -> Ended:
    return await run("admin", *words, MOLVA_ADMIN_URL=running.address, MOLVA_ADMIN_KEY=key)


async def test_key_is_made_listed_and_revoked(running: RunningServer, key: str, tmp_path: Path):
    name = f"night shift {tmp_path.name}"
    assert key.startswith("mk_")
    listed = (await molva_keys(running, "list")).out
    (line,) = [one for one in listed.splitlines() if one.startswith(name)]
    assert "admin" in line
    assert key not in listed
    assert (await molva_admin(running, key, "bans")).status == 0
    assert (await molva_keys(running, "revoke", "--name", name)).out == f"{name}: revoked\n"
    refused = await molva_admin(running, key, "bans")
    assert (refused.status, refused.out, is_a_sentence(refused.err)) == (1, "", True)
    again = await molva_keys(running, "revoke", "--name", name)
    assert (again.status, is_a_sentence(again.err)) == (1, True)
    unknown = await molva_keys(running, "create", "--name", "x", "--scope", "everything")
    assert unknown.status == 2
    assert "everything" in unknown.err


async def test_operator_works_from_the_command_line(
    running: RunningServer, chat_users: ChatUsers, key: str, tmp_path: Path
):
    anna, boris, chat_id = await chat_users.pair()
    anna_person = chat_users.people[0]
    found = await molva_admin(running, key, "find", anna_person.phone)
    assert found.status == 0, found.err
    assert found.out.splitlines()[0].split()[:3] == ["id", "phone", "name"]
    assert anna_person.id in found.out
    shown = await molva_admin(running, key, "show", anna_person.id)
    assert "sessions:" in shown.out
    assert anna.ready["session_id"] in shown.out
    as_json = json.loads((await molva_admin(running, key, "--json", "show", anna_person.id)).out)
    assert as_json["user"]["id"] == anna_person.id
    seq = (await boris.say(chat_id, "buy"))["seq"]
    assert (await molva_admin(running, key, "delete-message", chat_id, str(seq))).out == "deleted\n"
    archive = tmp_path / "anna.zip"
    assert (await molva_admin(running, key, "export", anna_person.id, str(archive))).status == 0
    assert archive.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(archive) as opened:
        assert "profile.json" in opened.namelist()
    told = await molva_admin(running, key, "announce", "Hello", "--level", "critical")
    assert told.out.startswith("announced until ")
    await boris.expect_event("server:announcement")
    announcement_id = told.out.split()[-1]
    assert announcement_id in (await molva_admin(running, key, "announcements")).out
    assert (await molva_admin(running, key, "end-announcement", announcement_id)).out == "ended\n"
    banned = await molva_admin(running, key, "ban", "--user", anna_person.id, "--reason", "spam")
    assert banned.status == 0, banned.err
    assert (await anna.expect_event("session:revoked")).payload == {"reason": "banned"}
    ban_id = banned.out.split()[-1]
    assert ban_id in (await molva_admin(running, key, "bans")).out
    assert (await molva_admin(running, key, "unban", ban_id)).out == "lifted\n"
    assert (await molva_admin(running, key, "erase", anna_person.id)).status == 1, "nobody said yes"
    assert (await molva_admin(running, key, "erase", "--yes", anna_person.id)).out == "erased\n"
    log = (await molva_admin(running, key, "log", "--target", f"user {anna_person.id}")).out
    for action in ("user.show", "user.export", "ban.create", "ban.lift", "user.erase"):
        assert action in log


async def test_refusals_are_sentences(running: RunningServer, key: str):
    absent = await molva_admin(running, key, "show", "0192f0c0-1d2e-7f30-9a4b-5c6d7e8f9012")
    assert (absent.status, absent.out, is_a_sentence(absent.err) or "field" in absent.err) == (1, "", True)
    away = await run("admin", "bans", MOLVA_ADMIN_URL="http://127.0.0.1:9", MOLVA_ADMIN_KEY=key)
    assert (away.status, is_a_sentence(away.err)) == (1, True)
    keyless = await run("admin", "bans", MOLVA_ADMIN_URL=running.address)
    assert keyless.status == 2
    assert "MOLVA_ADMIN_KEY" in keyless.err
