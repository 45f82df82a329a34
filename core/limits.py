"""The documented bounds of what a client may send: in the schemas, in ``session:ready.limits`` and in the docs.

The operator may set some of them: ``MOLVA_LIMITS_TEXT_CHARS`` and so on. The schemas are made of them when the modules are
imported, so they are read from the environment here; ``core.limit_settings`` explains and checks them.
"""

import os
from typing import Final

DEFAULTS: Final[dict[str, int]] = {}
"""The bounds that the operator may set, by their names in ``session:ready.limits``."""


def _configurable(name: str, default: int) -> int:
    DEFAULTS[name] = default
    text = os.environ.get(f"MOLVA_LIMITS_{name.upper()}", "").strip()
    return int(text) if text.isdecimal() else default  # what is no number is refused with the other settings


TEXT_CHARS_MAX: Final = _configurable("text_chars", 4096)
TITLE_CHARS_MAX: Final = _configurable("title_chars", 128)
DISPLAY_NAME_CHARS_MAX: Final = _configurable("display_name_chars", 64)
ABOUT_CHARS_MAX: Final = _configurable("about_chars", 256)
CAPTION_CHARS_MAX: Final = _configurable("caption_chars", 1024)
DEVICE_NAME_CHARS_MAX: Final = 128
PIN_CHARS_MIN: Final = 4
PIN_CHARS_MAX: Final = 64
USERNAME_CHARS_MIN: Final = 5
USERNAME_CHARS_MAX: Final = 32
QUERY_CHARS_MAX: Final = 256
DESCRIPTION_CHARS_MAX: Final = 512
METADATA_BYTES_MAX: Final = 4096
"""Of JSON without white space."""

GROUP_MEMBERS_MAX: Final = _configurable("group_members", 1000)
MEMBERS_PER_ADD_MAX: Final = _configurable("members_per_add", 100)
MENTIONS_MAX: Final = 50
REACTIONS_MAX: Final = 20
"""Different emoji on one message."""
REPORT_COMMENT_CHARS_MAX: Final = 1024
REPORTS_PER_DAY_MAX: Final = 50
"""By one person."""
PAGE_SIZE_MAX: Final = _configurable("page_size", 100)
PAGE_SIZE_DEFAULT: Final = min(50, PAGE_SIZE_MAX)
PHONES_PER_FIND_MAX: Final = 100
PINS_MAX: Final = _configurable("pins", 10)
PINNED_MESSAGES_MAX: Final = 50
"""In one chat."""
INVITES_MAX: Final = 50
"""Of one group, at the same time."""
INVITE_SECONDS_MAX: Final = 366 * 86_400
WATCH_LIST_MAX: Final = _configurable("watch_list", 200)
WATCHED_CHATS_MAX: Final = 50

PACKET_BYTES_MAX: Final = _configurable("packet_bytes", 64 * 1024)
"""A larger packet is refused; one of more than twice as much closes the connection."""
AVATAR_BYTES_MAX: Final = _configurable("avatar_bytes", 5 * 1024 * 1024)
AVATAR_PIXELS_MAX: Final = _configurable("avatar_pixels", 25_000_000)
AVATAR_SIDE_MAX: Final = 16_383
"""In pixels; what every format can hold."""
AVATAR_SIZES: Final = ("50", "100", "400", "original")
"""Of an avatar's images: sides in pixels, and the picture in full."""
FILE_BYTES_MAX: Final = _configurable("file_bytes", 25 * 1024 * 1024)
FILE_NAME_CHARS_MAX: Final = 255
FILE_PIXELS_MAX: Final = 50_000_000
"""A picture with more is kept as a plain file: without width, height, thumbnail and BlurHash."""
FILE_SIDE_MAX: Final = 65_535
DURATION_S_MAX: Final = 86_400
NUMBERS_PER_DAY_MAX: Final = 1_000
"""Phone numbers that one person may look up in a day."""
NUMBERS_ON_FIRST_DAY_MAX: Final = 500

SEQ_MAX: Final = 2**53 - 1
"""The largest integer that JavaScript keeps exact."""


def in_schemas() -> dict[str, int]:
    """The bounds of single requests, by the names that clients are shown."""
    return {
        "text_chars": TEXT_CHARS_MAX,
        "title_chars": TITLE_CHARS_MAX,
        "display_name_chars": DISPLAY_NAME_CHARS_MAX,
        "about_chars": ABOUT_CHARS_MAX,
        "caption_chars": CAPTION_CHARS_MAX,
        "username_chars_min": USERNAME_CHARS_MIN,
        "username_chars": USERNAME_CHARS_MAX,
        "device_name_chars": DEVICE_NAME_CHARS_MAX,
        "pin_chars_min": PIN_CHARS_MIN,
        "pin_chars": PIN_CHARS_MAX,
        "query_chars": QUERY_CHARS_MAX,
        "description_chars": DESCRIPTION_CHARS_MAX,
        "metadata_bytes": METADATA_BYTES_MAX,
        "group_members": GROUP_MEMBERS_MAX,
        "members_per_add": MEMBERS_PER_ADD_MAX,
        "mentions": MENTIONS_MAX,
        "reactions": REACTIONS_MAX,
        "report_comment_chars": REPORT_COMMENT_CHARS_MAX,
        "reports_per_day": REPORTS_PER_DAY_MAX,
        "phones_per_find": PHONES_PER_FIND_MAX,
        "page_size": PAGE_SIZE_MAX,
        "pins": PINS_MAX,
        "pinned_messages": PINNED_MESSAGES_MAX,
        "invites": INVITES_MAX,
        "invite_seconds": INVITE_SECONDS_MAX,
        "watch_list": WATCH_LIST_MAX,
        "watched_chats": WATCHED_CHATS_MAX,
        "packet_bytes": PACKET_BYTES_MAX,
        "packet_bytes_closing": 2 * PACKET_BYTES_MAX,
        "avatar_bytes": AVATAR_BYTES_MAX,
        "avatar_pixels": AVATAR_PIXELS_MAX,
        "avatar_side_pixels": AVATAR_SIDE_MAX,
        "file_bytes": FILE_BYTES_MAX,
        "file_name_chars": FILE_NAME_CHARS_MAX,
        "numbers_looked_up_per_day": NUMBERS_PER_DAY_MAX,
        "numbers_looked_up_on_first_day": NUMBERS_ON_FIRST_DAY_MAX,
    }
