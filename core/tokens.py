"""The secrets that clients hold: access tokens, refresh tokens, one-time codes. How they are made and recognised.

Each kind has a key of its own, derived from the server's one secret, so that none can pass for another. Nothing here does
I/O; what is stored (hashes and seeds, never a token or a code) is up to ``db``.

Access tokens are JWTs by RFC 8725: one algorithm, an explicit type, every claim required, and nothing accepted but what
:meth:`AccessTokens.issue` writes. To rotate the secret, ``AccessTokens`` holds the previous key under its ``kid`` until
the last token that it signed has expired. To add a claim, accept it one release before issuing it.
"""

import hmac
import re
import secrets
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import jwt
import orjson

from core.clock import now_unix_s
from core.errors import ErrorCode, Unauthorized
from core.ids import canonical_id, new_id

ACCESS_LIFETIME_S: Final = 15 * 60
ACCESS_TOKEN_CHARS_MAX: Final = 4096
CLOCK_LEEWAY_S: Final = 30
"""By how much another node's clock may be ahead of ours when we see a token that it has just issued."""
CODE_DIGITS: Final = 6

_ALGORITHM: Final = "HS256"
_TYPE: Final = "at+jwt"
_ISSUER: Final = "molva"
_AUDIENCE: Final = "molva"
_CLAIMS: Final = frozenset({"sub", "sid", "iss", "aud", "iat", "exp", "jti"})
_COMPACT_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_GENERATION_MAX: Final = 2**31 - 1


def derive_key(secret: bytes, label: str) -> bytes:
    """The 32-byte key for one purpose: HMAC-SHA256 of its label, as in HKDF-Expand (RFC 5869 §2.3) for one block."""
    return hmac.digest(secret, b"molva " + label.encode() + b"\x01", "sha256")


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new access token, good for ``expires_in_s`` seconds."""

    token: str
    expires_in_s: int


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says. ``expires_at_s`` is Unix time."""

    user_id: str
    session_id: str
    expires_at_s: int


class AccessTokens:
    """Issues and verifies access tokens."""

    def __init__(self, secret: bytes, *, previous: bytes | None = None) -> None:
        """``secret`` signs; tokens that ``previous`` signed are recognised too."""
        keys = [derive_key(each, "access token") for each in (previous, secret) if each is not None]
        self._keys = {sha256(b"kid " + key).hexdigest()[:16]: key for key in keys}
        self._kid = list(self._keys)[-1]

    def issue(self, *, user_id: str, session_id: str) -> IssuedToken:
        """A token for one login session of one person."""
        now_s = now_unix_s()
        claims = {
            "sub": user_id,
            "sid": session_id,
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "iat": now_s,
            "exp": now_s + ACCESS_LIFETIME_S,
            "jti": new_id(),
        }
        token = jwt.encode(claims, self._keys[self._kid], algorithm=_ALGORITHM, headers={"kid": self._kid, "typ": _TYPE})
        return IssuedToken(token, ACCESS_LIFETIME_S)

    def verify(self, token: str) -> Claims:
        """What ``token`` says; ``token_expired`` if all is well but its time, ``unauthorized`` for everything else."""
        if len(token) > ACCESS_TOKEN_CHARS_MAX or not _COMPACT_FORM.fullmatch(token):
            raise Unauthorized(why="no token")
        signed, _, signature = token.rpartition(".")
        raw_header, raw_payload = map(_decoded, signed.split("."))
        header, payload = _json_object(raw_header), _json_object(raw_payload)
        kid = header.get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        # Exactly our own header: so no other algorithm or type, no `jku`, `jwk`, `crit`, nothing that asks for anything.
        if key is None or header != {"alg": _ALGORITHM, "typ": _TYPE, "kid": kid}:
            raise Unauthorized(why="signed by another key" if header.get("alg") == _ALGORITHM else "another algorithm")
        if not _SIGNATURES.verify(signed.encode(), key, _decoded(signature)):
            raise Unauthorized(why="signature")
        return _checked(payload, now_unix_s())


_SIGNATURES: Final = jwt.get_algorithm_by_name(_ALGORITHM)
"""PyJWT's own, past its reading of the header, which is stricter here."""


def _decoded(part: str) -> bytes:
    """The bytes of a part of a token, which must be the one canonical spelling of them."""
    try:
        raw = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise Unauthorized(why="malformed") from None
    if _encoded(raw) != part:
        raise Unauthorized(why="malformed")
    return raw


def _encoded(raw: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(raw)
    except ValueError:
        raise Unauthorized(why="malformed") from None
    if not isinstance(value, dict):
        raise Unauthorized(why="malformed")
    return value


def _checked(payload: dict[str, Any], now_s: int) -> Claims:
    """The claims of a signed payload, each of them looked at; expiry last, so that nothing else passes for it."""
    if payload.keys() != _CLAIMS:
        raise Unauthorized(why="other claims")
    if payload["iss"] != _ISSUER or payload["aud"] != _AUDIENCE:
        raise Unauthorized(why="issuer" if payload["iss"] != _ISSUER else "audience")
    issued_at_s, expires_at_s = payload["iat"], payload["exp"]
    if type(issued_at_s) is not int or type(expires_at_s) is not int:  # a bool is an int to isinstance()
        raise Unauthorized(why="times")
    if not 0 < expires_at_s - issued_at_s <= ACCESS_LIFETIME_S or issued_at_s > now_s + CLOCK_LEEWAY_S:
        raise Unauthorized(why="times")
    for name in ("sub", "sid", "jti"):
        if not _is_canonical_id(payload[name]):
            raise Unauthorized(why="ids")
    if expires_at_s <= now_s:
        raise Unauthorized(ErrorCode.TOKEN_EXPIRED, why=f"expired {now_s - expires_at_s} s ago")
    return Claims(user_id=payload["sub"], session_id=payload["sid"], expires_at_s=expires_at_s)


def _is_canonical_id(value: object) -> bool:
    try:
        return isinstance(value, str) and canonical_id(value) == value
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class RefreshClaim:
    """Which session and generation a refresh token claims to be of; nothing is proven yet."""

    session_id: str
    generation: int


class RefreshTokens:
    """Refresh tokens: opaque to clients, derived anew from the session's seed whenever one is needed.

    A token is ``session id (16 bytes) | generation (4) | HMAC-SHA256 of both and the seed (32)`` in base64url. It cannot be
    guessed without the server's secret and the seed (32 random bytes), and that of an older generation is still known for
    what it is: that tells a stolen token from garbage without a list of used ones.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = derive_key(secret, "refresh token")

    @staticmethod
    def new_seed() -> bytes:
        """A seed for a new session."""
        return secrets.token_bytes(32)

    def derive(self, claim: RefreshClaim, seed: bytes) -> str:
        """The token of a session's generation."""
        head = uuid.UUID(claim.session_id).bytes + claim.generation.to_bytes(4, "big")
        return _encoded(head + hmac.digest(self._key, head + seed, "sha256"))

    def is_genuine(self, token: str, claim: RefreshClaim, seed: bytes) -> bool:
        """Whether we issued ``token`` as what it claims to be. In constant time."""
        return hmac.compare_digest(self.derive(claim, seed), token)


def read_refresh_token(token: str) -> RefreshClaim:
    """What ``token`` claims; ``unauthorized`` for what cannot be a refresh token."""
    raw = _decoded(token)
    generation = int.from_bytes(raw[16:20], "big")
    if len(raw) != 52 or generation > _GENERATION_MAX:
        raise Unauthorized
    return RefreshClaim(str(uuid.UUID(bytes=raw[:16])), generation)


def refresh_hash(token: str) -> bytes:
    """What is stored of a refresh token. Plain SHA-256 suffices: nobody guesses 256 bits."""
    return sha256(token.encode()).digest()


class CodeHashes:
    """What is stored of one-time codes: a keyed hash, because a million codes are tried in a second."""

    def __init__(self, secret: bytes) -> None:
        self._key = derive_key(secret, "one-time code")

    def of(self, code_id: str, code: str) -> bytes:
        """The hash of ``code``, which is that of no other code row."""
        return hmac.digest(self._key, f"{code_id} {code}".encode(), "sha256")


class PhoneHashes:
    """What the log says of a phone number: a keyed hash, the same for the same number. It does not lead to the number."""

    def __init__(self, secret: bytes) -> None:
        self._key = derive_key(secret, "phone in the log")

    def of(self, phone: str) -> str:
        """16 hexadecimal digits for a number in E.164 form."""
        return hmac.digest(self._key, phone.encode(), "sha256").hex()[:16]


def new_code() -> str:
    """A one-time code from the system's generator, every one of the million as likely as the next."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
