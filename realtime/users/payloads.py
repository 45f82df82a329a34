"""Payloads of ``user:*``."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from core.limits import PHONES_PER_FIND_MAX
from realtime.model.objects import User
from realtime.wire.fields import PHONE, USER_ID, ClientPayload, Id, PhoneText, ServerPayload, StoredText, given


class UserFind(ClientPayload):
    """Whom: by phone numbers or by username, exactly one of the two."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [given("phones"), given("username")]})

    phones: Annotated[list[PhoneText], Field(min_length=1, max_length=PHONES_PER_FIND_MAX)] | None = Field(
        None, description="Phone numbers in any usual spelling.", examples=[[PHONE]]
    )
    username: Annotated[StoredText, Field(min_length=1, max_length=64)] | None = Field(
        None, description="A username, whatever its case.", examples=[None]
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.phones is None) == (self.username is None):
            raise ValueError("exactly one of phones and username is required")
        return self


class FoundUser(User):
    """Somebody who was found; found by phone, with the spelling that was asked for."""

    phone: str | None = Field(None, description="The number as it was asked for.", examples=[PHONE])


class UsersFound(ServerPayload):
    """Who was found; who was not is not in it."""

    users: list[FoundUser] = Field(description="The people.")


class UserNamed(ClientPayload):
    """Which person."""

    user_id: Id = Field(description="The person.", examples=[USER_ID])


class BlockedUsers(ServerPayload):
    """Whom the caller has blocked, the latest first."""

    users: list[User] = Field(description="The people.")
