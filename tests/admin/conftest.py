"""An operator on the running server."""

from collections.abc import AsyncIterator

import pytest

from tests.admin.operator import OperatorClient, new_operator
from tests.support.running import RunningServer


@pytest.fixture
async def operator(running: RunningServer) -> AsyncIterator[OperatorClient]:
    """Somebody with a key for operators."""
    client = await new_operator(running)
    yield client
    await client.http.aclose()
