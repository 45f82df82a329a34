"""Payloads of ``report:*``."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from core import limits
from realtime.wire.fields import CHAT_ID, ClientPayload, Id, Seq, VisibleText, given

_PERSON_ALONE: Final[dict[str, Any]] = {
    "required": ["user_id"],
    "properties": {"user_id": {"not": {"type": "null"}}, "seq": {"type": "null"}},
}
"""A person is reported, and no message."""


class ReportCreate(ClientPayload):
    """What to report: a message, a chat or a person."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [given("chat_id"), _PERSON_ALONE]})

    chat_id: Id | None = Field(None, description="The chat.", examples=[CHAT_ID])
    seq: Seq | None = Field(None, description="The message, if it is about one. Needs `chat_id`.", examples=[1])
    user_id: Id | None = Field(None, description="The person, if it is about one.", examples=[None])
    reason: Literal["spam", "abuse", "illegal", "other"] = Field(description="What is wrong.", examples=["spam"])
    comment: Annotated[VisibleText, Field(max_length=limits.REPORT_COMMENT_CHARS_MAX)] | None = Field(
        None, description="More about it, in your own words.", examples=["The same advertisement in every group"]
    )

    @model_validator(mode="after")
    def _about_something(self) -> Self:
        if self.chat_id is None and self.user_id is None:
            raise ValueError("chat_id or user_id is required")
        if self.seq is not None and self.chat_id is None:
            raise ValueError("seq needs chat_id")
        return self
