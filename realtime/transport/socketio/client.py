"""What Socket.IO keeps of one client: its connections, and a packet whose attachments are still to come."""

import asyncio
from dataclasses import dataclass, field

from realtime.transport.socketio.connection import Connection
from realtime.transport.socketio.packets import BadPacket, Fault, Packet, join_attachments


class PartialPacket:
    """A packet whose attachments are still to come, without I/O."""

    __slots__ = ("_attachments", "_bytes_max", "_keeps_content", "packet", "size_bytes")

    def __init__(self, packet: Packet, *, bytes_max: int, keeps_content: bool) -> None:
        """``bytes_max``: of all attachments. ``keeps_content``: otherwise the attachments are counted and dropped."""
        self.packet = packet
        self.size_bytes = 0
        self._bytes_max = bytes_max
        self._keeps_content = keeps_content
        self._attachments: list[bytes] = []

    def add(self, attachment: bytes) -> bool:
        """Add the next attachment: whether it was the last. ``BadPacket`` if the attachments are too large."""
        self.size_bytes += len(attachment)
        if self.size_bytes > self._bytes_max:
            raise BadPacket("attachments that are too large")
        self._attachments.append(attachment if self._keeps_content else b"")
        return len(self._attachments) >= self.packet.attachments

    def join(self) -> Packet:
        """The packet with its attachments; ``BadPacket`` unless each one has its placeholder."""
        packet = self.packet
        if not self._keeps_content or isinstance(packet.data, Fault):
            return packet
        return Packet(packet.type, packet.namespace, packet.ack_id, join_attachments(packet.data, self._attachments))


@dataclass(slots=True)
class SocketClient:
    """One client. Its Engine.IO session holds it, as ``EngineSession.data``."""

    connections: dict[str, Connection] = field(default_factory=dict)
    """By namespace."""
    connecting: set[str] = field(default_factory=set)
    """Namespaces whose connect is not answered yet."""
    refusals: int = 0
    """Connects that were refused."""
    partial: PartialPacket | None = None
    deadline: asyncio.TimerHandle | None = None
    """When the client must be in a namespace."""
    attachments_deadline: asyncio.TimerHandle | None = None

    def cancel_timers(self) -> None:
        """The client is gone."""
        for timer in (self.deadline, self.attachments_deadline):
            if timer is not None:
                timer.cancel()
