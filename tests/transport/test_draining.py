"""Before the server ends, its clients hear of it."""

from core.settings import Settings
from tests.support.clients import ChatUsers
from tests.support.running import run_server


async def test_clients_hear_that_the_server_ends(settings: Settings):
    async with run_server(settings) as running:
        chat_users = ChatUsers(running.address)
        anna = await (await chat_users.register()).connect()
        await running.molva.sockets.drain()
        assert (await anna.expect_event("server:draining")).payload["reconnect_within"] > 0
        await chat_users.close()
