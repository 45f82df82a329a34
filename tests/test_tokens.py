"""Nothing but what the server issued passes for a token of the server."""

import base64
import json

import jwt
import pytest

from core.errors import ErrorCode, Unauthorized
from core.tokens import (
    ACCESS_LIFETIME_S,
    AccessTokens,
    CodeHashes,
    RefreshClaim,
    RefreshTokens,
    derive_key,
    new_code,
    read_refresh_token,
    refresh_hash,
)

SECRET = b"a secret of the tests, 32 bytes or more"
KEY = derive_key(SECRET, "access token")
# Fixed, because the names of tests hold them, and every worker must collect the same names.
USER_ID, SESSION_ID = "01a2078f-57ab-7303-9f38-1cca023645ff", "01a2078f-57ab-7a3b-b0d6-faa40aea57db"
NOW = 1_795_423_164
tokens = AccessTokens(SECRET)


@pytest.fixture(autouse=True)
def _clock_stands_still(monkeypatch):
    monkeypatch.setattr("core.tokens.now_unix_s", lambda: NOW)


def issue() -> str:
    return tokens.issue(user_id=USER_ID, session_id=SESSION_ID).token


def header_of(token: str) -> dict:
    return jwt.get_unverified_header(token)


def claims_of(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: object, payload: object, *, key: bytes = KEY) -> str:
    """A compact token with a right signature over whatever stands before it."""
    raw = (part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload))
    return signed_parts([encoded(part) for part in raw], key=key)


def signed_parts(parts: list[str], *, key: bytes = KEY) -> str:
    head = ".".join(parts)
    return f"{head}.{encoded(jwt.algorithms.HMACAlgorithm('sha256').sign(head.encode(), key))}"


def with_claims(**changes: object) -> str:
    """A token of ours, but for some claims; ``None`` takes one out."""
    token = issue()
    claims = {name: value for name, value in {**claims_of(token), **changes}.items() if value is not None}
    return signed(header_of(token), claims)


def with_header(**changes: object) -> str:
    token = issue()
    header = {name: value for name, value in {**header_of(token), **changes}.items() if value is not None}
    return signed(header, claims_of(token))


def refusal_of(token: str) -> ErrorCode:
    with pytest.raises(Unauthorized) as caught:
        tokens.verify(token)
    return caught.value.code


def test_issued_token_says_who_and_until_when():
    issued = tokens.issue(user_id=USER_ID, session_id=SESSION_ID)
    claims = tokens.verify(issued.token)
    assert (claims.user_id, claims.session_id) == (USER_ID, SESSION_ID)
    assert issued.expires_in_s == ACCESS_LIFETIME_S == 900
    assert claims.expires_at_s == NOW + 900


def test_issued_token_has_the_claims_of_the_contract():
    token = issue()
    assert set(claims_of(token)) == {"sub", "sid", "iss", "aud", "iat", "exp", "jti"}
    assert header_of(token)["alg"] == "HS256"
    assert header_of(token)["typ"] == "at+jwt"


def test_two_tokens_have_two_ids():
    assert claims_of(issue())["jti"] != claims_of(issue())["jti"]


def test_token_signed_again_as_it_was_is_valid():
    """Otherwise the tables below would show nothing."""
    assert tokens.verify(with_claims()).user_id == USER_ID
    assert tokens.verify(with_header()).user_id == USER_ID


def test_token_of_another_secret_is_refused():
    other = AccessTokens(b"another secret, as long as it has to be")
    assert refusal_of(other.issue(user_id=USER_ID, session_id=SESSION_ID).token) == "unauthorized"


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in ("sub", "sid", "iss", "aud", "iat", "exp", "jti")),
        {"iss": "somebody"},
        {"iss": ["molva"]},
        {"aud": "somebody"},
        {"aud": ["molva"]},
        {"aud": ["molva", "somebody"]},
        {"sub": ""},
        {"sub": 7},
        {"sub": USER_ID.upper()},
        {"sub": "{" + USER_ID + "}"},
        {"sub": USER_ID.replace("-", "")},
        {"sid": "current"},
        {"sid": SESSION_ID + "\n"},
        {"sid": [SESSION_ID]},
        {"jti": ""},
        {"jti": 1},
        {"exp": NOW + 901},
        {"exp": 2**63},
        {"exp": 10**400},
        {"exp": str(NOW + 600)},
        {"exp": NOW + 600.5},
        {"exp": float(NOW + 600)},
        {"exp": True},
        {"exp": [NOW + 600]},
        {"exp": -1},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"iat": str(NOW)},
        {"iat": float(NOW)},
        {"iat": False},
        {"iat": NOW + 300, "exp": NOW + 900},
        {"iat": NOW + 600, "exp": NOW + 600},
        {"iat": NOW + 601, "exp": NOW + 600},
        {"nbf": NOW + 300},
        {"admin": True},
        # Whatever is wrong besides, an expired token is no excuse to say more.
        {"iat": NOW - 1000, "exp": NOW - 100, "aud": "somebody"},
        {"iat": NOW - 1000, "exp": NOW - 100, "sub": "nobody"},
        {"iat": NOW - 5000, "exp": NOW - 100},
    ],
    ids=repr,
)
def test_signed_token_with_a_wrong_claim_is_refused(changes):
    assert refusal_of(with_claims(**changes)) == "unauthorized"


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS512"},
        {"alg": "RS256"},
        {"alg": None},
        {"alg": ["HS256"]},
        {"typ": "JWT"},
        {"typ": None},
        {"typ": "AT+JWT"},
        {"kid": None},
        {"kid": ""},
        {"kid": "another"},
        {"kid": 7},
        {"kid": ["a"]},
        {"kid": "../../dev/null"},
        {"jku": "https://example.org/keys"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"x5u": "https://example.org/cert"},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
        {"zip": "DEF"},
        {"cty": "JWT"},
    ],
    ids=repr,
)
def test_signed_token_with_a_wrong_header_is_refused(changes):
    assert refusal_of(with_header(**changes)) == "unauthorized"


def _last_bits_changed(token: str) -> str:
    """Another spelling of the same bytes: the last character's unused bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: "Bearer " + token,
        lambda token: token + "=",
        lambda token: token + "==",
        lambda token: ".".join(part + "=" * (-len(part) % 4) for part in token.split(".")),
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token.rpartition(".")[0],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token + ".",
        lambda token: token + ".AAAA",
        lambda token: "." + token.partition(".")[2],
        lambda token: token[:20] + "\n" + token[20:],
        lambda token: token[:20] + "é" + token[21:],
        lambda token: token[:20] + "\ud800" + token[21:],
        lambda token: token.replace("-", "+").replace("_", "/") + "+",
        lambda token: token[:-2] + ("AA" if token[-2:] != "AA" else "BB"),
        _last_bits_changed,
        lambda token: token + "A" * 5000,
        lambda token: with_claims(jti="x" * 5000),
        lambda token: with_claims(note="x" * 5000),
        lambda token: signed(header_of(token), b"[]"),
        lambda token: signed(header_of(token), b"null"),
        lambda token: signed(header_of(token), b"{"),
        lambda token: signed(header_of(token), b"\xff\xfe"),
        lambda token: signed(header_of(token), b"[" * 2000),
        lambda token: signed(b"[]", claims_of(token)),
        lambda token: signed(header_of(token), claims_of(token), key=b""),
        lambda token: signed(header_of(token), claims_of(token), key=SECRET),
        lambda token: signed(header_of(token), claims_of(token), key=derive_key(SECRET, "refresh token")),
        lambda token: jwt.encode(claims_of(token), None, algorithm="none", headers=header_of(token) | {"alg": "none"}),
        lambda token: signed({"alg": "none", "typ": "JWT"}, claims_of(token)).rpartition(".")[0] + ".",
        lambda token: json.dumps({"payload": token.split(".")[1], "signatures": []}),
    ],
)
def test_token_in_any_other_form_is_refused(spoil):
    assert refusal_of(spoil(issue())) == "unauthorized"


@pytest.mark.parametrize("place", [0, 1])
def test_signed_token_with_a_part_spelled_otherwise_is_refused(place):
    # As many spaces in front as it takes for the last character to have unused bits.
    raw = [json.dumps(part).encode() for part in (header_of(issue()), claims_of(issue()))]
    parts = [encoded(part.rjust(len(part) + (1 - len(part)) % 3)) for part in raw]
    assert tokens.verify(signed_parts(parts)).user_id == USER_ID
    parts[place] = _last_bits_changed(parts[place])
    assert refusal_of(signed_parts(parts)) == "unauthorized"


def test_expired_token_says_that_it_has_expired():
    assert refusal_of(with_claims(iat=NOW - 900, exp=NOW)) == "token_expired"
    assert refusal_of(with_claims(iat=NOW - 90_000, exp=NOW - 89_200)) == "token_expired"


def test_token_of_a_node_whose_clock_is_a_little_ahead_is_valid():
    assert tokens.verify(with_claims(iat=NOW + 10, exp=NOW + 910)).user_id == USER_ID


# --- refresh tokens

refreshes = RefreshTokens(SECRET)
SEED = refreshes.new_seed()


def test_refresh_token_is_known_again():
    claim = RefreshClaim(SESSION_ID, 3)
    token = refreshes.derive(claim, SEED)
    assert read_refresh_token(token) == claim
    assert refreshes.is_genuine(token, claim, SEED)


def test_refresh_token_depends_on_session_generation_seed_and_secret():
    made = {
        RefreshTokens(secret).derive(RefreshClaim(session_id, generation), seed)
        for secret in (SECRET, SECRET + b"!")
        for session_id in (SESSION_ID, USER_ID)
        for generation in (1, 2)
        for seed in (SEED, bytes(32))
    }
    assert len(made) == 16


def test_refresh_token_with_any_bit_changed_is_not_genuine():
    claim = RefreshClaim(SESSION_ID, 1)
    raw = base64.urlsafe_b64decode(refreshes.derive(claim, SEED) + "==")
    for place in range(len(raw)):
        forged = encoded(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        assert not refreshes.is_genuine(forged, read_refresh_token(forged), SEED)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: token[:-1],
        lambda token: token[:-4],
        lambda token: token + "=",
        lambda token: token + "==",
        lambda token: token + "AAAA",
        lambda token: token + "\n",
        _last_bits_changed,
        lambda token: "é" + token[1:],
        lambda token: token[:21] + "8___" + token[25:],
        lambda token: issue(),
        lambda token: "A",
    ],
)
def test_what_is_no_refresh_token_is_refused(spoil):
    token = refreshes.derive(RefreshClaim(SESSION_ID, 1), SEED)
    with pytest.raises(Unauthorized):
        read_refresh_token(spoil(token))


def test_stored_hash_is_not_the_token():
    token = refreshes.derive(RefreshClaim(SESSION_ID, 1), SEED)
    assert len(refresh_hash(token)) == 32
    assert refresh_hash(token) != refresh_hash(token + "A")


# --- codes


def test_codes_are_six_digits_and_spread_over_all():
    codes = {new_code() for _ in range(3000)}
    assert all(len(code) == 6 and code.isascii() and code.isdigit() for code in codes)
    assert len(codes) > 2950
    assert {code[0] for code in codes} == set("0123456789")


def test_code_hash_belongs_to_its_row_and_secret():
    made = {
        CodeHashes(secret).of(code_id, code)
        for secret in (SECRET, SECRET + b"!")
        for code_id in (USER_ID, SESSION_ID)
        for code in ("000000", "000001")
    }
    assert len(made) == 8


def test_every_purpose_has_its_own_key():
    labels = ("access token", "refresh token", "one-time code")
    assert len({derive_key(SECRET, label) for label in labels} | {SECRET}) == 4
