"""The client's address, seen through as many proxies as the operator says there are."""

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
