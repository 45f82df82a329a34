"""The HTTP/1.1 protocol of one connection: uvicorn's, with bounds on size and time and stricter framing.

"Head" is the request line with the headers. uvicorn parses strictly (llhttp), but accepts a head of any size, however long
it takes to arrive; answers unreadable requests in plain text without a request id; and loses the body of a request that
asks for another protocol (``Upgrade: h2c``, which some clients add to every request). This class changes that.

What must stay true: every error response is a problem with ``X-Request-ID``; a request that two readers could understand
differently (RFC 9112 §6.3) is refused; the head of a WebSocket request is read here before the connection is handed over;
the state changes in :meth:`HttpProtocol._change_state` alone, along :data:`TRANSITIONS`.
"""

import asyncio
import logging
from enum import Enum
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from core import metrics
from core.addresses import client_address
from core.errors import AppError, PayloadTooLarge, ValidationFailed
from core.ids import new_id
from core.logs import Request, request_scope
from core.transitions import InvalidTransition
from http_api.connection_caps import ConnectionCaps
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
BODY_WINDOW_S: Final = 15.0
"""The pace of a body is measured over this time."""
BODY_BYTES_PER_S_MIN: Final = 1024
"""The least pace of a body, while we wait for more of it."""
BODY_DEADLINE_S: Final = 600.0
"""From the head of a request to the end of its body: a file of 25 MiB at 43 KiB/s."""
ANSWER_WINDOW_S: Final = 20.0
"""The pace at which a client takes an answer is measured over this time."""
ANSWER_BYTES_PER_S_MIN: Final = 1024
ANSWER_DEADLINE_S: Final = 3600.0
"""From the moment an answer first waits for the client to its end."""
_LINGER_S: Final = 1.0
"""How long a refused client may go on sending. If we closed at once, it could lose the response too."""
_NO_HTTP: Final = "must be a request of HTTP/1.1 or 1.0"


class State(Enum):
    """What is read from a connection. Answers have no part in it: a client may send its next request before it has one."""

    WAITING = "waiting"
    """No request has begun, or the last one is read."""
    IN_HEAD = "in head"
    """A request line and its headers."""
    IN_BODY = "in body"
    """A body and its trailers."""
    REFUSED = "refused"
    """An error was sent. What still arrives is thrown away."""
    HANDED_OVER = "handed over"
    """The connection belongs to a WebSocket."""
    CLOSED = "closed"
    """The TCP connection is gone."""


WAITING, IN_HEAD, IN_BODY, REFUSED, HANDED_OVER, CLOSED = State
TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    WAITING: frozenset({IN_HEAD, REFUSED, HANDED_OVER, CLOSED}),
    IN_HEAD: frozenset({IN_BODY, REFUSED, CLOSED}),
    IN_BODY: frozenset({WAITING, REFUSED, CLOSED}),
    REFUSED: frozenset({CLOSED}),
    HANDED_OVER: frozenset(),
    CLOSED: frozenset(),
}
"""The states that may follow each state."""


class HttpProtocol(HttpToolsProtocol):
    """One client's HTTP connection."""

    caps = ConnectionCaps()
    """Counts the connections of the process. Replaced by :meth:`with_caps`."""

    @classmethod
    def with_caps(cls, caps: ConnectionCaps) -> type["HttpProtocol"]:
        """The class for a server whose connections ``caps`` counts."""
        return type(cls.__name__, (cls,), {"caps": caps})

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.state = WAITING
        self._head_bytes = 0
        self._received_bytes = 0
        """Bytes of the head, in the packets before the last one."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._body_began_at_s = 0.0
        self._body_bytes = 0
        """Bytes of the body that arrived in the present window."""
        self._was_reading_paused = False
        """Whether we paused reading in the present window: then the client is not to blame for its pace."""
        self._body_timer: asyncio.TimerHandle | None = None
        self._unsent_bytes = 0
        """Bytes of the answer that waited for the client when the present window began."""
        self._was_writing_resumed = False
        """Whether the client took so much in the present window that writing went on."""
        self._answer_began_at_s: float | None = None
        self._answer_timer: asyncio.TimerHandle | None = None
        self._counted_address: str | None = None
        self._refusal: tuple[int, AppError] | None = None
        """Status and error with which our own checks stopped the parser."""

    def _change_state(self, state: State) -> None:
        """Go on to ``state``; ``InvalidTransition`` unless it may follow the present one."""
        if state not in TRANSITIONS[self.state]:
            raise InvalidTransition(f"{self.state.value} to {state.value}")
        self.state = state

    # --- asyncio's hooks

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client connected: its first request must follow in time."""
        super().connection_made(transport)
        self._start_head_timer(HEAD_TIMEOUT_S)
        refusal = self.caps.open()
        if refusal is None and not self.caps.trusted_proxies:
            refusal = self._count_address(self.client[0] if self.client else "")
        if refusal is not None:
            self._refuse(refusal.code.http_status, refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._change_state(CLOSED)
        self._cancel_head_timer()
        self._cancel_body_timer()
        if self._answer_timer is not None:
            self._answer_timer.cancel()
        self._uncount()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not take the answer as fast as we have it."""
        super().pause_writing()
        self._watch_answer()

    def resume_writing(self) -> None:
        """The client has taken most of what waited."""
        super().resume_writing()
        self._was_writing_resumed = True

    def data_received(self, data: bytes) -> None:
        """Bytes of a request. WebSocket is the only other protocol here: a wish for another one is ignored."""
        if self.state is REFUSED:
            return
        self._unset_keepalive_if_required()
        was_in_head = self.state is IN_HEAD
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self._change_state(HANDED_OVER)
                self._cancel_head_timer()
                self._uncount()
                self.handle_websocket_upgrade()
            else:
                self._read_without_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(*(self._refusal or (400, _bad_request(_NO_HTTP))))
            return
        if was_in_head and self.state is IN_HEAD:
            self._received_bytes += len(data)
            if self._received_bytes > HEAD_BYTES_MAX:
                self._refuse(431, _too_large())
                return
        if self._head_timer is None and (self.state is IN_HEAD or self.cycle is None or self.cycle.response_complete):
            self._start_head_timer(UNREAD_BODY_S if self.state is IN_BODY else HEAD_TIMEOUT_S)
        if self.state is IN_BODY:
            self._body_bytes += len(data)
            self._was_reading_paused |= self.flow.read_paused
            if self._body_timer is None:
                self._body_timer = self.loop.call_later(BODY_WINDOW_S, self._check_body)

    # --- the parser's hooks

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._change_state(IN_HEAD)
        self._head_bytes, self._received_bytes = 0, 0

    def on_url(self, url: bytes) -> None:
        """A part of the request target."""
        super().on_url(url)
        self._count_head_bytes(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header or a trailer."""
        if self.state is IN_HEAD:
            super().on_header(name, value)
            self._count_head_bytes(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """The head is complete: start the application, unless the request is ambiguous."""
        self._change_state(IN_BODY)
        self._body_began_at_s = self.loop.time()
        self._cancel_head_timer()
        fault = self._find_fault()
        if fault:
            self._stop_parser(400, _bad_request(fault))
        refusal = self._count_request()
        if refusal is not None:
            self._stop_parser(refusal.code.http_status, refusal)
        if not self.parser.should_upgrade() or self._should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is complete. For a request with ``Upgrade``, the parser has not read the body yet."""
        self._change_state(WAITING)
        self._cancel_head_timer()
        self._cancel_body_timer()
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """The application has answered. What is left of the answer may still wait for the client."""
        super().on_response_complete()
        self._answer_began_at_s = None
        if self.caps.trusted_proxies:
            self._uncount_address()
        if self.transport.get_write_buffer_size():
            self._watch_answer()

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
        if self.state is IN_HEAD:
            self._refuse(408, _bad_request("must arrive within a few seconds"))
        else:
            self.transport.close()

    def _cancel_body_timer(self) -> None:
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        self._body_bytes, self._was_reading_paused = 0, False

    def _check_body(self) -> None:
        """Refuse a body that arrives too slowly, unless we ourselves paused reading it, or that takes too long in all."""
        is_slow = self._body_bytes < BODY_BYTES_PER_S_MIN * BODY_WINDOW_S and not self._was_reading_paused
        self._cancel_body_timer()
        if self.state is not IN_BODY:
            return
        if is_slow or self.loop.time() - self._body_began_at_s > BODY_DEADLINE_S:
            self._refuse(408, _bad_request("must not arrive so slowly"))
        else:
            self._was_reading_paused = self.flow.read_paused
            self._body_timer = self.loop.call_later(BODY_WINDOW_S, self._check_body)

    def _watch_answer(self) -> None:
        if self._answer_timer is not None:
            return
        if self._answer_began_at_s is None:
            self._answer_began_at_s = self.loop.time()
        self._unsent_bytes, self._was_writing_resumed = self.transport.get_write_buffer_size(), False
        self._answer_timer = self.loop.call_later(ANSWER_WINDOW_S, self._check_answer)

    def _check_answer(self) -> None:
        """Cut off a client that takes its answer too slowly: nothing was written in the window unless writing resumed."""
        self._answer_timer = None
        unsent_bytes = self.transport.get_write_buffer_size()
        if not unsent_bytes:
            return
        waits = self.flow.write_paused or self.transport.is_closing()
        taken_bytes = self._unsent_bytes - unsent_bytes
        is_slow = waits and not self._was_writing_resumed and taken_bytes < ANSWER_BYTES_PER_S_MIN * ANSWER_WINDOW_S
        began_at_s = self._answer_began_at_s
        if is_slow or (began_at_s is not None and self.loop.time() - began_at_s > ANSWER_DEADLINE_S):
            log.warning("client does not read its answer", extra={"client": self.client[0] if self.client else None})
            self.transport.abort()
        else:
            self._watch_answer()

    # --- how many there are

    def _count_request(self) -> AppError | None:
        """Behind proxies, count the request for the address that it comes from."""
        if not self.caps.trusted_proxies:
            return None
        forwarded_for = b",".join(value for name, value in self.headers if name == b"x-forwarded-for").decode("latin-1")
        peer = self.client[0] if self.client else ""
        return self._count_address(client_address(peer, forwarded_for, trusted_proxies=self.caps.trusted_proxies))

    def _count_address(self, address: str) -> AppError | None:
        self._uncount_address()
        refusal = self.caps.take(address)
        if refusal is None:
            self._counted_address = address
        return refusal

    def _uncount_address(self) -> None:
        if self._counted_address is not None:
            self.caps.give_back(self._counted_address)
            self._counted_address = None

    def _uncount(self) -> None:
        self._uncount_address()
        self.caps.close()

    def _refuse(self, status: int, error: AppError) -> None:
        """Answer with an error and close. A request before this one is answered first; a response under way is cut off."""
        self._cancel_head_timer()
        is_pending = self.cycle is not None and not self.cycle.response_complete
        if is_pending and not self.cycle.more_body:
            self.cycle.keep_alive = False
        elif is_pending and self.cycle.response_started:
            self.transport.close()
        elif not self.transport.is_closing():
            self._change_state(REFUSED)
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
