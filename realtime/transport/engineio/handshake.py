"""A request that opens, polls or upgrades a link: what of it matters, and who is behind it.

What must stay true: nothing here believes a header that only an untrusted client could have written.
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


class Refusal(Exception):
    """The request is not one that this protocol has. ``code``: the reference implementation's number."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        self.status = status
        self.body = orjson.dumps({"code": code, "message": message})
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class ClientFingerprint:
    """Who a polling client was when it began. A session id is worth nothing to anybody else.

    The address must stay; of the rest, what both requests carry must be the same: a browser sends ``Origin`` with some
    requests only, and many clients poll with one library and open WebSockets with another, under another name.
    """

    address: str
    named: tuple[str | None, ...]

    def is_same(self, other: "ClientFingerprint") -> bool:
        """Whether ``other`` may go on with what this one began."""
        pairs = zip(self.named, other.named, strict=True)
        return self.address == other.address and all(one is None or two is None or one == two for one, two in pairs)


_IDENTIFYING: Final = ("origin", "authorization", "user-agent")


@dataclass(frozen=True, slots=True)
class Handshake:
    """One request to the transport."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    """Names in lower case; what came several times is joined by commas."""
    address: str
    """The client's, seen through the trusted proxies."""
    head: bytes
    """The request as it came, without what followed: small to keep."""

    @classmethod
    def of_head(cls, head: bytes, peer: str, *, trusted_proxies: int) -> "Handshake":
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
    def of_scope(cls, scope: Scope, *, trusted_proxies: int) -> "Handshake":
        """Read from an ASGI scope; ``Refusal`` for what is no request of ours."""
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        lines = [f"{scope['method']} ".encode() + target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in scope["headers"]]
        peer = (scope.get("client") or ("unknown",))[0]
        try:
            return cls.of_head(b"\r\n".join(lines), peer, trusted_proxies=trusted_proxies)
        except ValueError:
            raise Refusal(3, "Bad request") from None

    @property
    def link_id(self) -> str | None:
        """Which link this is about, if one is named."""
        return self.query["sid"][0] if "sid" in self.query else None

    @property
    def identity(self) -> ClientFingerprint:
        """Who asks."""
        named = [self.headers.get(name) for name in _IDENTIFYING]
        if "upgrade" in self.headers:
            named[-1] = None
        return ClientFingerprint(self.address, tuple(named))

    @property
    def request_id(self) -> str:
        """Under which the answer is found in the log."""
        return accept_request_id(self.headers.get("x-request-id"))

    def check(self, transport: str) -> None:
        """``Refusal`` unless the request is one of this protocol version and, by its own words, of ``transport``."""
        if self.query.get("transport") != [transport]:
            raise Refusal(0, "Transport unknown")
        if self.query.get("EIO") != [PROTOCOL]:
            raise Refusal(5, "Unsupported protocol version")
        if "j" in self.query or len(self.query.get("sid", "1")) != 1:
            raise Refusal(3, "Bad request")

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
