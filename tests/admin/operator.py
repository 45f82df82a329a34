"""An operator who calls the running server with a key."""

from typing import Any

import httpx

from admin.keys import Scope, make_key
from core.ids import new_id
from tests.support.running import RunningServer
from tests.support.waiting import DEADLINE_S


class OperatorClient:
    """Calls ``/v1/admin/*``."""

    def __init__(self, running: RunningServer, key: str, name: str) -> None:
        self.key = key
        self.name = name
        self.http = httpx.AsyncClient(
            base_url=f"{running.address}/v1/admin", headers={"Authorization": f"Bearer {key}"}, timeout=DEADLINE_S
        )

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of an answer that is no error."""
        answer = await self.http.request(method, path, **options)
        assert not answer.is_error, answer.text
        return answer.json() if answer.content else None

    async def refused(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """The problem of an answer that is one."""
        answer = await self.http.request(method, path, **options)
        assert answer.is_error, answer.text
        problem: dict[str, Any] = answer.json()
        return problem

    async def log(self) -> list[dict[str, Any]]:
        """What this operator did, newest first, but for the reading of the log."""
        entries = (await self.call("GET", "/audit", params={"limit": 100}))["entries"]
        return [one for one in entries if one["key_name"] == self.name and one["action"] != "audit.list"]


async def new_operator(running: RunningServer) -> OperatorClient:
    """An operator with a key of their own."""
    name = f"operator {new_id()}"
    return OperatorClient(running, await make_key(running.molva.database, name, [Scope.ADMIN]), name)
