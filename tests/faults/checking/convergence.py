"""How long after the end of a fault it takes until every client knows what the server knows."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from tests.faults.checking.observer import NoAnswer, Observer
from tests.faults.people.device import Device
from tests.faults.people.workload import ChatUsers, Workload

PROMISED_S: Final = 5.0
_GIVEN_UP_S: Final = 25.0
_POLL_S: Final = 0.1
_SHOWN_MAX: Final = 6


@dataclass
class Convergence:
    """``after_s``: from the fault's end until everybody agreed; None if they never did, and then who knew what."""

    after_s: float | None = None
    differences: list[str] = field(default_factory=list)
    at_promise: list[str] = field(default_factory=list)
    """What was not right when the promised time was over."""


async def await_convergence(
    chat_users: ChatUsers, workload: Workload, observers: list[Observer], ended_at: float
) -> Convergence:
    """Compare until all is equal, or long past what is promised."""
    result = Convergence()
    while True:
        asked_at = time.monotonic()
        result.differences = await _compare(chat_users, workload, observers)
        if not result.differences:
            result.after_s = max(0.0, asked_at - ended_at)
            return result
        if time.monotonic() - ended_at > PROMISED_S and not result.at_promise:
            result.at_promise = result.differences
        if time.monotonic() - ended_at > _GIVEN_UP_S:
            return result
        await asyncio.sleep(_POLL_S)  # nobody announces that all views agree


async def _compare(chat_users: ChatUsers, workload: Workload, observers: list[Observer]) -> list[str]:
    unsettled = [f"{device.name} {_why(device)}" for device in chat_users.devices if not device.is_settled]
    if unsettled or not workload.is_done:
        return unsettled or ["something is still under way"]
    try:
        fresh = {observer.user_id: await observer.chats() for observer in observers}
        messages = {}
        for chat_id, members in chat_users.chats.items():
            steady = next(observer for observer in observers if observer.user_id == members[0].account.user_id)
            messages[chat_id] = await steady.messages(chat_id)
    except NoAnswer as problem:
        return [str(problem)]
    found = []
    for device in chat_users.devices:
        who = device.name if device.view.asks else f"{device.name} (waits to be told)"
        found += [f"{who}: {one}" for one in device.view.differences(fresh[device.account.user_id], messages)]
    return found[:_SHOWN_MAX]


def _why(device: Device) -> str:
    return f"is not settled: {len(device.outbox)} to send, {device.busy} unanswered, connected: {device.is_online}"
