"""Both ends of a request: the client's address, seen through as many proxies as the operator says there are; our name.

One customer of a provider has an IPv4 address, but a whole /64 of IPv6 at the least. So limits count by
:func:`address_key` and :func:`network_of`, never by the bare address.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_IPV6_CUSTOMER_BITS = 64
_IPV4_NETWORK_BITS, _IPV6_NETWORK_BITS = 24, 48


def client_address(peer: str, forwarded_for: str | None, *, trusted_proxies: int) -> str:
    """The address that the outermost trusted proxy saw.

    ``peer`` is who connected to us; ``forwarded_for`` the ``X-Forwarded-For`` header, to which each proxy appends whom it
    saw. Only the last ``trusted_proxies`` entries were written by those we trust; what stands before them anybody can
    invent. If the entry is no address, it is ``peer``.
    """
    if not trusted_proxies or not forwarded_for:
        return peer
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    if not hops:
        return peer
    parsed = parse_address(_without_port(hops[-min(trusted_proxies, len(hops))]))
    return peer if parsed is None else str(parsed)


def _without_port(hop: str) -> str:
    """Some proxies write ``192.0.2.1:4711`` and ``[2001:db8::1]:4711``."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    address, colon, port = hop.partition(":")
    return address if colon and port.isdecimal() and "." in address else hop


def parse_address(address: str) -> IPv4Address | IPv6Address | None:
    """The address; an IPv4 address that is written as IPv6 is returned as IPv4. ``None`` for anything else."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    if not isinstance(parsed, IPv6Address):
        return parsed
    return parsed.ipv4_mapped or IPv6Address(int(parsed))  # without a zone, which names an interface of the proxy


def address_key(address: str) -> str:
    """What limits per address count by: an IPv4 address, an IPv6 one's /64. What is no address counts as it is."""
    parsed = parse_address(address)
    if parsed is None:
        return address
    return str(parsed) if isinstance(parsed, IPv4Address) else str(ip_network((parsed, _IPV6_CUSTOMER_BITS), strict=False))


def network_of(address: str) -> str | None:
    """The network that one customer of a provider usually has: an IPv4 address's /24, an IPv6 one's /48."""
    parsed = parse_address(address)
    if parsed is None:
        return None
    bits = _IPV4_NETWORK_BITS if isinstance(parsed, IPv4Address) else _IPV6_NETWORK_BITS
    return str(ip_network((parsed, bits), strict=False))


def is_host_allowed(host: str | None, allowed: Sequence[str]) -> bool:
    """Whether a ``Host`` header, with a port or without, names one of ``allowed``; of none: any.

    ``allowed``: lower-case names and addresses; ``*.example.org`` is every name below ``example.org``, ``*`` everything.
    """
    if not allowed or "*" in allowed:
        return True
    name = (host or "").lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    if name in allowed:
        return True
    return any(pattern.startswith("*.") and name.endswith(pattern[1:]) and _is_name(name) for pattern in allowed)


def _is_name(text: str) -> bool:
    return text.isascii() and text.replace("-", "").replace(".", "").replace("_", "").isalnum()


def is_loopback(host: str) -> bool:
    """Whether a host that one listens on is reached from this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
