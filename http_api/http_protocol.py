"""Requests as they come over the wire: bounded in size and time, and framed in a way that means one thing only.

uvicorn parses strictly (llhttp), and takes a head of any size for as long as it may take, answers what it cannot read in
plain text without a request id, and gives up the body of a request that would like another protocol (``Upgrade: h2c``,
which some clients add to every request). Here the same protocol class does better.

What must stay true: every answer is a problem with ``X-Request-ID``; a request that two readers could take for different
ones (RFC 9112 §6.3) goes no further; a WebSocket's head passes through here before it is handed over.
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
"""Of request line and headers together."""
HEAD_TIMEOUT_S: Final = 10.0
"""From a connection's beginning, or a further request's first byte, to the end of its headers."""
UNREAD_BODY_S: Final = 30.0
"""How long the rest of a body may come that was answered unread; it is thrown away. If we hung up at once, the kernel would
reset the connection, and the answer would be lost to a client that sends everything first."""
_LENGTH_DIGITS_MAX: Final = 18
BODY_STALL_S: Final = 60.0
"""How long a body may pause that we wait for."""
_LINGER_S: Final = 1.0
"""How long a refused client may go on sending: if we hung up at once, the network would drop our answer too."""
_NO_HTTP: Final = "must be a request of HTTP/1.1 or 1.0"


class HttpProtocol(HttpToolsProtocol):
    """One client's HTTP connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._is_in_head = False
        self._is_refused = False
        self._head_bytes = 0
        self._received_bytes = 0
        """Of the head, in packets before its last."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._is_in_body = False
        self._heard_at_s = 0.0
        self._body_timer: asyncio.TimerHandle | None = None
        self._refusal: tuple[int, AppError] | None = None
        """Why the parser was stopped, if it was not by itself."""

    # --- asyncio's hooks

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Somebody is there; a head must follow."""
        super().connection_made(transport)
        self._expect_head(HEAD_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._forget_head()
        if self._body_timer is not None:
            self._body_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """More of a request. Another protocol than WebSocket is not to be had, so the request is read without its wish."""
        if self._is_refused:
            return
        self._unset_keepalive_if_required()
        was_in_head = self._is_in_head
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self._forget_head()
                self.handle_websocket_upgrade()
            else:
                self._read_without_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(*(self._refusal or (400, _misfit(_NO_HTTP))))
            return
        if was_in_head and self._is_in_head:
            self._received_bytes += len(data)
            if self._received_bytes > HEAD_BYTES_MAX:
                self._refuse(431, _too_large())
                return
        if self._head_timer is None and (self._is_in_head or self.cycle is None or self.cycle.response_complete):
            self._expect_head(UNREAD_BODY_S if self._is_in_body else HEAD_TIMEOUT_S)
        if self._is_in_body:
            self._heard_at_s = self.loop.time()
            if self._body_timer is None:
                self._body_timer = self.loop.call_later(BODY_STALL_S, self._look_for_body)

    # --- the parser's hooks

    def on_message_begin(self) -> None:
        """A request line follows."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes, self._received_bytes = True, 0, 0

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        if self._is_in_head:
            super().on_header(name, value)
            self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """The head is whole: begin to answer, unless it is ambiguous."""
        self._is_in_head, self._is_in_body = False, True
        self._forget_head()
        fault = self._fault()
        if fault:
            self._stop(400, _misfit(fault))
        if not self.parser.should_upgrade() or self._should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is whole. Of what asks for an upgrade, whatever follows the head is not looked at yet."""
        self._is_in_body = False
        self._forget_head()
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _fault(self) -> str | None:
        """What is wrong with a head that the parser took (RFC 9112 §3.2, §6.1, §6.3)."""
        fields: dict[bytes, list[bytes]] = {}
        for name, value in self.headers:
            fields.setdefault(name, []).append(value)
        version, codings = self.parser.get_http_version(), fields.get(b"transfer-encoding")
        is_old = version == "1.0"
        if version not in {"1.0", "1.1"}:
            return _NO_HTTP
        if len(fields.get(b"host", ())) != 1 and not (is_old and b"host" not in fields):
            return "must have one header Host"
        if codings is not None and (is_old or codings[0].lower() != b"chunked"):
            return "must have no other Transfer-Encoding than chunked"
        if any(len(value) > _LENGTH_DIGITS_MAX for value in fields.get(b"content-length", ())):
            return "must have a Content-Length of fewer digits"
        if self.parser.get_method() == b"CONNECT":
            return "must not be CONNECT: this is no proxy"
        return None

    # --- bounds and refusals

    def _count(self, size_bytes: int) -> None:
        self._head_bytes += size_bytes
        if self._head_bytes > HEAD_BYTES_MAX:
            self._stop(431, _too_large())

    def _stop(self, status: int, error: AppError) -> None:
        """Out of the parser, which says so to ``data_received``."""
        self._refusal = status, error
        raise error

    def _expect_head(self, within_s: float) -> None:
        self._head_timer = self.loop.call_later(within_s, self._time_out)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _time_out(self) -> None:
        self._head_timer = None
        if self._is_in_head:
            self._refuse(408, _misfit("must come within a few seconds"))
        else:  # nothing was asked
            self.transport.close()

    def _look_for_body(self) -> None:
        """Whether a body still comes; one that we do not take in at the moment has time."""
        self._body_timer = None
        paused_s = self.loop.time() - self._heard_at_s
        if not self._is_in_body:
            return
        if self.flow.read_paused or paused_s < BODY_STALL_S:
            self._body_timer = self.loop.call_later(max(BODY_STALL_S - paused_s, _LINGER_S), self._look_for_body)
        else:
            self._refuse(408, _misfit("must not pause for so long"))

    def _refuse(self, status: int, error: AppError) -> None:
        """Say no and close; a request before this one is answered first, and nothing is said in the midst of an answer."""
        self._forget_head()
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
        """The request that was just read, again, as if it had not asked for another protocol."""
        kept = [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self.data_received(line + b"".join(kept) + b"\r\n" + rest)


def _misfit(message: str) -> AppError:
    return ValidationFailed.at("", message)


def _too_large() -> AppError:
    return PayloadTooLarge(f"Request line and headers have at most {HEAD_BYTES_MAX:,} bytes.")
