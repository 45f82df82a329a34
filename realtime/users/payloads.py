"""Payloads of ``user:*``."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from core.limits import PHONES_PER_FIND_MAX
from realtime.model.objects import User
from realtime.wire.fields import PHONE, USER_ID, ClientPayload, Id, PhoneText, ServerPayload, StoredText, given


class UserFind(ClientPayload):
    """The people to find, by exactly one of `phones` and `username`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [given("phones"), given("username")]})

    phones: Annotated[list[PhoneText], Field(min_length=1, max_length=PHONES_PER_FIND_MAX)] | None = Field(
        None, description="Phone numbers, in any common format.", examples=[[PHONE]]
    )
    username: Annotated[StoredText, Field(min_length=1, max_length=64)] | None = Field(
        None, description="A username. Upper and lower case are the same.", examples=[None]
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.phones is None) == (self.username is None):
            raise ValueError("exactly one of phones and username is required")
        return self


class FoundUser(User):
    """A person who was found."""

    phone: str | None = Field(
        None, description="The phone number exactly as the request had it, if the search was by phone.", examples=[PHONE]
    )


class UsersFound(ServerPayload):
    """The people who were found."""

    users: list[FoundUser] = Field(description="The people who were found. People who were not found are left out.")


class UserNamed(ClientPayload):
    """The person that the action is about."""

    user_id: Id = Field(description="ID of the person.", examples=[USER_ID])


class BlockedUsers(ServerPayload):
    """The people whom the caller has blocked."""

    users: list[User] = Field(description="The blocked people, the latest block first.")
