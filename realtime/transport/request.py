"""The HTTP request that opens, polls or upgrades an Engine.IO session, and which client sent it.

What must stay true: no header is believed that an untrusted client could have written itself.
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
from starlette.types import Scope

from core.addresses import client_address
from core.logs import accept_request_id

PROTOCOL: Final = "4"
TRANSPORTS: Final = ("polling", "websocket")
_QUERY_FIELDS_MAX: Final = 32


class RequestRefused(Exception):
    """The request is answered with an error. ``code``: its number in the reference implementation of Engine.IO."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        self.status = status
        self.body = orjson.dumps({"code": code, "message": message})
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class ClientFingerprint:
    """Recognises the client that opened a polling session, so that a session id is worth nothing to anybody else.

    The address must stay the same. A header is compared if both requests have it: a browser sends ``Origin`` with some
    requests only, and many clients poll with one library and open WebSockets with another, under another user agent.
    """

    address: str
    headers: tuple[str | None, ...]

    def is_same(self, other: "ClientFingerprint") -> bool:
        """Whether ``other`` may use a session that this client opened."""
        pairs = zip(self.headers, other.headers, strict=True)
        return self.address == other.address and all(one is None or two is None or one == two for one, two in pairs)


_IDENTIFYING: Final = ("origin", "authorization", "user-agent")


@dataclass(frozen=True, slots=True)
class TransportRequest:
    """One request to the transport."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    """By name in lower case. The values of a repeated header are joined by commas."""
    address: str
    """The client's network address, as the trusted proxies report it."""
    head: bytes
    """Request line and headers as they came."""

    @classmethod
    def of_head(cls, head: bytes, peer: str, *, trusted_proxies: int) -> "TransportRequest":
        """Read from a request line and headers."""
        first, *lines = head.rstrip(b"\r\n").decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            name, value = name.strip().lower(), value.strip()
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        url = urlsplit(target)
        query = parse_qs(url.query, keep_blank_values=True, max_num_fields=_QUERY_FIELDS_MAX)
        address = client_address(peer, headers.get("x-forwarded-for"), trusted_proxies=trusted_proxies)
        return cls(method, unquote(url.path), query, headers, address, head)

    @classmethod
    def of_scope(cls, scope: Scope, *, trusted_proxies: int) -> "TransportRequest":
        """Read from an ASGI scope; ``RequestRefused`` if it cannot be read."""
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        lines = [f"{scope['method']} ".encode() + target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in scope["headers"]]
        peer = (scope.get("client") or ("unknown",))[0]
        try:
            return cls.of_head(b"\r\n".join(lines), peer, trusted_proxies=trusted_proxies)
        except ValueError:
            raise RequestRefused(3, "Bad request") from None

    @property
    def sid(self) -> str | None:
        """The id of the session that the request names, if any."""
        return self.query["sid"][0] if "sid" in self.query else None

    @property
    def fingerprint(self) -> ClientFingerprint:
        """Recognises the client."""
        headers = [self.headers.get(name) for name in _IDENTIFYING]
        if "upgrade" in self.headers:
            headers[-1] = None
        return ClientFingerprint(self.address, tuple(headers))

    @property
    def request_id(self) -> str:
        """The id under which the log has the request."""
        return accept_request_id(self.headers.get("x-request-id"))

    def check(self, transport: str) -> None:
        """``RequestRefused`` unless the request is for this version of the protocol and for ``transport``."""
        if self.query.get("transport") != [transport]:
            raise RequestRefused(0, "Transport unknown")
        if self.query.get("EIO") != [PROTOCOL]:
            raise RequestRefused(5, "Unsupported protocol version")
        if "j" in self.query or len(self.query.get("sid", "1")) != 1:
            raise RequestRefused(3, "Bad request")

    def environ(self) -> dict[str, Any]:
        """The request as python-socketio's handlers know it (WSGI)."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "PATH_INFO": self.path,
            "QUERY_STRING": urlsplit(self.head.partition(b"\r\n")[0].split(b" ")[1].decode("latin-1")).query,
            "REMOTE_ADDR": self.address,
        }
        for name, value in self.headers.items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value
        return environ
