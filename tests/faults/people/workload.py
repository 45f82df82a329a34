"""What people do to each other during a run: they write, edit, delete, like, read, look at another chat, are put out.

Every choice comes from the run's seed. Only the first device of a person changes messages, one change at a time, so that
the checker knows which change of a message was the last.
"""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Final

import httpx

from tests.faults.history import History
from tests.faults.people.account import Account
from tests.faults.people.device import Device

PEOPLE: Final = 6
_SECOND_DEVICES: Final = 3
_WORDS: Final = ("yes", "no", "на месте", "see you", "привет 👋", "tomorrow then", "ок", "…")


@dataclass
class ChatUsers:
    """Everybody, and the chats they share."""

    devices: list[Device] = field(default_factory=list)
    chats: dict[str, list[Device]] = field(default_factory=dict)
    """Chat → first devices of those who stay in it for the whole run."""
    unsteady_chat_id: str = ""
    """The group from which one member is put out and let in again."""
    unsteady: Device | None = None

    def first_devices(self) -> list[Device]:
        """One of each person."""
        return self.devices[:PEOPLE]


async def sign_in_chat_users(
    http: httpx.AsyncClient, address: str, history: History, rng: Random, patience_s: float
) -> ChatUsers:
    """Sign everybody in, connect them, make their chats and put one on each screen."""
    phones = [f"+7916{rng.randrange(10**7):07d}" for _ in range(PEOPLE)]
    accounts = [Account(http, phone) for phone in phones]
    await asyncio.gather(*(account.sign_in_at_last() for account in accounts))
    seconds = [Account(http, phone) for phone in phones[:_SECOND_DEVICES]]
    await asyncio.gather(*(account.sign_in_at_last() for account in seconds))
    chat_users = ChatUsers()
    for number, account in enumerate(accounts + seconds):
        name = f"{'abcdef'[number % PEOPLE]}{number // PEOPLE + 1}"
        # Of two devices of a person one asks on `reconciled` and one waits to be told: both are promised.
        asks = number % 2 == 0
        device = Device(name, account, address, history, rng=Random(rng.random()), patience_s=patience_s, asks=asks)
        chat_users.devices.append(device)
        device.start()
    await asyncio.gather(*(device.online() for device in chat_users.devices))
    await _make_chats(chat_users, rng)
    return chat_users


async def _make_chats(chat_users: ChatUsers, rng: Random) -> None:
    anna, boris, clara, dmitri, eva, fyodor = chat_users.first_devices()

    async def group(creator: Device, members: list[Device], title: str) -> str:
        ids = [member.account.user_id for member in members]
        client_id = f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}"
        made = await creator.perform("chat:create_group", title=title, member_ids=ids, client_id=client_id)
        assert made is not None, "no group"
        chat_id: str = made["chat"]["id"]
        return chat_id

    everybody = await group(anna, [boris, clara, dmitri, eva, fyodor], "Everybody")
    unsteady = await group(anna, [boris, clara, fyodor], "Coming and going")
    made = await dmitri.perform("chat:create_private", user_id=eva.account.user_id)
    assert made is not None, "no private chat"
    private = made["chat"]["id"]
    chat_users.chats = {everybody: chat_users.first_devices(), unsteady: [anna, boris, clara], private: [dmitri, eva]}
    chat_users.unsteady_chat_id, chat_users.unsteady = unsteady, fyodor
    screens = [everybody, everybody, unsteady, everybody, private, unsteady, everybody, unsteady, everybody]
    await asyncio.gather(*(device.open(chat_id) for device, chat_id in zip(chat_users.devices, screens, strict=True)))


class Workload:
    """What goes on while it is not stopped."""

    def __init__(self, chat_users: ChatUsers, rng: Random, *, rate: float) -> None:
        """``rate``: actions a second of each device."""
        self._chat_users = chat_users
        self._rng = rng
        self._rate = rate
        self._goes_on = True
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        for device in self._chat_users.devices:
            rng = Random(self._rng.random())
            self._tasks.append(asyncio.create_task(self._write(device, rng)))
        for device in self._chat_users.first_devices():
            rng = Random(self._rng.random())
            self._tasks.append(asyncio.create_task(self._change(device, rng)))
        self._tasks.append(asyncio.create_task(self._come_and_go(Random(self._rng.random()))))

    def stop(self) -> None:
        """Begin nothing new; what was begun is repeated until it is answered."""
        self._goes_on = False

    async def close(self) -> None:
        """Give up what is not done yet."""
        self.stop()
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    @property
    def is_done(self) -> bool:
        """Nothing is under way any more."""
        return all(task.done() for task in self._tasks)

    def _chats_of(self, device: Device) -> list[str]:
        return [chat_id for chat_id, members in self._chat_users.chats.items() if self._first(device) in members]

    def _first(self, device: Device) -> Device:
        return next(one for one in self._chat_users.devices if one.account.user_id == device.account.user_id)

    async def _write(self, device: Device, rng: Random) -> None:
        await asyncio.sleep(rng.random() / self._rate)  # not all at once; the sleeps below are the pace of people
        while self._goes_on:
            if len(device.outbox) < 20:  # nobody writes on for ever while nothing leaves
                chat_id = rng.choice(self._chats_of(device) or [self._chat_users.unsteady_chat_id])
                for _ in range(rng.choice((1, 1, 1, 3))):
                    device.write(chat_id, rng.choice(_WORDS))
            await asyncio.sleep(rng.expovariate(self._rate))

    async def _change(self, device: Device, rng: Random) -> None:
        while self._goes_on:
            await asyncio.sleep(rng.expovariate(self._rate))
            acts = (self._edit, self._edit, self._like, self._like, self._delete, self._read, self._look_elsewhere)
            await rng.choice(acts)(device, rng)

    async def _edit(self, device: Device, rng: Random) -> None:
        if device.own:
            chat_id, seq = rng.choice(device.own)
            content = {"text": f"edited {rng.getrandbits(64):016x}"}
            await device.perform("message:edit", chat_id=chat_id, seq=seq, content=content)

    async def _delete(self, device: Device, rng: Random) -> None:
        if device.own and rng.random() < 0.5:
            chat_id, seq = rng.choice(device.own)
            await device.perform("message:delete", chat_id=chat_id, seq=seq)

    async def _like(self, device: Device, rng: Random) -> None:
        chat_id = device.view.active_chat_id
        texts = [seq for seq, one in device.view.messages.get(chat_id or "", {}).items() if one["type"] == "text"]
        if chat_id is not None and texts:
            action = rng.choice(("message:like", "message:like", "message:unlike"))
            await device.perform(action, chat_id=chat_id, seq=rng.choice(texts[-10:]))

    async def _read(self, device: Device, rng: Random) -> None:
        chat_id = rng.choice(sorted(device.view.chats)) if device.view.chats else None
        if chat_id is not None:
            await device.perform("message:read", chat_id=chat_id, seq=device.view.chats[chat_id]["message_count"])

    async def _look_elsewhere(self, device: Device, rng: Random) -> None:
        if rng.random() < 0.3 and device.view.chats:
            await device.open(rng.choice(sorted(device.view.chats)))

    async def _come_and_go(self, rng: Random) -> None:
        """One member of a group is put out and let in, again and again; at the end they are in."""
        creator, somebody = self._chat_users.devices[0], self._chat_users.unsteady
        assert somebody is not None
        chat_id, user_id = self._chat_users.unsteady_chat_id, somebody.account.user_id
        while self._goes_on:
            await asyncio.sleep(rng.uniform(0.2, 0.6))
            await creator.perform("member:remove", chat_id=chat_id, user_id=user_id)
            await asyncio.sleep(rng.uniform(0.1, 0.4))
            await creator.perform("member:add", chat_id=chat_id, user_ids=[user_id])
