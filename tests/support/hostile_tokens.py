"""Everything that an access token is forged into, and what must come of it, over HTTP and at the connect of a socket.

docs/security.md shows each table.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import jwt

from core.ids import new_id
from core.tokens import AccessTokens, derive_key
from tests.support.bad_inputs import Bad, refused

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def encoded(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def respelled(text: str) -> str:
    """Another spelling of the same bytes: the last character's unused bits."""
    return text[:-1] + _ALPHABET[_ALPHABET.index(text[-1]) ^ 1]


@dataclass(frozen=True)
class Forger:
    """Somebody who knows the server's secret, and so can sign whatever there is."""

    secret: bytes
    now_s: int
    user_id: str
    session_id: str
    others_session_id: str = ""
    revoked_session_id: str = ""

    @property
    def key(self) -> bytes:
        return derive_key(self.secret, "access token")

    @property
    def token(self) -> str:
        """A good one."""
        return AccessTokens(self.secret).issue(user_id=self.user_id, session_id=self.session_id).token

    @property
    def header(self) -> dict[str, Any]:
        return jwt.get_unverified_header(self.token)

    @property
    def claims(self) -> dict[str, Any]:
        return jwt.decode(self.token, options={"verify_signature": False})

    def signed(self, header: object, payload: object, *, key: bytes | None = None, hash_name: str = "sha256") -> str:
        """A compact token with a right signature over whatever stands before it."""
        raw = (part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload))
        return self.signed_parts([encoded(part) for part in raw], key=key, hash_name=hash_name)

    def signed_parts(self, parts: list[str], *, key: bytes | None = None, hash_name: str = "sha256") -> str:
        head = ".".join(parts)
        algorithm = jwt.algorithms.HMACAlgorithm(getattr(jwt.algorithms.HMACAlgorithm, hash_name.upper()))
        return f"{head}.{encoded(algorithm.sign(head.encode(), self.key if key is None else key))}"

    def with_claims(self, **changes: object) -> str:
        """A good token, but for some claims; ``None`` takes one out."""
        return self.signed(self.header, _changed(self.claims, changes))

    def with_header(self, **changes: object) -> str:
        return self.signed(_changed(self.header, changes), self.claims)


def _changed(fields: dict[str, Any], changes: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


Forge = Callable[[Forger], str]
Row = Bad[Forge]


def _rows(*rows: tuple[str, Forge], code: str = "unauthorized") -> list[Row]:
    return refused(401, code, *rows)


def _claims(*rows: tuple[str, Callable[[int], dict[str, object]]]) -> list[Row]:
    return _rows(
        *((what, lambda forger, change=change: forger.with_claims(**change(forger.now_s))) for what, change in rows)
    )


def _headers(*rows: tuple[str, dict[str, object]]) -> list[Row]:
    return _rows(*((what, lambda forger, change=change: forger.with_header(**change)) for what, change in rows))


_NAMES: Final = ("sub", "sid", "iss", "aud", "iat", "exp", "jti")
CLAIMS: Final = [
    *_claims(*((f"no `{name}`", lambda now, name=name: {name: None}) for name in _NAMES)),
    *_claims(
        ("another issuer", lambda now: {"iss": "somebody"}),
        ("a list of issuers", lambda now: {"iss": ["molva"]}),
        ("another audience", lambda now: {"aud": "somebody"}),
        ("a list of audiences", lambda now: {"aud": ["molva"]}),
        ("a list of audiences that has ours", lambda now: {"aud": ["molva", "somebody"]}),
        ("an empty user", lambda now: {"sub": ""}),
        ("a number for a user", lambda now: {"sub": 7}),
        ("words for a user", lambda now: {"sub": "admin"}),
        ("a session that is a word", lambda now: {"sid": "current"}),
        ("an empty id", lambda now: {"jti": ""}),
        ("a number for an id", lambda now: {"jti": 1}),
        ("a lifetime of a second too much", lambda now: {"iat": now, "exp": now + 901}),
        ("an expiry beyond 63 bits", lambda now: {"exp": 2**63}),
        ("an expiry of 400 digits", lambda now: {"exp": 10**400}),
        ("an expiry in text", lambda now: {"exp": str(now + 600)}),
        ("an expiry with a fraction", lambda now: {"exp": now + 600.5}),
        ("a whole expiry with a point", lambda now: {"exp": float(now + 600)}),
        ("an expiry that is true", lambda now: {"exp": True}),
        ("a list of expiries", lambda now: {"exp": [now + 600]}),
        ("an expiry before 1970", lambda now: {"exp": -1}),
        ("an expiry of NaN", lambda now: {"exp": float("nan")}),
        ("an expiry of Infinity", lambda now: {"exp": float("inf")}),
        ("a beginning in text", lambda now: {"iat": str(now)}),
        ("a beginning with a point", lambda now: {"iat": float(now)}),
        ("a beginning that is false", lambda now: {"iat": False}),
        ("a beginning in the future", lambda now: {"iat": now + 300, "exp": now + 900}),
        ("no lifetime", lambda now: {"iat": now, "exp": now}),
        ("an end before the beginning", lambda now: {"iat": now + 10, "exp": now + 5}),
        ("a claim that there is not: not before", lambda now: {"nbf": now + 300}),
        ("a claim that there is not: rights", lambda now: {"admin": True}),
        ("expired, for another audience", lambda now: {"iat": now - 1000, "exp": now - 100, "aud": "somebody"}),
        ("expired, of nobody", lambda now: {"iat": now - 1000, "exp": now - 100, "sub": "nobody"}),
        ("expired, after too long a life", lambda now: {"iat": now - 5000, "exp": now - 100}),
    ),
    *_rows(
        ("a user in capitals", lambda forger: forger.with_claims(sub=forger.user_id.upper())),
        ("a user in braces", lambda forger: forger.with_claims(sub="{" + forger.user_id + "}")),
        ("a user without hyphens", lambda forger: forger.with_claims(sub=forger.user_id.replace("-", ""))),
        ("a session with a line break behind it", lambda forger: forger.with_claims(sid=forger.session_id + "\n")),
        ("a list of sessions", lambda forger: forger.with_claims(sid=[forger.session_id])),
        ("a session that never was", lambda forger: forger.with_claims(sid=new_id())),
        ("a user that never was", lambda forger: forger.with_claims(sub=new_id())),
        ("somebody else's session", lambda forger: forger.with_claims(sid=forger.others_session_id)),
        ("user and session exchanged", lambda forger: forger.with_claims(sub=forger.session_id, sid=forger.user_id)),
    ),
    *_rows(
        ("a session that was ended", lambda forger: forger.with_claims(sid=forger.revoked_session_id)),
        code="session_revoked",
    ),
    *_rows(
        ("expired a second ago", lambda forger: forger.with_claims(iat=forger.now_s - 600, exp=forger.now_s - 1)),
        ("expired a day ago", lambda forger: forger.with_claims(iat=forger.now_s - 90_000, exp=forger.now_s - 89_200)),
        ("expired, of a session that was ended", lambda forger: forger.with_claims(
            iat=forger.now_s - 600, exp=forger.now_s - 1, sid=forger.revoked_session_id
        )),
        code="token_expired",
    ),
]  # fmt: skip

HEADERS: Final = [
    *_headers(
        ("algorithm none", {"alg": "none"}),
        ("algorithm None", {"alg": "None"}),
        ("algorithm HS512 by name", {"alg": "HS512"}),
        ("algorithm RS256", {"alg": "RS256"}),
        ("algorithm ES256", {"alg": "ES256"}),
        ("no algorithm", {"alg": None}),
        ("a list of algorithms", {"alg": ["HS256"]}),
        ("the algorithm in small letters", {"alg": "hs256"}),
        ("type JWT", {"typ": "JWT"}),
        ("no type", {"typ": None}),
        ("the type in capitals", {"typ": "AT+JWT"}),
        ("no key id", {"kid": None}),
        ("an empty key id", {"kid": ""}),
        ("another key id", {"kid": "another"}),
        ("a number for a key id", {"kid": 7}),
        ("a list of key ids", {"kid": ["a"]}),
        ("a path for a key id", {"kid": "../../dev/null"}),
        ("SQL for a key id", {"kid": "x' UNION SELECT 'key"}),
        ("keys somewhere else", {"jku": "https://example.org/keys"}),
        ("a key of its own", {"jwk": {"kty": "oct", "k": "AAAA"}}),
        ("a certificate somewhere else", {"x5u": "https://example.org/cert"}),
        ("a certificate of its own", {"x5c": ["AAAA"]}),
        ("something critical", {"crit": ["exp"]}),
        ("nothing critical", {"crit": []}),
        ("a payload that is not encoded", {"b64": False, "crit": ["b64"]}),
        ("a compressed payload", {"zip": "DEF"}),
        ("a token within", {"cty": "JWT"}),
    ),
    *_rows(("algorithm HS512, and signed by it", lambda forger: forger.signed(
        {**forger.header, "alg": "HS512"}, forger.claims, hash_name="sha512"
    ))),
]  # fmt: skip

FORMS: Final = _rows(
    ("nothing", lambda forger: ""),
    ("the scheme twice", lambda forger: "Bearer " + forger.token),
    ("padding", lambda forger: forger.token + "="),
    ("padding of every part", lambda forger: ".".join(part + "=" * (-len(part) % 4) for part in forger.token.split("."))),
    ("a line break behind it", lambda forger: forger.token + "\n"),
    ("a line break within", lambda forger: forger.token[:20] + "\n" + forger.token[20:]),
    ("a space within", lambda forger: forger.token[:20] + " " + forger.token[20:]),
    ("something behind it", lambda forger: forger.token + " x"),
    ("two parts", lambda forger: forger.token.rpartition(".")[0]),
    ("no signature", lambda forger: forger.token.rpartition(".")[0] + "."),
    ("no header", lambda forger: "." + forger.token.partition(".")[2]),
    ("a point behind it", lambda forger: forger.token + "."),
    ("four parts", lambda forger: forger.token + ".AAAA"),
    ("five parts, as if encrypted", lambda forger: forger.token + ".AAAA.AAAA"),
    ("a letter beyond ASCII", lambda forger: forger.token[:20] + "é" + forger.token[21:]),
    ("the other base64", lambda forger: forger.token.replace("-", "+").replace("_", "/") + "+"),
    ("another signature", lambda forger: forger.token[:-2] + ("AA" if forger.token[-2:] != "AA" else "BB")),
    ("the signature spelled otherwise", lambda forger: respelled(forger.token)),
    ("something too long behind it", lambda forger: forger.token + "A" * 5000),
    ("more than 4 KiB, signed", lambda forger: forger.with_claims(jti="x" * 5000)),
    ("an array for a payload", lambda forger: forger.signed(forger.header, b"[]")),
    ("null for a payload", lambda forger: forger.signed(forger.header, b"null")),
    ("a payload that breaks off", lambda forger: forger.signed(forger.header, b"{")),
    ("a payload that is not UTF-8", lambda forger: forger.signed(forger.header, b"\xff\xfe")),
    ("a payload 2,000 deep", lambda forger: forger.signed(forger.header, b"[" * 2000)),
    ("an array for a header", lambda forger: forger.signed(b"[]", forger.claims)),
    ("signed with nothing", lambda forger: forger.signed(forger.header, forger.claims, key=b"")),
    ("signed with the secret itself", lambda forger: forger.signed(forger.header, forger.claims, key=forger.secret)),
    ("signed with the key of refresh tokens", lambda forger: forger.signed(
        forger.header, forger.claims, key=derive_key(forger.secret, "refresh token")
    )),
    ("signed by somebody else", lambda forger: Forger(
        b"another secret, as long as it has to be", forger.now_s, forger.user_id, forger.session_id
    ).token),
    ("not signed, and says so", lambda forger: jwt.encode(
        forger.claims, None, algorithm="none", headers=forger.header | {"alg": "none"}
    )),
    ("not signed, of another type", lambda forger: forger.signed(
        {"alg": "none", "typ": "JWT"}, forger.claims
    ).rpartition(".")[0] + "."),
    ("the form in JSON", lambda forger: json.dumps({"payload": forger.token.split(".")[1], "signatures": []})),
)  # fmt: skip

LABELS: Final = _rows(
    ("no header", lambda forger: ""),
    ("the scheme alone", lambda forger: "Bearer"),
    ("another scheme", lambda forger: "Basic QTpC"),
    ("another scheme, with the token", lambda forger: f"Token {forger.token}"),
    ("the token alone", lambda forger: forger.token),
    ("the scheme and the token with a comma", lambda forger: f"Bearer,{forger.token}"),
    ("the token in quotes", lambda forger: f'Bearer "{forger.token}"'),
    ("the token as a parameter", lambda forger: f"Bearer token={forger.token}"),
)
"""The whole of ``Authorization``; HTTP alone."""

TABLES: Final = {"claims": CLAIMS, "headers of a token": HEADERS, "forms": FORMS, "`Authorization`": LABELS}
