"""SIGTERM: probes hear it first, then the clients; what was received is acked; then all are closed and the end is clean."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import asyncpg
import httpx

from tests.support.clients import ChatUsers, new_client_id
from tests.support.raw_socket import RawSocket
from tests.support.waiting import until

ACTIONS = 20
DEADLINE_S = 20
PROGRAM = "import server, core.settings; server.serve(core.settings.load_settings())"


async def start(database_url: str, data_dir: Path) -> tuple[asyncio.subprocess.Process, str]:
    """The product in a process of its own: the process, and its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        env={
            **os.environ,
            "MOLVA_DATABASE_URL": database_url,
            "MOLVA_DATA_DIR": str(data_dir),
            "MOLVA_PORT": "0",
            "MOLVA_LOG_LEVEL": "error",
        },
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        while b"is ready at" not in (line := await process.stdout.readline()):
            assert line or process.returncode is None
    return process, line.decode().split()[-1]


async def test_actions_in_flight_at_the_end_are_all_acked(database_url: str, tmp_path: Path):
    process, address = await start(database_url, tmp_path)
    chat_users = ChatUsers(address)
    anna, boris = await chat_users.register(), await chat_users.register()
    chat_id = (await anna.act("chat:create_private", user_id=boris.id)).json()["chat"]["id"]
    raw, idle = await RawSocket.open(address), await RawSocket.open(address)
    await raw.enter(anna.tokens["access_token"])
    await idle.enter(boris.tokens["access_token"])
    polling = await boris.connect(transports=["polling"])

    blocker = await asyncpg.connect(database_url)
    lock = blocker.transaction()
    await lock.start()
    await blocker.execute("SELECT 1 FROM chats WHERE id = $1 FOR UPDATE", chat_id)
    for number in range(ACTIONS):
        text = f'{{"text":"{number}"}}'
        raw.send(
            f'42/chat,{number}["message:send",{{"chat_id":"{chat_id}","client_id":"{new_client_id()}",'
            f'"type":"text","content":{text}}}]'
        )
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    observer = await asyncpg.connect(database_url)
    await until(lambda: observer.fetchval(waiting))

    process.send_signal(signal.SIGTERM)
    assert "server:draining" in await raw.receive()
    assert "server:draining" in await idle.receive()
    await polling.expect_event("server:draining")
    async with httpx.AsyncClient(base_url=address) as http:
        assert (await http.get("/health/ready")).status_code == 503
        assert (await http.get("/socket.io/?EIO=4&transport=polling")).status_code == 503
    await lock.rollback()

    for number in range(ACTIONS):
        assert (await raw.ack(number))["data"]["message"]["seq"] == number + 1
    assert await raw.closed() == 1000
    await idle.closed()
    await until(polling.disconnected.is_set)
    async with asyncio.timeout(DEADLINE_S):
        assert await process.wait() == 0
    assert await observer.fetchval("SELECT count(*) FROM messages") == ACTIONS
    for one in (raw, idle):
        await one.close()
    for connection in (blocker, observer):
        await connection.close()
    await chat_users.close()
