"""Ranges of network addresses that the operator keeps out: no request and no connection from there is served.

The ranges are kept in memory, because every request asks. What must stay true: a ban holds from :meth:`NetworkBans.replace`
on, for connections that are open, too.
"""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from core.addresses import parse_address
from core.clock import now_wire
from db import bans
from db.bans import BanRow
from db.pool import Database

NETWORK_BANNED: Final = "Requests from this network address are not served."

Network = IPv4Network | IPv6Network


def parse_network(text: str) -> Network:
    """A range of addresses (``203.0.113.0/24``) or one address; ``ValueError`` for anything else."""
    return ip_network(text.strip(), strict=False)


class NetworkBans:
    """The banned ranges, as this process knows them."""

    def __init__(self) -> None:
        self._ends: dict[tuple[int, int, int], str | None] = {}
        """(IP version, bits of the prefix, its value) → when the ban ends."""
        self._sizes: frozenset[tuple[int, int]] = frozenset()
        """(IP version, bits) of the ranges: one look-up each."""
        self.on_change: Callable[[], None] = lambda: None
        """Closes the connections from banned addresses; the namespace sets it."""

    async def load(self, database: Database) -> None:
        """Read the bans of the database."""
        async with database.reading() as tx:
            self.replace(await bans.list_network_bans(tx))

    def replace(self, rows: Iterable[BanRow]) -> None:
        """These are the bans that hold now."""
        networks = [(ip_network(row.network), row.expires_at) for row in rows if row.network is not None]
        self._ends = {_key(network): ends_at for network, ends_at in networks}
        self._sizes = frozenset((network.version, network.prefixlen) for network, _ in networks)
        self.on_change()

    def is_banned(self, address: str) -> bool:
        """Whether requests from the address are refused."""
        if not self._ends:
            return False
        parsed = parse_address(address)
        if parsed is None:
            return False
        for version, bits in self._sizes:
            if version == parsed.version:
                ends_at = self._ends.get((version, bits, int(parsed) >> (parsed.max_prefixlen - bits)), "")
                if ends_at != "" and (ends_at is None or ends_at > now_wire()):
                    return True
        return False


def _key(network: Network) -> tuple[int, int, int]:
    bits = network.prefixlen
    return network.version, bits, int(network.network_address) >> (network.max_prefixlen - bits)
