"""Nothing but what the server issued passes for a token of the server."""

import base64
import json

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
from tests.support.hostile_tokens import Forger, encoded, respelled

SECRET = b"a secret of the tests, 32 bytes or more"
USER_ID, SESSION_ID = "01a2078f-57ab-7303-9f38-1cca023645ff", "01a2078f-57ab-7a3b-b0d6-faa40aea57db"
NOW = 1_795_423_164
tokens = AccessTokens(SECRET)
forger = Forger(SECRET, NOW, USER_ID, SESSION_ID)


@pytest.fixture(autouse=True)
def _clock_stands_still(monkeypatch):
    monkeypatch.setattr("core.tokens.now_unix_s", lambda: NOW)


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
    assert set(forger.claims) == {"sub", "sid", "iss", "aud", "iat", "exp", "jti"}
    assert forger.header["alg"] == "HS256"
    assert forger.header["typ"] == "at+jwt"


def test_two_tokens_have_two_ids():
    assert forger.claims["jti"] != forger.claims["jti"]


@pytest.mark.parametrize("place", [0, 1])
def test_signed_token_with_a_part_spelled_otherwise_is_refused(place):
    # As many spaces in front as it takes for the last character to have unused bits.
    raw = [json.dumps(part).encode() for part in (forger.header, forger.claims)]
    parts = [encoded(part.rjust(len(part) + (1 - len(part)) % 3)) for part in raw]
    assert tokens.verify(forger.signed_parts(parts)).user_id == USER_ID
    parts[place] = respelled(parts[place])
    assert refusal_of(forger.signed_parts(parts)) == "unauthorized"


def test_expired_token_says_that_it_has_expired():
    assert refusal_of(forger.with_claims(iat=NOW - 900, exp=NOW)) == "token_expired"
    assert refusal_of(forger.with_claims(iat=NOW - 90_000, exp=NOW - 89_200)) == "token_expired"


def test_token_of_a_node_whose_clock_is_a_little_ahead_is_valid():
    assert tokens.verify(forger.with_claims(iat=NOW + 10, exp=NOW + 910)).user_id == USER_ID


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
