"""The HTTP application in this process, a client for it, and what left through its openings meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from accounts.network_bans import NetworkBans
from core.errors import Unavailable
from core.file_urls import FileUrls
from core.settings import Settings
from core.tokens import AccessTokens
from db.pool import Database
from http_api.app import create_app
from realtime.announcements import Announcements
from realtime.delivery.fanout import Fanout
from realtime.delivery.hub import Hub
from realtime.delivery.order import TurnQueue
from realtime.wire.changes import Changes, Subject
from realtime.wire.context import Services
from storage.objects import Objects
from storage.workers import ImageWorkers


@dataclass
class RecordingSender:
    """Keeps what it should send; ``is_broken`` makes it fail."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    is_broken: bool = False

    async def send(self, phone: str, code: str, expires_in_s: int) -> None:
        if self.is_broken:
            raise Unavailable
        self.sent.append((phone, code))


@dataclass
class Api:
    client: httpx.AsyncClient
    sender: RecordingSender
    tokens: AccessTokens
    ended: list[tuple[str, str]]
    verification_ids: dict[str, str] = field(default_factory=dict)
    """Of the last code of each number, in E.164."""

    async def post(self, path: str, json: object = None, **options: object) -> httpx.Response:
        answer = await self.client.post(path, json=json, **options)
        if path == "/v1/auth/codes" and answer.status_code == 202:
            self.verification_ids[answer.json()["phone"]] = answer.json()["verification_id"]
        return answer

    async def request_code(self, phone: str) -> str:
        """The code that was sent to ``phone``."""
        answer = await self.post("/v1/auth/codes", {"phone": phone})
        assert answer.status_code == 202, answer.text
        return next(code for number, code in reversed(self.sender.sent) if number == answer.json()["phone"])

    async def guess(self, phone: str, code: str, *, headers: dict | None = None, **more: object) -> httpx.Response:
        """Without a ``verification_id``, with that of the number's last code; ``None`` leaves it out."""
        body = {"phone": phone, "code": code, "verification_id": self.verification_ids.get(phone)} | more
        sent = {name: value for name, value in body.items() if value is not None}
        return await self.post("/v1/auth/tokens", sent, headers=headers)

    async def sign_in(self, phone: str, **extra: object) -> dict:
        """The answer of ``POST /v1/auth/tokens``."""
        code = await self.request_code(phone)
        answer = await self.guess(phone, code, **extra)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refresh(self, refresh_token: str) -> httpx.Response:
        return await self.post("/v1/auth/tokens/refresh", {"refresh_token": refresh_token})

    async def as_user(self, method: str, path: str, signed_in: dict, **options: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {signed_in['access_token']}"}
        return await self.client.request(method, path, headers=headers, **options)


@asynccontextmanager
async def open_api(settings: Settings, database: Database) -> AsyncIterator[Api]:
    sender, ended = RecordingSender(), []
    tokens = AccessTokens(settings.signing_secret())

    async def note_end(session_id: str, reason: str) -> None:
        ended.append((session_id, str(reason)))

    app = create_app(
        settings=settings,
        database=database,
        tokens=tokens,
        dispatcher=None,
        on_session_ended=note_end,
        services=_services(database, tokens, lambda session_id, reason: ended.append((session_id, str(reason)))),
        objects=Objects(settings.files_place),
        images=(images := ImageWorkers()),
        network_bans=NetworkBans(),
        announcements=Announcements(Fanout(Hub(), _encode_nothing)),
        code_sender=sender,
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://molva", timeout=60) as client:
        yield Api(client, sender, tokens, ended)
    await images.close()


def _encode_nothing(name: str, payload: bytes) -> bytes:
    raise AssertionError("nobody is online here")


def _services(database: Database, tokens: AccessTokens, end_session: Callable[[str, str], None]) -> Services:
    hub = Hub()
    fanout = Fanout(hub, _encode_nothing)
    fanout.end_session = end_session
    changes = Changes(database, TurnQueue(_repair_nothing), fanout)
    return Services(database, changes, fanout, hub, None, None, tokens, FileUrls(b"a secret of the tests"), "RU")


async def _repair_nothing(subject: Subject) -> None:
    pass


async def run_sql(database: Database, sql: str, *arguments: object) -> list:
    """Rows of a statement that only tests need."""
    async with database.reading() as tx:
        return await tx.fetch("test", sql, arguments)


async def open_connections(database: Database, count: int = 20) -> None:
    """So many connections are there: what comes at once now runs at once."""
    everybody = asyncio.Barrier(count)

    async def hold_one() -> None:
        async with database.reading():
            await everybody.wait()

    await asyncio.gather(*(hold_one() for _ in range(count)))


def wrong_code(code: str) -> str:
    """Six digits that are not ``code``."""
    return f"{(int(code) + 1) % 1_000_000:06d}"
