"""The reasons for which sessions are closed. Handlers, logs and metrics show them."""

from enum import StrEnum
from typing import Final


class CloseReason(StrEnum):
    """Why a session was closed."""

    CLIENT = "client disconnect"
    SERVER = "server disconnect"
    TRANSPORT = "transport close"
    PING_TIMEOUT = "ping timeout"
    BAD_PACKET = "bad packet"
    FLOOD = "flood"
    SLOW_CONSUMER = "slow consumer"
    NO_NAMESPACE = "no namespace"
    DRAINING = "draining"
    EPOCH = "epoch"


CLOSED_BY_CLIENT: Final = (CloseReason.CLIENT, CloseReason.TRANSPORT, CloseReason.PING_TIMEOUT)
"""The client left by itself."""
CUT: Final = (CloseReason.BAD_PACKET, CloseReason.FLOOD, CloseReason.SLOW_CONSUMER, CloseReason.NO_NAMESPACE)
"""The server disconnected a client that misbehaved."""
LINGERS_AFTER: Final = (CloseReason.SERVER, CloseReason.DRAINING, CloseReason.EPOCH, CloseReason.CLIENT)
"""After these a polling client may still fetch what it was sent, once."""
