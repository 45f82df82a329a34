"""Rooms for python-socketio's own ``emit``: its manager, changed to cost less with many clients.

As shipped, each connection has a room of its own (a kilobyte), leaving searches all rooms, and an event makes a task for
each recipient. Here a connection's own room is its entry in the namespace, rooms are found by connection, and an event is
encoded once and written to each recipient.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any, Final

import socketio
from socketio.packet import EVENT

from realtime.transport.socketio.packets import encode_by_library

log = logging.getLogger("molva.transport")

ACKS_PENDING_MAX: Final = 64
"""Acks that the server waits for from one client. With more, it stops waiting for the oldest."""


class Rooms(socketio.AsyncManager):  # type: ignore[misc]  # the library has no types
    """The rooms of one process."""

    def __init__(self) -> None:
        super().__init__()
        self._rooms_of: dict[str, set[str]] = {}

    # --- rooms

    def basic_enter_room(self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None) -> None:
        """Put ``sid`` in ``room``. Its own room needs no entry."""
        if room == sid:
            return
        super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        if room is not None:
            self._rooms_of.setdefault(sid, set()).add(room)

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        """Take ``sid`` out of ``room``."""
        super().basic_leave_room(sid, namespace, room)
        rooms = self._rooms_of.get(sid)
        if rooms is not None and room is not None:
            rooms.discard(room)
            if not rooms:
                del self._rooms_of[sid]

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """Forget ``sid``."""
        for room in [*self._rooms_of.get(sid, ()), None]:
            self.basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for waiting in (self.pending_connect, self.pending_disconnect):
            if sid in waiting.get(namespace, ()):
                waiting[namespace].remove(sid)
                if not waiting[namespace]:
                    del waiting[namespace]

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """The rooms of ``sid``, including its own."""
        is_here = self.eio_sid_from_sid(sid, namespace) is not None
        return [sid, *self._rooms_of.get(sid, ())] if is_here else []

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        """The connections in ``room``, in any of several rooms, or (``None``) in the namespace."""
        everybody = self.rooms.get(namespace, {}).get(None, {})
        several = room if hasattr(room, "__len__") and not isinstance(room, str) else (room,)
        found: dict[str, str] = {}
        for one in several:
            if one in everybody:
                found[one] = everybody[one]
            else:
                found.update(self.rooms.get(namespace, {}).get(one, {}))
        yield from found.items()

    # --- events and their acks

    async def emit(  # noqa: PLR0917  (the library's parameters)
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Callable[..., Any] | None = None,
        to: Any = None,
        **_: Any,
    ) -> None:
        """Send an event to a client, a room, or the namespace."""
        arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        skipped = skip_sid if isinstance(skip_sid, list) else [skip_sid]
        make = self.server.packet_class
        shared = None if callback else encode_by_library(make(EVENT, namespace=namespace, data=[event, *arguments]))
        for sid, eio_sid in self.get_participants(namespace, to or room):
            engine_session = self.server.eio.sockets.get(eio_sid)
            if sid in skipped or engine_session is None:
                continue
            frames = shared
            if frames is None:
                ack_id = self._generate_ack_id(sid, callback)
                frames = encode_by_library(make(EVENT, namespace=namespace, data=[event, *arguments], id=ack_id))
            for frame in frames:
                engine_session.send(frame)

    def _generate_ack_id(self, sid: str, callback: Any) -> int:
        ack_id: int = super()._generate_ack_id(sid, callback)
        waiting = self.callbacks[sid]
        if len(waiting) > ACKS_PENDING_MAX + 1:  # beside the counter, which the library keeps under 0
            del waiting[sorted(waiting)[1]]
        return ack_id

    async def trigger_callback(self, sid: str, id: int, data: list[Any]) -> None:  # noqa: A002  (the library's name)
        """A client sent an ack. It is ignored if nobody waits for it."""
        if id and id in self.callbacks.get(sid, {}):
            try:
                await super().trigger_callback(sid, id, data)
            except Exception:  # it is the application's function: its bug must not close the client
                log.exception("an ack's callback crashed")
