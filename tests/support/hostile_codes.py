"""Every bad number, code and refresh token that the sign-in is tried with, and what must come of it.

docs/security.md shows each table.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx

from core.ids import new_id
from core.phones import PHONE_CHARS_MAX
from core.tokens import RefreshClaim, RefreshTokens, read_refresh_token
from db.pool import Database
from tests.support.api_client import run_sql, wrong_code
from tests.support.bad_inputs import Bad, misfits, refused
from tests.support.clients import new_phone
from tests.support.hostile_tokens import respelled

CODES, TOKENS, REFRESH = "/v1/auth/codes", "/v1/auth/tokens", "/v1/auth/tokens/refresh"


class SignInApi:
    """Where one signs in, with a way to let time pass."""

    def __init__(self, http: httpx.AsyncClient, database: Database, secret: bytes) -> None:
        self.http = http
        self.database = database
        self.refreshes = RefreshTokens(secret)

    async def post(self, path: str, body: object) -> httpx.Response:
        headers = {"Content-Type": "application/json"}
        return await self.http.post(path, content=json.dumps(body).encode(), headers=headers)

    async def ask(self, phone: str) -> str:
        """The code that goes to ``phone``."""
        code: str = (await self.post(CODES, {"phone": phone})).raise_for_status().json()["code"]
        return code

    async def guess(self, phone: str, code: object, **more: object) -> httpx.Response:
        return await self.post(TOKENS, {"phone": phone, "code": code, **more})

    async def sign_in(self) -> dict[str, Any]:
        phone = new_phone()
        tokens: dict[str, Any] = (await self.guess(phone, await self.ask(phone))).raise_for_status().json()
        return tokens

    async def refresh(self, token: object) -> httpx.Response:
        return await self.post(REFRESH, {"refresh_token": token})

    async def refresh_well(self, token: str) -> str:
        """The next refresh token."""
        following: str = (await self.refresh(token)).raise_for_status().json()["refresh_token"]
        return following

    async def age_codes(self, phone: str, seconds: float) -> None:
        """As if the codes of a number had been sent that much earlier."""
        await run_sql(
            self.database,
            "UPDATE login_codes SET created_at = created_at - make_interval(secs => $2),"
            " expires_at = expires_at - make_interval(secs => $2) WHERE phone = $1",
            phone,
            seconds,
        )

    async def age_session(self, token: str, column: str, interval: str) -> None:
        """As if a time of a refresh token's session had been that much earlier."""
        sql = f"UPDATE login_sessions SET {column} = {column} - interval '{interval}' WHERE id = $1"
        await run_sql(self.database, sql, read_refresh_token(token).session_id)


Attempt = Callable[[SignInApi], Awaitable[httpx.Response]]
Row = Bad[Attempt]


def _asked(phone: object) -> Attempt:
    return lambda api: api.post(CODES, {"phone": phone})


def _posted(path: str, body: object) -> Attempt:
    return lambda api: api.post(path, body)


PHONES: Final = [
    *misfits(
        "phone",
        ("nothing", _asked("")),
        ("a space", _asked(" ")),
        ("a plus", _asked("+")),
        ("a word", _asked("hello")),
        ("two digits", _asked("12")),
        ("an emergency number", _asked("112")),
        ("a country alone", _asked("+7")),
        ("half a number", _asked("+7916")),
        ("a digit too few", _asked("+7916123456")),
        ("a digit too many", _asked("+791612345678")),
        ("a country that there is not", _asked("+999123456789")),
        ("an extension", _asked("+7 916 123-45-67 ext. 5")),
        ("two numbers", _asked("+79161234567, +79161234568")),
        ("a negative number", _asked("-79161234567890123")),
        ("a number with an exponent", _asked("7.9161234567e10")),
        ("NUL", _asked("\0")),
        ("NUL behind the number", _asked("+79161234567\0")),
        ("a surrogate's neighbour for a digit", _asked("\ud7ff")),
        ("a picture for a digit", _asked("+7916123456☎")),
        ("markup", _asked("<script>alert(1)</script>")),
        ("SQL", _asked("'; DROP TABLE users; --")),
        ("a line break and a header", _asked("+79161234567\r\nX-Evil: yes")),
        ("a digit more than any number has", _asked("+" + "7" * PHONE_CHARS_MAX)),
        ("sixty thousand digits", _asked("7" * 60_000)),
        ("a number in JSON", _asked(79161234567)),
        ("a fraction", _asked(7.5)),
        ("null", _asked(None)),
        ("true", _asked(True)),
        ("an array", _asked(["+79161234567"])),
        ("an object", _asked({"number": "+79161234567"})),
        ("no number", _posted(CODES, {})),
    ),
    *misfits("code", ("a code where none belongs", _posted(CODES, {"phone": "+79161234567", "code": "000000"}))),
    *misfits("phones", ("a field that there is not", _posted(CODES, {"phone": "+79161234567", "phones": []}))),
    *misfits(
        "challenge", ("a solution that is no object", _posted(CODES, {"phone": "+79161234567", "challenge": "481516"}))
    ),
    *misfits(
        "challenge.solution",
        ("a challenge without its solution", _posted(CODES, {"phone": "+79161234567", "challenge": {}})),
    ),
]


def _guessed(code: object, **more: object) -> Attempt:
    """A sign-in to whose number a code has gone."""

    async def guess(api: SignInApi) -> httpx.Response:
        phone = new_phone()
        right = await api.ask(phone)
        return await api.guess(phone, right if code is ... else code, **more)

    return guess


def _spelled(spell: Callable[[str], str]) -> Attempt:
    """The right code, spelled otherwise."""

    async def guess(api: SignInApi) -> httpx.Response:
        phone = new_phone()
        return await api.guess(phone, spell(await api.ask(phone)))

    return guess


async def _wrong(api: SignInApi) -> httpx.Response:
    phone = new_phone()
    return await api.guess(phone, wrong_code(await api.ask(phone)))


async def _used(api: SignInApi) -> httpx.Response:
    phone = new_phone()
    code = await api.ask(phone)
    (await api.guess(phone, code)).raise_for_status()
    return await api.guess(phone, code)


async def _expired(api: SignInApi) -> httpx.Response:
    phone = new_phone()
    code = await api.ask(phone)
    await api.age_codes(phone, 301)
    return await api.guess(phone, code)


async def _of_another_number(api: SignInApi) -> httpx.Response:
    asked, other = new_phone(), new_phone()
    code = await api.ask(asked)
    while code == await api.ask(other):  # one in a million
        pass
    return await api.guess(other, code)


async def _of_nobody(api: SignInApi) -> httpx.Response:
    return await api.guess(new_phone(), "123456")


async def _sixth(api: SignInApi) -> httpx.Response:
    phone = new_phone()
    code = await api.ask(phone)
    for _ in range(5):
        assert (await api.guess(phone, wrong_code(code))).status_code == 401
    return await api.guess(phone, code)


async def _older(api: SignInApi) -> httpx.Response:
    phone = new_phone()
    old = await api.ask(phone)
    while old == await api.ask(phone):
        pass
    return await api.guess(phone, old)


async def _older_after_newer(api: SignInApi) -> httpx.Response:
    phone = new_phone()
    old = await api.ask(phone)
    while old == (new := await api.ask(phone)):
        pass
    (await api.guess(phone, new)).raise_for_status()
    return await api.guess(phone, old)


CODES_SENT: Final = [
    *misfits(
        "code",
        ("five digits", _guessed("12345")),
        ("seven digits", _guessed("1234567")),
        ("a letter", _guessed("12345a")),
        ("full-width digits", _guessed("１２３４５６")),
        ("Arabic digits", _guessed("١٢٣٤٥٦")),
        ("nothing", _guessed("")),
        ("spaces", _guessed("      ")),
        ("a sign", _guessed("+12345")),
        ("a fraction", _guessed("1234.5")),
        ("NUL", _guessed("12345\0")),
        ("a star", _guessed("******")),
        ("SQL", _guessed("' OR 1=1 --")),
        ("ten thousand digits", _guessed("1" * 10_000)),
        ("a number in JSON", _guessed(123456)),
        ("null", _guessed(None)),
        ("true", _guessed(True)),
        ("an array", _guessed(["123456"])),
        ("an object", _guessed({"$ne": None})),
        ("no code", _posted(TOKENS, {"phone": "+79161234567"})),
        ("the right one with a line break", _spelled(lambda code: code + "\n")),
        ("the right one with a space before it", _spelled(lambda code: " " + code)),
        ("the right one with a hyphen", _spelled(lambda code: f"{code[:3]}-{code[3:]}")),
        ("the right one with a zero before it", _spelled(lambda code: "0" + code)),
    ),
    *refused(
        401,
        "unauthorized",
        ("a wrong one", _wrong),
        ("the right one, used", _used),
        ("the right one, expired", _expired),
        ("the right one of another number", _of_another_number),
        ("one for a number that none went to", _of_nobody),
        ("the right one after five wrong ones", _sixth),
        ("that of an earlier request", _older),
        ("that of an earlier request, after the newer one", _older_after_newer),
    ),
    *misfits("phone", ("with a number that is none", _posted(TOKENS, {"phone": "12", "code": "123456"}))),
    *misfits("phone", ("with a number in JSON", _posted(TOKENS, {"phone": 79161234567, "code": "123456"}))),
    *misfits("phone", ("with no number", _posted(TOKENS, {"code": "123456"}))),
    *misfits(
        "device_name",
        ("the right one, with an empty device", _guessed(..., device_name="")),
        ("the right one, with a blank device", _guessed(..., device_name=" \u200b")),
        ("the right one, with a device of 129 letters", _guessed(..., device_name="x" * 129)),
        ("the right one, with NUL in the device", _guessed(..., device_name="a\0b")),
        ("the right one, with a number for a device", _guessed(..., device_name=7)),
    ),
    *misfits(
        "verification_id",
        ("the right one, with an empty verification", _guessed(..., verification_id="")),
        ("the right one, with a verification of 65 letters", _guessed(..., verification_id="x" * 65)),
        ("the right one, with a number for a verification", _guessed(..., verification_id=7)),
    ),
    *refused(
        401,
        "unauthorized",
        ("the right one, with words for a verification", _guessed(..., verification_id="hello")),
        ("the right one, with an invented verification", _guessed(..., verification_id=new_id())),
        ("the right one, with NUL for a verification", _guessed(..., verification_id="\0")),
    ),
    *misfits(
        "display_name",
        ("the right one, with an empty name", _guessed(..., display_name="")),
        ("the right one, with a blank name", _guessed(..., display_name=" \u200b")),
        ("the right one, with a name of 65 letters", _guessed(..., display_name="x" * 65)),
    ),
    *misfits(
        "pin",
        ("the right one, with a PIN of three digits", _guessed(..., pin="123")),
        ("the right one, with a PIN of 65 letters", _guessed(..., pin="x" * 65)),
        ("the right one, with a number for a PIN", _guessed(..., pin=1234)),
        ("the right one, with NUL in the PIN", _guessed(..., pin="12\x0034")),
    ),
    *misfits("user_id", ("the right one, with a user", _guessed(..., user_id="0192f0c0-1d2e-7f30-9a4b-5c6d7e8f9012"))),
    *misfits("is_admin", ("the right one, with rights", _guessed(..., is_admin=True))),
]


def _refreshed(spoil: Callable[[str], object]) -> Attempt:
    """A refresh token that was good before."""

    async def refresh(api: SignInApi) -> httpx.Response:
        return await api.refresh(spoil((await api.sign_in())["refresh_token"]))

    return refresh


def _forged(generation: int, *, secret: bytes | None = None) -> Attempt:
    """A token that names somebody's session and was derived from another seed, or by another secret."""

    async def refresh(api: SignInApi) -> httpx.Response:
        claim = read_refresh_token((await api.sign_in())["refresh_token"])
        refreshes = api.refreshes if secret is None else RefreshTokens(secret)
        return await api.refresh(refreshes.derive(RefreshClaim(claim.session_id, generation), bytes(32)))

    return refresh


async def _used_twice(api: SignInApi) -> httpx.Response:
    first = (await api.sign_in())["refresh_token"]
    await api.refresh_well(first)
    await api.age_session(first, "rotated_at", "11 seconds")
    return await api.refresh(first)


async def _older_refresh(api: SignInApi) -> httpx.Response:
    first = (await api.sign_in())["refresh_token"]
    await api.refresh_well(await api.refresh_well(first))
    return await api.refresh(first)


async def _newest_after_reuse(api: SignInApi) -> httpx.Response:
    first = (await api.sign_in())["refresh_token"]
    newest = await api.refresh_well(await api.refresh_well(first))
    await api.refresh(first)
    return await api.refresh(newest)


async def _of_ended_session(api: SignInApi) -> httpx.Response:
    tokens = await api.sign_in()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    (await api.http.delete("/v1/auth/sessions/current", headers=headers)).raise_for_status()
    return await api.refresh(tokens["refresh_token"])


async def _of_deleted_account(api: SignInApi) -> httpx.Response:
    tokens = await api.sign_in()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    (await api.http.delete("/v1/me", headers=headers)).raise_for_status()
    return await api.refresh(tokens["refresh_token"])


async def _idle(api: SignInApi) -> httpx.Response:
    token = (await api.sign_in())["refresh_token"]
    await api.age_session(token, "expires_at", "30 days 1 second")
    return await api.refresh(token)


async def _access_token(api: SignInApi) -> httpx.Response:
    return await api.refresh((await api.sign_in())["access_token"])


async def _as_access_token(api: SignInApi) -> httpx.Response:
    token = (await api.sign_in())["refresh_token"]
    return await api.http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})


REFRESH_TOKENS: Final = [
    *misfits(
        "refresh_token",
        ("nothing", _posted(REFRESH, {"refresh_token": ""})),
        ("513 letters", _posted(REFRESH, {"refresh_token": "x" * 513})),
        ("null", _posted(REFRESH, {"refresh_token": None})),
        ("a number", _posted(REFRESH, {"refresh_token": 7})),
        ("true", _posted(REFRESH, {"refresh_token": True})),
        ("an array", _posted(REFRESH, {"refresh_token": ["x"]})),
        ("an object", _posted(REFRESH, {"refresh_token": {"$gt": ""}})),
        ("no token", _posted(REFRESH, {})),
    ),
    *misfits("user_id", ("a user besides", _posted(REFRESH, {"refresh_token": "x", "user_id": "x"}))),
    *misfits("", ("a surrogate alone", _posted(REFRESH, {"refresh_token": "\ud800"}))),
    *refused(
        401,
        "unauthorized",
        ("a letter", _posted(REFRESH, {"refresh_token": "x"})),
        ("512 letters", _posted(REFRESH, {"refresh_token": "x" * 512})),
        ("as many letters as one has", _posted(REFRESH, {"refresh_token": "A" * 70})),
        ("a letter beyond ASCII", _posted(REFRESH, {"refresh_token": "\ud7ff"})),
        ("NUL", _posted(REFRESH, {"refresh_token": "\0"})),
        ("something like a JWT", _posted(REFRESH, {"refresh_token": "e30.e30.e30"})),
        ("an access token", _access_token),
        ("a good one as an access token", _as_access_token),
        ("a good one without its last letter", _refreshed(lambda token: token[:-1])),
        ("a good one without its last bytes", _refreshed(lambda token: token[:-4])),
        ("a good one with padding", _refreshed(lambda token: token + "==")),
        ("a good one with something behind it", _refreshed(lambda token: token + "AAAA")),
        ("a good one with a line break", _refreshed(lambda token: token + "\n")),
        ("a good one with a space before it", _refreshed(lambda token: " " + token)),
        ("a good one with a scheme", _refreshed(lambda token: "Bearer " + token)),
        ("a good one in capitals", _refreshed(str.upper)),
        ("a good one spelled otherwise", _refreshed(respelled)),
        ("a good one, another session named", _refreshed(lambda token: "A" * 20 + token[20:])),
        ("a good one, the next generation named", _refreshed(lambda token: token[:26] + "C" + token[27:])),
        ("a good one, a negative generation named", _refreshed(lambda token: token[:21] + "8___" + token[25:])),
        ("derived from another seed", _forged(1)),
        ("derived from another seed, generation 0", _forged(0)),
        ("derived from another seed, the last generation", _forged(2**31 - 1)),
        ("derived by another secret", _forged(1, secret=b"a secret that is not the server's own")),
        ("one that nobody used for 30 days", _idle),
    ),
    *refused(
        401,
        "session_revoked",
        ("one that was replaced", _used_twice),
        ("one that was replaced twice", _older_refresh),
        ("the newest, after an older one came back", _newest_after_reuse),
        ("one of a session that was ended", _of_ended_session),
        ("one of an account that was deleted", _of_deleted_account),
    ),
]

TABLES: Final = {"numbers": PHONES, "codes": CODES_SENT, "refresh tokens": REFRESH_TOKENS}
