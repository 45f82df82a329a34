"""The services that the functions of this package work with, in one object that the composition root builds once.

A function that needs a single service takes that one alone. A function that is part of a larger transaction takes the
``Tx`` of its caller.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from accounts.challenges import Challenges
from accounts.code_caps import SendTiming
from accounts.code_senders import CodeSender
from accounts.daily_budgets import DailyBudgets
from accounts.pin_hashes import PinHashes
from core.phones import mask_phone
from core.settings import Settings
from core.tokens import AccessTokens, CodeHashes, PhoneHashes, RefreshTokens
from db.pool import Database
from storage.objects import Objects
from storage.workers import ImageWorkers

OnSessionEnded = Callable[[str, str], Awaitable[None]]
"""Called with the session's id and the reason after the commit that ended it. It closes the session's connections."""


@dataclass(frozen=True, slots=True)
class AccountServices:
    """What accounts use of the rest of the process."""

    settings: Settings
    database: Database
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    code_hashes: CodeHashes
    phone_hashes: PhoneHashes
    code_sender: CodeSender
    on_session_ended: OnSessionEnded
    objects: Objects
    images: ImageWorkers
    challenges: Challenges
    budgets: DailyBudgets | None
    send_timing: SendTiming = field(default_factory=SendTiming)
    pin_hashes: PinHashes = field(default_factory=PinHashes)

    def logged_phone(self, phone: str) -> dict[str, str]:
        """A number as log fields: masked, and a hash by which ``molva logs --phone`` finds its lines."""
        return {"phone": mask_phone(phone), "phone_hash": self.phone_hashes.of(phone)}
