"""The settings that are limits, ``MOLVA_LIMITS_…``, and what clients are shown of all limits.

To make another bound of ``core.limits`` configurable: ``_configurable`` there, and a field here.
"""

from typing import Final, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings

from core import limits, rates
from core.limits import DEFAULTS

_MIB: Final = 1024 * 1024

_SHOWN: Final = {
    "connections_per_user": "connections_per_user",
    "private_chats_per_day": "limits_private_chats_per_day",
    "groups_per_day": "limits_groups_per_day",
    "strangers_added_per_day": "limits_strangers_added_per_day",
    "files_per_day": "limits_files_per_day",
    "uploaded_bytes_per_day": "limits_file_bytes_per_day",
    "files_stored": "limits_files_stored",
    "file_bytes_stored": "limits_file_bytes_stored",
    "first_day_percent": "limits_first_day_percent",
}
"""Name in ``session:ready.limits`` → setting, where the limit is in no schema."""


class LimitSettings(BaseSettings):
    """What one person or one request may take."""

    connections_per_user: int = Field(
        10,
        ge=1,
        le=1000,
        description="Maximum number of connections of one user at a time. One more connection closes the oldest.",
    )
    limits_text_chars: int = Field(DEFAULTS["text_chars"], ge=1, le=15_000, description="Characters of a text message.")
    limits_title_chars: int = Field(DEFAULTS["title_chars"], ge=1, le=1000, description="Characters of a group's title.")
    limits_display_name_chars: int = Field(
        DEFAULTS["display_name_chars"], ge=1, le=1000, description="Characters of a display name."
    )
    limits_about_chars: int = Field(
        DEFAULTS["about_chars"], ge=1, le=10_000, description="Characters of what people write about themselves."
    )
    limits_caption_chars: int = Field(
        DEFAULTS["caption_chars"], ge=1, le=15_000, description="Characters of the caption of a picture, video or file."
    )
    limits_group_members: int = Field(DEFAULTS["group_members"], ge=2, le=10_000, description="Members of a group.")
    limits_members_per_add: int = Field(
        DEFAULTS["members_per_add"], ge=1, le=1000, description="People in one `member:add`."
    )
    limits_page_size: int = Field(DEFAULTS["page_size"], ge=1, le=1000, description="Items of one page of a list.")
    limits_pins: int = Field(DEFAULTS["pins"], ge=1, le=1000, description="Chats that one person pins.")
    limits_watch_list: int = Field(DEFAULTS["watch_list"], ge=1, le=1000, description="People in one `presence:watch`.")
    limits_packet_bytes: int = Field(
        DEFAULTS["packet_bytes"], ge=16_384, le=_MIB, description="Bytes of one Socket.IO packet of a client."
    )
    limits_avatar_bytes: int = Field(DEFAULTS["avatar_bytes"], ge=1024, le=50 * _MIB, description="Bytes of a picture.")
    limits_avatar_pixels: int = Field(
        DEFAULTS["avatar_pixels"], ge=400 * 400, le=200_000_000, description="Pixels of a picture."
    )
    limits_file_bytes: int = Field(DEFAULTS["file_bytes"], ge=1024, le=2048 * _MIB, description="Bytes of one file.")
    limits_private_chats_per_day: int = Field(
        200, ge=1, description="New private chats that one person opens in a day (UTC) at the most."
    )
    limits_groups_per_day: int = Field(50, ge=1, description="New groups of one person in a day at the most.")
    limits_strangers_added_per_day: int = Field(
        500, ge=1, description="People that one person adds to groups in a day without sharing a chat with them before."
    )
    limits_files_per_day: int = Field(1000, ge=1, description="Files that one person uploads in a day at the most.")
    limits_file_bytes_per_day: int = Field(
        2 * 1024**3, ge=1, description="Bytes that one person uploads in a day, thumbnails included."
    )
    limits_files_stored: int = Field(50_000, ge=1, description="Files of one person that are kept at the most.")
    limits_file_bytes_stored: int = Field(
        50 * 1024**3, ge=1, description="Bytes of all files of one person, thumbnails included."
    )
    limits_first_day_percent: int = Field(
        20, ge=1, le=100, description="Share of the daily limits that an account has in its first 24 hours, in percent."
    )

    @model_validator(mode="after")
    def _are_those_of_the_schemas(self) -> Self:
        """The schemas are made already: another value would be refused there, or be too large."""
        in_schemas = limits.in_schemas()
        for name in DEFAULTS:
            if getattr(self, f"limits_{name}") != in_schemas[name]:
                raise ValueError(f"MOLVA_LIMITS_{name.upper()} must be set in the environment before the process starts")
        return self


def shown_to_clients(settings: LimitSettings | None = None) -> dict[str, int]:
    """All limits, as ``session:ready.limits`` carries them; without settings, as they are unless the operator sets them."""
    fields = LimitSettings.model_fields
    set_by_operator = {
        shown: fields[name].default if settings is None else getattr(settings, name) for shown, name in _SHOWN.items()
    }
    return limits.in_schemas() | set_by_operator | rates.shown_to_clients()
