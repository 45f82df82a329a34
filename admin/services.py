"""What the functions of this package work with."""

from dataclasses import dataclass

from accounts.network_bans import NetworkBans
from accounts.services import AccountServices
from db.pool import Database
from realtime.announcements import Announcements
from realtime.wire.context import Services


@dataclass(frozen=True, slots=True)
class AdminServices:
    """The services of the chat and of accounts, and what the operator sets for the whole process."""

    chat: Services
    accounts: AccountServices
    network_bans: NetworkBans
    announcements: Announcements

    @property
    def database(self) -> Database:
        """The database."""
        return self.chat.database
