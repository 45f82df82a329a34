"""Both ends of a request: the client's address, seen through as many proxies as the operator says there are; our name."""

from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address, ip_network


def client_address(peer: str, forwarded_for: str | None, *, trusted_proxies: int) -> str:
    """The address that the outermost trusted proxy saw.

    ``peer`` is who connected to us; ``forwarded_for`` the ``X-Forwarded-For`` header, to which each proxy appends whom it
    saw. Only the last ``trusted_proxies`` entries were written by those we trust; what stands before them anybody can
    invent.
    """
    if not trusted_proxies or not forwarded_for:
        return peer
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    return hops[-min(trusted_proxies, len(hops))] if hops else peer


def network_of(address: str) -> str | None:
    """The network that one customer of a provider usually has: an IPv4 address's /24, an IPv6 one's /48."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    if (mapped := getattr(parsed, "ipv4_mapped", None)) is not None:
        parsed = mapped
    return str(ip_network(f"{parsed}/{24 if isinstance(parsed, IPv4Address) else 48}", strict=False))


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
