"""Guesses at one-time codes: the bounds that hold for all of them, beside the five wrong guesses of each code.

What must stay true:

- Wrong guesses of a stranger never end the code of somebody else: a code dies of guesses made with its ``verification_id``
  alone, and whatever bound is reached, the first guess at a code is still compared.
- Whoever guesses at many codes, or at a number's codes for long, has one wrong guess for each code instead of five.
"""

from dataclasses import dataclass
from typing import Final

from accounts.code_caps import Origin
from core.ids import canonical_id
from core.settings import Environment, Settings
from core.tokens import CodeHashes
from db import codes, sign_in_failures
from db.pool import Tx

NUMBER_FAILURES_MAX: Final = 15
"""Wrong guesses at one number's codes in an hour, after which a code takes one guess."""
ADDRESS_FAILURES_MAX: Final = 30
"""Wrong guesses from one address (/64 of IPv6) in ten minutes, after which a code takes one guess."""
NETWORK_FAILURES_MAX: Final = 150
"""The same of a network (/24, or /48 of IPv6)."""
DEVELOPMENT_FACTOR: Final = 5
"""In development everybody comes from one address."""
_GUESSES_UNDER_SUSPICION: Final = 1


@dataclass(frozen=True, slots=True)
class Guess:
    """A guess at a code. Without ``verification_id`` the number's newest code is meant."""

    origin: Origin
    code: str
    verification_id: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of a guess. ``wait_s``: seconds until the address or network may guess freely again; 0: now."""

    is_right: bool
    wait_s: float


async def compare(tx: Tx, guess: Guess, *, hashes: CodeHashes, settings: Settings, uses_up: bool) -> Comparison:
    """Compare a guess with the code that it is about, and count it if it is wrong.

    The caller must commit, whatever the result. ``uses_up``: a right guess is the code's last.
    """
    wait_s, allowed = 0.0, codes.GUESSES_MAX
    origins = _origins(guess.origin, settings)
    if origins:
        wait_s = await sign_in_failures.find_wait_s(tx, list(origins), list(origins.values())) or 0
        is_hot = await codes.count_wrong_guesses(tx, guess.origin.phone) >= NUMBER_FAILURES_MAX
        if wait_s or is_hot:
            allowed = _GUESSES_UNDER_SUSPICION
    is_right = await _compare_one(tx, guess, hashes, allowed, uses_up=uses_up)
    if not is_right and origins and not wait_s:
        await sign_in_failures.count_failure(tx, list(origins))
        await sign_in_failures.sweep_failures(tx)
    return Comparison(is_right, 0 if is_right else wait_s)


async def _compare_one(tx: Tx, guess: Guess, hashes: CodeHashes, allowed: int, *, uses_up: bool) -> bool:
    phone = guess.origin.phone
    if guess.verification_id is None:
        code_id, statement = await codes.find_newest_code(tx, phone), codes.compare_loose_guess
    else:
        code_id, statement = _as_id(guess.verification_id), codes.compare_guess
    if code_id is None:
        return False
    return await statement(tx, code_id, phone, hashes.of(code_id, guess.code), uses_up, allowed) is True


def _as_id(verification_id: str) -> str | None:
    """The ID that was given out; ``None`` for what can be none."""
    try:
        return canonical_id(verification_id)
    except ValueError:
        return None


def _origins(origin: Origin, settings: Settings) -> dict[str, int]:
    """What failures are counted for, with the bound of each."""
    if settings.rate_limits == "off":
        return {}
    factor = DEVELOPMENT_FACTOR if settings.environment is Environment.DEVELOPMENT else 1
    bounds = ((origin.address, ADDRESS_FAILURES_MAX), (origin.network, NETWORK_FAILURES_MAX))
    return {name: bound * factor for name, bound in bounds if name is not None}
