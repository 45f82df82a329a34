"""The settings of the transport."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from realtime.transport.engineio.session import Heartbeat

HEARTBEAT: Final = Heartbeat(interval_s=25.0, timeout_s=20.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportOptions:
    """How clients are served, and the bounds of what one client may use."""

    path: str = "/socket.io/"
    heartbeat: Heartbeat = HEARTBEAT
    connect_timeout_s: float = 10.0
    """How long a client may stay without being in a namespace."""
    packet_bytes_max: int = 64 * 1024
    """The size of a packet. A larger one gets an error as its ack, if it is well formed."""
    message_bytes_max: int = 1024 * 1024
    """The size of a post or a WebSocket message. A larger one closes the connection."""
    allows_polling: bool = True
    origins: Sequence[str] | None = None
    """The origins of web pages that may connect, beside the server's own; ``None``: any origin."""
    hosts: Sequence[str] = ()
    """The names of this server, as for :func:`core.addresses.is_host_allowed`."""
    trusted_proxies: int = 0
    """How many proxies in front of the server are believed about a client's address."""
    connections_per_address_max: int | None = None
    """Connections of one network address at a time; ``None``: any number."""
