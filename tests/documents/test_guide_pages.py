"""docs/guide is true: its tables are those of the code, its TypeScript passes the compiler with the served types."""

import asyncio
import re
from pathlib import Path

import orjson
import pytest

from core.conflicts import ConflictReason
from core.errors import ErrorCode
from core.limit_settings import shown_to_clients
from realtime.documents.typescript import write_types
from realtime.messages.contents import CONTENTS
from tests.clients.test_javascript_client import NODE, SCRIPTS

pytestmark = pytest.mark.slow

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
PAGES = sorted(GUIDE.glob("*.md"))
CLIENT_LINES_MAX = 100
PAGE_OF_CHATS = GUIDE / "chat.ts"
PAGE_LINES_MAX = 230

_PRELUDE = """\
import { io, type Socket } from "socket.io-client";
import type { ClientToServerEvents, ServerToClientEvents } from "./molva.js";
declare const url: string;
declare let tokens: { access_token: string; refresh_token: string };
declare function refresh(token: string): Promise<typeof tokens>;
declare function showSignIn(): void;
declare function retry(): void;
declare function showTooManyPins(): void;
declare function forgetChat(chatId: string): void;
declare const chatId: string;
declare const draft: { client_id: string; text: string };
declare const outbox: Map<string, unknown>;
declare const held: { version: number };
"""
_SOCKET = "declare const socket: Socket<ServerToClientEvents, ClientToServerEvents>;\n"


_EXACT = """\
import type { EventChat, Limits, Message, RestCalls } from "./molva.js";
declare const message: Message;
declare const chat: EventChat;
declare const limits: Limits;
export function words(): string | undefined {
  if (message.type === "text") return message.content?.text;
  if (message.type === "system" && message.content?.event === "group_created") return message.content.title;
  if (message.type === "image") return message.content?.mime;
  // @ts-expect-error a file has no text
  return message.type === "file" ? message.content?.text : undefined;
}
export const unread: number | undefined = chat.me?.unread_count;
export const longest: number = limits.text_chars;
// @ts-expect-error there is no such limit
export const none: number = limits.nothing;
export const me: RestCalls["PATCH /v1/me"]["body"] = { display_name: "Anna" };
export type Signed = RestCalls["POST /v1/auth/tokens"]["answer"]["access_token"];
"""


def page(name: str) -> str:
    return (GUIDE / name).read_text(encoding="utf-8")


def table(text: str) -> list[list[str]]:
    """The cells of a page's table, without its head."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_errors_are_those_of_the_code():
    codes, _ = page("errors.md").split("## Conflicts")
    written = {row[0].strip("`"): (int(row[1]), row[3]) for row in table(codes)}
    assert written == {code.value: (code.http_status, code.meaning) for code in ErrorCode}


def test_conflict_reasons_are_those_of_the_code():
    _, conflicts = page("errors.md").split("## Conflicts")
    written = [tuple(row) for row in table(conflicts)]
    assert written == [
        (f"`{one.value}`", one.meaning, in_code(one.remedy), "then yes" if one.retry_helps else "no")
        for one in sorted(ConflictReason)
    ]


def in_code(text: str) -> str:
    """A sentence with the names of the wire between backticks."""
    return re.sub(r"\b([a-z]+(?:[:_.][a-z_]+)+)\b", r"`\1`", text)


def test_limits_are_those_that_clients_are_shown():
    written = {row[0].strip("`"): int(row[1].replace(",", "")) for row in table(page("limits.md"))}
    assert written == shown_to_clients()


def test_every_message_type_is_explained():
    written = {row[0].strip("`") for row in table(page("message-types.md"))}
    assert written == {*CONTENTS, "system"}


@pytest.mark.parametrize("name", ["client.mjs", "client.py"])
def test_reference_client_stays_short(name: str):
    lines = [line for line in page(name).splitlines() if line.strip()]
    assert len(lines) <= CLIENT_LINES_MAX


def test_page_of_chats_has_no_cast_and_stays_short():
    text = page(PAGE_OF_CHATS.name)
    code = re.sub(r"//.*|`[^`]*`", "", text)
    assert not re.findall(r"\bas\b|\bany\b|\w!|@ts-|[=(,]\s*<\w+>", code)
    assert len([line for line in text.splitlines() if line.strip()]) <= PAGE_LINES_MAX


def test_links_lead_somewhere():
    for source in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", source.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (GUIDE / target).exists(), f"{source.name}: {target}"


@pytest.mark.node
@pytest.mark.skipif(
    NODE is None or not (SCRIPTS / "node_modules/typescript").exists(),
    reason="the packages of tests/js are not installed: run .ci/setup node",
)
async def test_code_of_the_guide_compiles_with_the_served_types(tmp_path: Path, witness):
    (tmp_path / "node_modules").symlink_to(SCRIPTS / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (tmp_path / "molva.ts").write_text(write_types(witness.openapi), encoding="utf-8")
    (tmp_path / PAGE_OF_CHATS.name).write_text(page(PAGE_OF_CHATS.name), encoding="utf-8")
    (tmp_path / "exact.ts").write_text(_EXACT, encoding="utf-8")
    count = 0
    for source in PAGES:
        blocks = re.findall(r"```ts\n(.*?)```", source.read_text(encoding="utf-8"), re.DOTALL)
        for block in blocks:
            count += 1
            prelude = _PRELUDE + ("" if "const socket" in block else _SOCKET)
            (tmp_path / f"{source.stem}_{count}.ts").write_text(prelude + block, encoding="utf-8")
    assert count >= 4
    wrong = (
        _PRELUDE + _SOCKET + '// @ts-expect-error a text has text\nsocket.emit("message:send", {type: "text"}, () => {});\n'
    )
    (tmp_path / "wrong.ts").write_text(wrong, encoding="utf-8")
    files = [path.name for path in sorted(tmp_path.glob("*.ts"))]  # noqa: ASYNC240  (a few, once)
    compiler = await asyncio.create_subprocess_exec(
        str(SCRIPTS / "node_modules/.bin/tsc"), "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022",
        "--module", "nodenext", "--moduleResolution", "nodenext", *files,
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await compiler.communicate()
    assert compiler.returncode == 0, output.decode()


@pytest.mark.node
@pytest.mark.skipif(
    NODE is None or not (SCRIPTS / "node_modules/@asyncapi/parser").exists(),
    reason="the packages of tests/js are not installed: run .ci/setup node",
)
async def test_asyncapi_document_passes_the_official_parser_without_a_warning(tmp_path: Path, witness):
    (tmp_path / "asyncapi.json").write_bytes(orjson.dumps(witness.asyncapi))
    process = await asyncio.create_subprocess_exec(
        str(NODE), str(SCRIPTS / "asyncapi.mjs"), str(tmp_path / "asyncapi.json"), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.decode().splitlines() == ["valid"]
