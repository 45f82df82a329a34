"""The client's address, seen through as many proxies as the operator says there are."""


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
