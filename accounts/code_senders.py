"""Sending one-time codes.

A sender promises that the code was handed over when :meth:`CodeSender.send` returns. Otherwise it raises ``Unavailable``
within :data:`TOTAL_TIMEOUT_S`. No sender logs a code or a whole phone number. To add one: a class here, a branch in
:func:`code_sender_for`, a value of the setting ``CODE_SENDER``.
"""

import asyncio
import hmac
import logging
import ssl
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

import orjson

from core.clock import now_unix_s
from core.errors import Unavailable
from core.ids import new_id
from core.phones import mask_phone
from core.settings import Environment, Settings

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("molva.codes")

TOTAL_TIMEOUT_S: Final = 10.0
_ATTEMPT_TIMEOUT_S: Final = 4.0
_BACKOFF_S: Final = (0.25, 1.0)
"""Pauses between attempts. There is one attempt more than there are pauses."""
_NOT_SENT: Final = "The code could not be sent. Try again."


class CodeSender(Protocol):
    """Hands one-time codes over to a service that delivers them to phones."""

    async def send(self, phone: str, code: str, expires_in_s: int) -> None:
        """Send ``code`` to ``phone`` (E.164); ``Unavailable`` when it could not be handed over."""


class ConsoleSender:
    """For development: prints the code to standard output, which is not the log."""

    async def send(self, phone: str, code: str, expires_in_s: int) -> None:
        """Print the code."""
        sys.stdout.write(f"\n  Code for {mask_phone(phone)}: {code} (good for {expires_in_s // 60} minutes)\n\n")
        sys.stdout.flush()


class SilentSender:
    """For automated tests: sends nothing. Tests get the codes in another way."""

    async def send(self, phone: str, code: str, expires_in_s: int) -> None:
        """Do nothing."""


class WebhookSender:
    """Posts codes to a URL of the operator. The service there sends the SMS.

    The request::

        POST <url>
        Content-Type: application/json
        Idempotency-Key: <UUID, the same for every attempt at one code>
        Molva-Signature: t=<Unix seconds>,v1=<hex of HMAC-SHA256>

        {"phone": "+79161234567", "code": "123456", "expires_in": 300}

    The signature is computed with the shared secret over ``<t>.<body>``: the digits of ``t`` as sent, a dot, and the raw
    bytes of the body. The receiver computes it again, compares in constant time, refuses a ``t`` that differs from its own
    clock by more than a few minutes, and answers 2xx once it has accepted the code. After 408, 429, 5xx or no answer the
    request is repeated.
    """

    def __init__(
        self,
        url: str,
        secret: bytes,
        *,
        backoff_s: Sequence[float] = _BACKOFF_S,
        transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        self._url = url
        self._secret = secret
        self._backoff_s = backoff_s
        self._transport = transport
        self._tls = ssl.create_default_context()

    async def send(self, phone: str, code: str, expires_in_s: int) -> None:
        """Post the code, and repeat after a pause if the request failed."""
        body = orjson.dumps({"phone": phone, "code": code, "expires_in": expires_in_s})
        delivery_id = new_id()
        try:
            async with asyncio.timeout(TOTAL_TIMEOUT_S), self._client() as client:
                for pause_s in (0, *self._backoff_s):
                    await asyncio.sleep(pause_s)  # a service that just failed gets time to come back
                    if await self._attempt(client, body, delivery_id):
                        return
        except TimeoutError:
            log.warning("code webhook too slow", extra={"delivery_id": delivery_id})
        raise Unavailable(_NOT_SENT)

    def _client(self) -> "httpx.AsyncClient":
        import httpx  # importing it takes a fifth of a second: only webhooks need it  # noqa: PLC0415

        return httpx.AsyncClient(verify=self._tls, timeout=_ATTEMPT_TIMEOUT_S, transport=self._transport)

    async def _attempt(self, client: "httpx.AsyncClient", body: bytes, delivery_id: str) -> bool:
        """Whether the service accepted the code; ``Unavailable`` when a repeat would not help."""
        import httpx  # noqa: PLC0415  (as in _client)

        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": delivery_id,
            "Molva-Signature": sign(body, secret=self._secret, time_s=now_unix_s()),
        }
        try:
            response = await client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            log.warning("code webhook failed", extra={"delivery_id": delivery_id, "problem": type(error).__name__})
            return False
        if response.is_success:
            return True
        log.warning("code webhook refused", extra={"delivery_id": delivery_id, "status": response.status_code})
        if response.is_server_error or response.status_code in {408, 429}:
            return False
        raise Unavailable(_NOT_SENT)


def sign(body: bytes, *, secret: bytes, time_s: int) -> str:
    """The value of ``Molva-Signature``; see :class:`WebhookSender`."""
    return f"t={time_s},v1={hmac.new(secret, b'%d.%b' % (time_s, body), 'sha256').hexdigest()}"


def code_sender_for(settings: Settings) -> CodeSender:
    """The sender that the settings name. ``console`` is for development: the settings refuse it in production."""
    if settings.code_sender == "webhook" and settings.code_webhook_url and settings.code_webhook_secret:
        return WebhookSender(settings.code_webhook_url, settings.code_webhook_secret.get_secret_value().encode())
    return ConsoleSender() if settings.environment is Environment.DEVELOPMENT else SilentSender()
