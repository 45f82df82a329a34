"""What a refresh token is to its session, decided without HTTP or a database."""

from dataclasses import replace

import pytest

from accounts.tokens import Verdict, judge_refresh_token
from core.ids import new_id
from core.tokens import RefreshClaim, RefreshTokens, refresh_hash
from db.sessions import RefreshRow

TOKENS = RefreshTokens(b"a secret of the tests, 32 bytes or more")
SESSION_ID, SEED = new_id(), RefreshTokens.new_seed()
GENERATION = 3


def token_of(generation: int, *, tokens: RefreshTokens = TOKENS, seed: bytes = SEED) -> str:
    return tokens.derive(RefreshClaim(SESSION_ID, generation), seed)


ROW = RefreshRow(
    user_id=new_id(),
    refresh_seed=SEED,
    refresh_hash=refresh_hash(token_of(GENERATION)),
    generation=GENERATION,
    expires_in_s=60,
    in_grace=True,
    is_revoked=False,
)


def judge(row: RefreshRow | None, generation: int, token: str | None = None, tokens: RefreshTokens = TOKENS) -> Verdict:
    claim = RefreshClaim(SESSION_ID, generation)
    return judge_refresh_token(row, token or token_of(generation), claim, tokens)


def test_newest_token_is_current():
    assert judge(ROW, GENERATION) is Verdict.CURRENT


def test_token_before_it_is_late_within_the_grace_period_and_reused_after_it():
    assert judge(ROW, GENERATION - 1) is Verdict.LATE
    assert judge(replace(ROW, in_grace=False), GENERATION - 1) is Verdict.REUSED


def test_older_token_is_reused_even_within_the_grace_period():
    assert judge(ROW, GENERATION - 2) is Verdict.REUSED


def test_token_from_after_the_restored_backup_is_let_in():
    assert judge(ROW, GENERATION + 4) is Verdict.RESTORED
    assert judge(replace(ROW, generation=GENERATION + 5), GENERATION + 4) is not Verdict.RESTORED


@pytest.mark.parametrize("generation", [GENERATION, GENERATION - 1, GENERATION - 2])
def test_every_genuine_token_of_a_revoked_session_is_ended(generation: int):
    assert judge(replace(ROW, is_revoked=True, expires_in_s=0), generation) is Verdict.ENDED


@pytest.mark.parametrize("generation", [GENERATION, GENERATION - 1, GENERATION - 2])
def test_every_token_of_an_expired_session_is_worthless(generation: int):
    assert judge(replace(ROW, expires_in_s=0), generation) is Verdict.WORTHLESS


def test_token_of_no_session_is_worthless():
    assert judge(None, GENERATION) is Verdict.WORTHLESS


@pytest.mark.parametrize("row", [ROW, replace(ROW, is_revoked=True)], ids=["living", "revoked"])
@pytest.mark.parametrize(
    "token",
    [
        token_of(GENERATION - 1, seed=RefreshTokens.new_seed()),
        token_of(GENERATION - 1, tokens=RefreshTokens(b"another secret, just as long as it has to be")),
        token_of(GENERATION - 2),
        "",
    ],
    ids=["other seed", "other secret", "other generation", "empty"],
)
def test_token_that_only_names_a_session_is_worthless(row: RefreshRow, token: str):
    claim = RefreshClaim(SESSION_ID, GENERATION - 1)
    assert judge_refresh_token(row, token, claim, TOKENS) is Verdict.WORTHLESS


def test_current_token_outlives_a_change_of_the_secret_and_older_ones_do_not():
    changed = RefreshTokens(b"the secret after the change, as long as before")
    assert judge(ROW, GENERATION, token_of(GENERATION), changed) is Verdict.CURRENT
    assert judge(ROW, GENERATION - 1, token_of(GENERATION - 1), changed) is Verdict.WORTHLESS
