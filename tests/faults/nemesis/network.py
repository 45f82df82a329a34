"""The network between server and database, and the one between clients and server."""

import asyncio
from typing import Final

from tests.faults.nemesis.fault import fault
from tests.faults.staging.network import Network
from tests.faults.staging.stage import Stage

_IMPATIENT_S: Final = 3.0
"""Clients whose network loses bytes give a connection up themselves."""
_HALF_OPEN_S: Final = 12.0


async def _slow(stage: Stage, network: Network) -> None:
    network.delay_s = stage.rng.uniform(0.05, 0.15)
    await stage.lasts()
    network.mend()


async def _stall(stage: Stage, network: Network) -> None:
    network.stall()
    await stage.lasts()
    network.mend()


async def _lose(stage: Stage, network: Network) -> None:
    network.lose()
    await stage.lasts()
    network.mend()


async def _reset(stage: Stage, network: Network) -> None:
    for _ in range(max(2, int(stage.seconds))):
        network.reset()
        await asyncio.sleep(stage.rng.uniform(0.2, 1.0))  # the rhythm of the fault


async def _lose_answers(stage: Stage, network: Network) -> None:
    for _ in range(max(2, int(stage.seconds))):
        network.lose_answers()
        await asyncio.sleep(stage.rng.uniform(0.05, 0.3))  # the rhythm of the fault, also below
        network.reset()
        network.mend()
        await asyncio.sleep(stage.rng.uniform(0.1, 0.5))


@fault(is_combinable=True)
async def db_delay(stage: Stage) -> None:
    """Everything between server and database takes 50 to 150 ms longer, each way."""
    await _slow(stage, stage.database_network)


@fault(is_combinable=True)
async def db_stall(stage: Stage) -> None:
    """Nothing passes between server and database; then all of it does."""
    await _stall(stage, stage.database_network)


@fault()
async def db_swallow(stage: Stage) -> None:
    """What passes between server and database is swallowed, without FIN or RST; then those connections are reset."""
    await _lose(stage, stage.database_network)


@fault()
async def db_half_open(stage: Stage) -> None:
    """The same for 12 s, and afterwards the connections stay dead without a word, while new ones work."""
    stage.database_network.lose()
    await stage.lasts(max(stage.seconds, _HALF_OPEN_S))
    stage.database_network.mend(reset_broken=False)


@fault(is_combinable=True)
async def db_reset(stage: Stage) -> None:
    """The server's connections to the database are reset, again and again."""
    await _reset(stage, stage.database_network)


@fault(is_combinable=True)
async def db_answers_lost(stage: Stage) -> None:
    """The database hears and commits, its answers are lost, then the connections are reset; again and again."""
    await _lose_answers(stage, stage.database_network)


@fault(answers_within_s=None, is_combinable=True)
async def net_delay(stage: Stage) -> None:
    """Everything between clients and server takes 50 to 150 ms longer, each way."""
    await _slow(stage, stage.client_network)


@fault(answers_within_s=None, is_combinable=True)
async def net_stall(stage: Stage) -> None:
    """Nothing passes between clients and server; then all of it does."""
    await _stall(stage, stage.client_network)


@fault(answers_within_s=None, patience_s=_IMPATIENT_S)
async def net_swallow(stage: Stage) -> None:
    """What passes between clients and server is swallowed, without FIN or RST; then those connections are reset."""
    await _lose(stage, stage.client_network)


@fault(answers_within_s=None, is_combinable=True)
async def net_reset(stage: Stage) -> None:
    """All clients' connections are reset, again and again."""
    await _reset(stage, stage.client_network)


@fault(answers_within_s=None, is_combinable=True)
async def net_answers_lost(stage: Stage) -> None:
    """The server hears clients, its answers are lost, then the connections are reset; again and again."""
    await _lose_answers(stage, stage.client_network)
