"""The HTTP/1.1 protocol of one connection: uvicorn's, with bounds on size and time and stricter framing.

"Head" is the request line with the headers. uvicorn parses strictly (llhttp), but accepts a head of any size, however long
it takes to arrive; answers unreadable requests in plain text without a request id; and loses the body of a request that
asks for another protocol (``Upgrade: h2c``, which some clients add to every request). This class changes that.

What must stay true: every error response is a problem with ``X-Request-ID``; a request that two readers could understand
differently (RFC 9112 §6.3) is refused; the head of a WebSocket request is read here before the connection is handed over.
"""

import asyncio
import logging
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from core import metrics
from core.errors import AppError, PayloadTooLarge, ValidationFailed
from core.ids import new_id
from core.logs import Request, request_scope
from http_api.middleware.request_context import complete_headers
from http_api.problems import problem_of

log = logging.getLogger("molva.http")

HEAD_BYTES_MAX: Final = 64 * 1024
"""Request line and headers together."""
HEAD_TIMEOUT_S: Final = 10.0
"""From the start of a connection, or the first byte of a later request, to the end of the headers."""
UNREAD_BODY_S: Final = 30.0
"""How long a client may go on sending a body after the response. The rest is thrown away. If we closed at once, the kernel
would reset the connection, and a client that sends everything before it reads would lose the response."""
_LENGTH_DIGITS_MAX: Final = 18
"""Of ``Content-Length``: what fits into 64 bits everywhere."""
BODY_STALL_S: Final = 60.0
"""How long a body may pause while we wait for more of it."""
_LINGER_S: Final = 1.0
"""How long a refused client may go on sending. If we closed at once, it could lose the response too."""
_NO_HTTP: Final = "must be a request of HTTP/1.1 or 1.0"


class HttpProtocol(HttpToolsProtocol):
    """One client's HTTP connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._is_in_head = False
        self._is_refused = False
        self._head_bytes = 0
        self._received_bytes = 0
        """Bytes of the head, in the packets before the last one."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._is_in_body = False
        self._body_received_at_s = 0.0
        self._body_timer: asyncio.TimerHandle | None = None
        self._refusal: tuple[int, AppError] | None = None
        """Status and error with which our own checks stopped the parser."""

    # --- asyncio's hooks

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client connected: its first request must follow in time."""
        super().connection_made(transport)
        self._start_head_timer(HEAD_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._cancel_head_timer()
        if self._body_timer is not None:
            self._body_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request. WebSocket is the only other protocol here: a wish for another one is ignored."""
        if self._is_refused:
            return
        self._unset_keepalive_if_required()
        was_in_head = self._is_in_head
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self._cancel_head_timer()
                self.handle_websocket_upgrade()
            else:
                self._read_without_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(*(self._refusal or (400, _bad_request(_NO_HTTP))))
            return
        if was_in_head and self._is_in_head:
            self._received_bytes += len(data)
            if self._received_bytes > HEAD_BYTES_MAX:
                self._refuse(431, _too_large())
                return
        if self._head_timer is None and (self._is_in_head or self.cycle is None or self.cycle.response_complete):
            self._start_head_timer(UNREAD_BODY_S if self._is_in_body else HEAD_TIMEOUT_S)
        if self._is_in_body:
            self._body_received_at_s = self.loop.time()
            if self._body_timer is None:
                self._body_timer = self.loop.call_later(BODY_STALL_S, self._check_body)

    # --- the parser's hooks

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes, self._received_bytes = True, 0, 0

    def on_url(self, url: bytes) -> None:
        """A part of the request target."""
        super().on_url(url)
        self._count_head_bytes(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header or a trailer."""
        if self._is_in_head:
            super().on_header(name, value)
            self._count_head_bytes(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """The head is complete: start the application, unless the request is ambiguous."""
        self._is_in_head, self._is_in_body = False, True
        self._cancel_head_timer()
        fault = self._find_fault()
        if fault:
            self._stop_parser(400, _bad_request(fault))
        if not self.parser.should_upgrade() or self._should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is complete. For a request with ``Upgrade``, the parser has not read the body yet."""
        self._is_in_body = False
        self._cancel_head_timer()
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _find_fault(self) -> str | None:
        """What is wrong with a head that the parser accepted (RFC 9112 §3.2, §6.1, §6.3)."""
        fields: dict[bytes, list[bytes]] = {}
        for name, value in self.headers:
            fields.setdefault(name, []).append(value)
        version, codings = self.parser.get_http_version(), fields.get(b"transfer-encoding")
        is_old = version == "1.0"
        if version not in {"1.0", "1.1"}:
            return _NO_HTTP
        if len(fields.get(b"host", ())) != 1 and not (is_old and b"host" not in fields):
            return "must have exactly one Host header"
        if codings is not None and (is_old or codings[0].lower() != b"chunked"):
            return "must not have a Transfer-Encoding other than chunked"
        if any(len(value) > _LENGTH_DIGITS_MAX for value in fields.get(b"content-length", ())):
            return "must have a shorter Content-Length"
        if self.parser.get_method() == b"CONNECT":
            return "must not use CONNECT: this server is not a proxy"
        return None

    # --- bounds and refusals

    def _count_head_bytes(self, size_bytes: int) -> None:
        self._head_bytes += size_bytes
        if self._head_bytes > HEAD_BYTES_MAX:
            self._stop_parser(431, _too_large())

    def _stop_parser(self, status: int, error: AppError) -> None:
        """Stop the parser from one of its hooks; ``data_received`` then refuses the request."""
        self._refusal = status, error
        raise error

    def _start_head_timer(self, within_s: float) -> None:
        self._head_timer = self.loop.call_later(within_s, self._time_out)

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _time_out(self) -> None:
        self._head_timer = None
        if self._is_in_head:
            self._refuse(408, _bad_request("must arrive within a few seconds"))
        else:  # no request had begun
            self.transport.close()

    def _check_body(self) -> None:
        """Refuse a body that has paused for too long, unless we ourselves paused reading it."""
        self._body_timer = None
        paused_s = self.loop.time() - self._body_received_at_s
        if not self._is_in_body:
            return
        if self.flow.read_paused or paused_s < BODY_STALL_S:
            self._body_timer = self.loop.call_later(max(BODY_STALL_S - paused_s, _LINGER_S), self._check_body)
        else:
            self._refuse(408, _bad_request("must not pause for so long"))

    def _refuse(self, status: int, error: AppError) -> None:
        """Answer with an error and close. A request before this one is answered first; a response under way is cut off."""
        self._cancel_head_timer()
        is_pending = self.cycle is not None and not self.cycle.response_complete
        if is_pending and not self.cycle.more_body:
            self.cycle.keep_alive = False
        elif is_pending and self.cycle.response_started:
            self.transport.close()
        elif not self.transport.is_closing():
            self._is_refused = True
            self.transport.write(self._refusal_bytes(status, error))
            self.transport.write_eof()
            self._head_timer = self.loop.call_later(_LINGER_S, self.transport.close)

    def _refusal_bytes(self, status: int, error: AppError) -> bytes:
        request = Request(new_id(), client=self.client[0] if self.client else None)
        metrics.HTTP_REQUESTS.labels("other", "unmatched", str(status)).inc()
        with request_scope(request):
            answer = problem_of(error, status=status, headers={"Connection": "close"})
            complete_headers(answer.headers, "", request.request_id)
            log.info("request refused unread", extra={"status": status, "outcome": error.code.value})
        head = b"".join(b"%b: %b\r\n" % field for field in [*self.server_state.default_headers, *answer.raw_headers])
        return STATUS_LINE[status] + head + b"\r\n" + bytes(answer.body)

    def _read_without_upgrade(self, rest: bytes) -> None:
        """Read the last request again without its header ``Upgrade``."""
        kept = [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self.data_received(line + b"".join(kept) + b"\r\n" + rest)


def _bad_request(message: str) -> AppError:
    return ValidationFailed.at("", message)


def _too_large() -> AppError:
    return PayloadTooLarge(f"The request line and headers must be at most {HEAD_BYTES_MAX:,} bytes.")
