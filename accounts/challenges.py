"""Challenges: what a client may solve in place of waiting, when a cap on codes for many people is reached.

What must stay true:

- A solution is good for one code to one number, and for :data:`LIFETIME_S` at the most.
- The server keeps nothing for a challenge that it offered: a nonce carries its own end, and the number is signed with it.
- A service that does not answer within :data:`TIMEOUT_S` keeps no registered number out, and lets no other number in.

To add a service: its name in the setting ``CHALLENGE`` and its address in :data:`_VERIFY_URLS`.
"""

import asyncio
import hmac
import logging
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import sha256
from typing import Any, Final

from core.clock import now_unix_s
from core.settings import Settings
from core.tokens import derive_key

log = logging.getLogger("molva.auth")

POW_BITS: Final = 20
"""Leading zero bits of a solution's hash: about a million hashes, a second or two on a phone."""
LIFETIME_S: Final = 300
TIMEOUT_S: Final = 5.0
_VERIFIED_AT_ONCE_MAX: Final = 16
_HEAD_BYTES: Final = 4 + 12
_MAC_BYTES: Final = 16

_VERIFY_URLS: Final = {
    "hcaptcha": "https://api.hcaptcha.com/siteverify",
    "turnstile": "https://challenges.cloudflare.com/turnstile/v0/siteverify",
}


@dataclass(frozen=True, slots=True)
class ChallengeAnswer:
    """What a client answers to a challenge. ``nonce`` is that of a proof of work; services have none."""

    nonce: str | None
    solution: str


class Verdict(Enum):
    """What became of a challenge."""

    NOT_SOLVED = auto()
    SOLVED = auto()
    UNKNOWN = auto()
    """The service did not answer."""


class Challenges:
    """Offers challenges of the kind that the operator chose, and judges the answers to them."""

    def __init__(self, settings: Settings) -> None:
        self._kind = settings.challenge
        self._site_key = settings.challenge_site_key
        self._secret = settings.challenge_secret
        self._url = settings.challenge_url or _VERIFY_URLS.get(self._kind, "")
        self._key = derive_key(settings.signing_secret(), "challenge")
        self._slots = asyncio.Semaphore(_VERIFIED_AT_ONCE_MAX)

    def offer(self, phone: str) -> Mapping[str, Any] | None:
        """A new challenge for a code to ``phone``; ``None`` if the operator wants none."""
        match self._kind:
            case "off":
                return None
            case "pow":
                head = (now_unix_s() + LIFETIME_S).to_bytes(4, "big") + secrets.token_bytes(_HEAD_BYTES - 4)
                nonce = urlsafe_b64encode(head + self._mac(head, phone)).decode()
                return {"type": "pow", "nonce": nonce, "bits": POW_BITS}
            case service:
                return {"type": service, "site_key": self._site_key}

    async def judge(self, answer: ChallengeAnswer | None, *, phone: str, address: str | None) -> Verdict:
        """Whether ``answer`` solves a challenge for ``phone``. That a proof of work was used before is not seen here."""
        if answer is None or self._kind == "off":
            return Verdict.NOT_SOLVED
        if self._kind == "pow":
            return Verdict.SOLVED if self._is_proof(answer, phone) else Verdict.NOT_SOLVED
        try:
            async with asyncio.timeout(TIMEOUT_S), self._slots:
                return Verdict.SOLVED if await self._verify(answer.solution, address) else Verdict.NOT_SOLVED
        except TimeoutError:
            log.warning("challenge not verified", extra={"challenge": self._kind, "problem": "TimeoutError"})
            return Verdict.UNKNOWN

    def _mac(self, head: bytes, phone: str) -> bytes:
        return hmac.digest(self._key, head + phone.encode(), "sha256")[:_MAC_BYTES]

    def _is_proof(self, answer: ChallengeAnswer, phone: str) -> bool:
        """Whether SHA-256 of ``<nonce>.<solution>`` begins with enough zero bits, and the nonce is ours and not too old."""
        nonce = answer.nonce or ""
        try:
            raw = urlsafe_b64decode(nonce.encode("ascii"))
        except ValueError:
            return False
        head, mac = raw[:_HEAD_BYTES], raw[_HEAD_BYTES:]
        is_ours = urlsafe_b64encode(raw).decode() == nonce and hmac.compare_digest(mac, self._mac(head, phone))
        if not is_ours or int.from_bytes(head[:4], "big") < now_unix_s():
            return False
        return leading_zero_bits(sha256(f"{nonce}.{answer.solution}".encode()).digest()) >= POW_BITS

    async def _verify(self, solution: str, address: str | None) -> bool:
        """What the service says; ``TimeoutError`` if it says nothing that can be understood."""
        import httpx  # importing it takes a fifth of a second: only services need it  # noqa: PLC0415

        secret = self._secret.get_secret_value() if self._secret else ""
        form = {"secret": secret, "response": solution} | ({"remoteip": address} if address else {})
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
                said = (await client.post(self._url, data=form)).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            log.warning("challenge not verified", extra={"challenge": self._kind, "problem": type(error).__name__})
            raise TimeoutError from None
        return isinstance(said, dict) and said.get("success") is True


def leading_zero_bits(digest: bytes) -> int:
    """How many bits of ``digest`` are zero before the first that is not."""
    return len(digest) * 8 - int.from_bytes(digest, "big").bit_length()
