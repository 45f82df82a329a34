"""Carries committed effects out: it notes who is where now, and sends each event to those whom it is for.

What must stay true: effects are carried out in the order given; an event is encoded once, for however many get it; carrying
out never waits, so nothing comes between the effects of one change.
"""

import logging
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final

from core import metrics
from core.file_urls import FileUrls
from core.log_stages import followed, write_stage
from core.logs import current_request
from realtime.delivery.hub import Hub, Listener
from realtime.wire.effects import (
    Activated,
    Advanced,
    ConnectionEnded,
    Effect,
    Emit,
    Joined,
    Left,
    Narrowed,
    ProfileChanged,
    SessionEnded,
    Watching,
)

log = logging.getLogger("molva.delivery")

_TOLD_MAX: Final = 1_000
"""Connections that the stage ``delivered`` names."""

Encode = Callable[[str, bytes], bytes]
"""Makes one packet of an event's name and JSON payload; it is the same for every connection."""


def _record(emit: Emit, recipients: int) -> None:
    """Note the event in the line that closes its request. An event that no request caused has a line of its own."""
    name, audience = emit.event.name, type(emit.audience).__name__
    request = current_request()
    if request is not None and not request.is_closed:
        request.note_event(name, audience, recipients)
    else:
        log.info("event", extra={"event_name": name, "to": audience, "recipients": recipients})


def _end_nothing(session_id: str, reason: str) -> None:
    """For a process without connections."""


def _end_no_connection(user_id: str, connection_id: str, reason: str) -> None:
    """For a process without connections."""


def _replace_nothing(user_id: str, profile: bytes) -> None:
    """For a process that keeps no profiles."""


class Fanout:
    """The delivery of one process (:class:`realtime.wire.changes.Delivery`)."""

    def __init__(self, hub: Hub, encode: Encode, file_urls: FileUrls | None = None) -> None:
        """``file_urls`` signs the URLs of files in events."""
        self._hub = hub
        self._encode = encode
        self._file_urls = file_urls
        self.end_session: Callable[[str, str], None] = _end_nothing
        """Closes the connections of a login session (its ID, the reason); the namespace sets it."""
        self.end_connection: Callable[[str, str, str], None] = _end_no_connection
        """Closes one connection (its user, its ID, the reason); the namespace sets it."""
        self.replace_profile: Callable[[str, bytes], None] = _replace_nothing
        """Keeps the new public profile of a person (the ID, the JSON); set where profiles are kept."""

    def deliver(self, effects: Sequence[Effect]) -> None:
        """Carry out committed effects, in order."""
        for effect in effects:
            match effect:
                case Emit():
                    self._emit(effect)
                case Advanced(chat_id, version, message_count):
                    self._hub.advance(chat_id, version, message_count)
                case Joined(chat_id, user_id, first_seq):
                    self._hub.join(chat_id, user_id, first_seq)
                case Left(chat_id, user_id):
                    self._hub.leave(chat_id, user_id)
                case Activated(connection_id, user_id, chat_id):
                    self._hub.activate(connection_id, user_id, chat_id)
                case Watching(connection_id, user_id, chat_ids):
                    self._hub.watch_chats(connection_id, user_id, chat_ids)
                case SessionEnded(session_id, reason):
                    self.end_session(session_id, reason)
                case ConnectionEnded(connection_id, user_id, reason):
                    self.end_connection(user_id, connection_id, reason)
                case ProfileChanged(user_id, profile):
                    self.replace_profile(user_id, profile)

    def _emit(self, emit: Emit) -> None:
        listeners = list(self._hub.resolve(emit.audience))
        if listeners and emit.narrowed is not None:
            self._send_narrowed(emit, emit.narrowed, listeners)
        elif listeners:
            packet = self._encode(emit.event.name, emit.payload.encode(self._file_urls))
            for listener in listeners:
                listener.send(packet)
        if listeners:
            metrics.delivered(emit.event.name).inc(len(listeners))
        if (request := followed()) is not None:
            told = [{"user_id": one.user_id, "connection_id": one.connection_id} for one in listeners[:_TOLD_MAX]]
            write_stage(request, "delivered", event_name=emit.event.name, recipients=len(listeners), to=told)
        _record(emit, len(listeners))

    def _send_narrowed(self, emit: Emit, narrowed: Narrowed, listeners: Sequence[Listener]) -> None:
        """Send to each what they may see; encoded once for all who may see the same."""
        packets: dict[int, bytes] = {}
        for listener in listeners:
            first_seq = self._hub.first_seq(listener, narrowed.chat_id)
            hidden = bisect_left(narrowed.seqs, first_seq)
            packet = packets.get(hidden)
            if packet is None:
                payload = narrowed.from_seq(first_seq) if hidden else emit.payload
                packet = packets[hidden] = self._encode(emit.event.name, payload.encode(self._file_urls))
            listener.send(packet)
