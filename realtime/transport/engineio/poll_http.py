"""The HTTP side of polls and posts: reading the body of a request, writing a response."""

from starlette.types import Receive, Send

from realtime.transport.request import RequestRefused, TransportRequest


async def wait_for_disconnect(receive: Receive) -> None:
    """Wait until the client of a request has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def read_body(request: TransportRequest, receive: Receive, *, bytes_max: int) -> bytes:
    """The body of a post; ``RequestRefused`` if it is larger than ``bytes_max`` or incomplete."""
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()) or int(declared) > bytes_max:
        raise RequestRefused(3, "Payload too large", 413)
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestRefused(3, "Bad request")
        body += message.get("body", b"")
        if len(body) > bytes_max:
            raise RequestRefused(3, "Payload too large", 413)
        more = message.get("more_body", False)
    return bytes(body)


class PollResponse:
    """The response to one request, with the headers that every response of the server has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.request_id: str | None = None
        self.origin: str | None = None
        """The origin whose pages may read the response."""

    async def ok(self, body: bytes) -> None:
        """200 with packets, or with ``ok``."""
        await self._respond(200, body, "text/plain; charset=UTF-8")

    async def refuse(self, refusal: RequestRefused) -> None:
        """An error."""
        await self._respond(refusal.status, refusal.body, "application/json")

    async def preflight(self) -> None:
        """What a browser asks for before it posts from another origin."""
        await self._respond(
            204,
            b"",
            "text/plain",
            {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "Content-Type"},
        )

    async def _respond(self, status: int, body: bytes, media_type: str, more: dict[str, str] | None = None) -> None:
        headers = {
            "Content-Type": media_type,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **(more or {}),
        }
        if self.request_id is not None:
            headers["X-Request-ID"] = self.request_id
        if self.origin is not None:
            headers |= {"Access-Control-Allow-Origin": self.origin, "Vary": "Origin"}
        encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})
        await self._send({"type": "http.response.body", "body": body})
