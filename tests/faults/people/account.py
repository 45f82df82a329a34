"""Somebody's login session on one device: how it begins, and how its tokens stay fresh."""

import asyncio
from typing import Any, Final

import httpx

_AT_LAST_S: Final = 60.0
_RETRY_S: Final = 0.5


class SignInFailed(Exception):
    """There are no tokens now; try again."""


class Account:
    """One login session. ``http`` goes through the clients' network."""

    def __init__(self, http: httpx.AsyncClient, phone: str) -> None:
        self._http = http
        self.phone = phone
        self.tokens: dict[str, Any] = {}

    @property
    def user_id(self) -> str:
        """Whose it is."""
        user_id: str = self.tokens["user"]["id"]
        return user_id

    @property
    def headers(self) -> dict[str, str]:
        """What HTTP calls carry."""
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    async def sign_in(self) -> None:
        """By phone, as the first time."""
        code = await self._post("/v1/auth/codes", {"phone": self.phone})
        body = {"phone": self.phone, "code": code["code"]}
        if "verification_id" in code:
            body["verification_id"] = code["verification_id"]
        self.tokens = await self._post("/v1/auth/tokens", body)

    async def sign_in_at_last(self) -> None:
        """The same before a run begins, however slow the machine is."""
        async with asyncio.timeout(_AT_LAST_S):
            while not self.tokens:
                try:
                    await self.sign_in()
                except SignInFailed:
                    await asyncio.sleep(_RETRY_S)  # a client does not ask in a tight loop

    async def refresh(self) -> None:
        """New tokens for the same session; by phone if it has ended."""
        try:
            fresh = await self._post("/v1/auth/tokens/refresh", {"refresh_token": self.tokens["refresh_token"]})
        except SignInFailed as failure:
            if failure.args[0] != 401:
                raise
            await self.sign_in()
        else:
            self.tokens = {**self.tokens, **fresh}

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await self._http.post(path, json=body)
        except httpx.HTTPError as problem:
            raise SignInFailed(0, str(problem)) from None
        if not answer.is_success:
            raise SignInFailed(answer.status_code, answer.text)
        found: dict[str, Any] = answer.json()
        return found
