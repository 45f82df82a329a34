"""Packets that wait for the next poll of a client, without I/O."""

from typing import Final

from realtime.transport.websocket.connection import UNSENT_BYTES_MAX, UNSENT_PACKETS_MAX

POLL_PACKETS_MAX: Final = 16
"""Packets in the answer to one poll; python-engineio's client accepts no more."""
_CONGESTED_BYTES: Final = 64 * 1024
_CONGESTED_PACKETS: Final = 128


class PollOutbox:
    """The packets of one client, in order."""

    __slots__ = ("_frames", "_size_bytes")

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._size_bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, frame: bytes) -> None:
        """Add an encoded packet behind the others."""
        self._frames.append(frame)
        self._size_bytes += len(frame)

    def take(self) -> list[bytes]:
        """Remove and return the packets for the answer to one poll."""
        taken, self._frames = self._frames[:POLL_PACKETS_MAX], self._frames[POLL_PACKETS_MAX:]
        self._size_bytes -= sum(map(len, taken))
        return taken

    def take_all(self) -> list[bytes]:
        """Remove and return every packet."""
        taken, self._frames, self._size_bytes = self._frames, [], 0
        return taken

    @property
    def is_congested(self) -> bool:
        """Whether so much is waiting that the client's further actions wait too."""
        return self._size_bytes > _CONGESTED_BYTES or len(self._frames) > _CONGESTED_PACKETS

    @property
    def is_over_limit(self) -> bool:
        """Whether so much is waiting that the client is cut."""
        return self._size_bytes > UNSENT_BYTES_MAX or len(self._frames) > UNSENT_PACKETS_MAX
