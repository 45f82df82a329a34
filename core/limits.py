"""The documented bounds of what a client may send: in the schemas, in ``session:ready.limits`` and in the docs."""

from typing import Final

from core import rates

TEXT_CHARS_MAX: Final = 4096
TITLE_CHARS_MAX: Final = 128
DISPLAY_NAME_CHARS_MAX: Final = 64
ABOUT_CHARS_MAX: Final = 256
CAPTION_CHARS_MAX: Final = 1024
DEVICE_NAME_CHARS_MAX: Final = 128
PIN_CHARS_MIN: Final = 4
PIN_CHARS_MAX: Final = 64
USERNAME_CHARS_MIN: Final = 5
USERNAME_CHARS_MAX: Final = 32
QUERY_CHARS_MAX: Final = 256
DESCRIPTION_CHARS_MAX: Final = 512
METADATA_BYTES_MAX: Final = 4096
"""Of JSON without white space."""

GROUP_MEMBERS_MAX: Final = 1000
MEMBERS_PER_ADD_MAX: Final = 100
MENTIONS_MAX: Final = 50
REACTIONS_MAX: Final = 20
"""Different emoji on one message."""
REPORT_COMMENT_CHARS_MAX: Final = 1024
REPORTS_PER_DAY_MAX: Final = 50
"""By one person."""
PAGE_SIZE_DEFAULT: Final = 50
PAGE_SIZE_MAX: Final = 100
PHONES_PER_FIND_MAX: Final = 100
PINS_MAX: Final = 10
PINNED_MESSAGES_MAX: Final = 50
"""In one chat."""
INVITES_MAX: Final = 50
"""Of one group, at the same time."""
INVITE_SECONDS_MAX: Final = 366 * 86_400
WATCH_LIST_MAX: Final = 200
WATCHED_CHATS_MAX: Final = 50
CONNECTIONS_PER_USER: Final = 10
"""Unless the operator sets another number."""

PACKET_BYTES_MAX: Final = 64 * 1024
"""A larger packet is refused; one of more than twice as much closes the connection."""
AVATAR_BYTES_MAX: Final = 5 * 1024 * 1024
AVATAR_PIXELS_MAX: Final = 25_000_000
AVATAR_SIDE_MAX: Final = 16_383
"""In pixels; what every format can hold."""
AVATAR_SIZES: Final = ("50", "100", "400", "original")
"""Of an avatar's images: sides in pixels, and the picture in full."""
FILE_BYTES_MAX: Final = 25 * 1024 * 1024
FILE_NAME_CHARS_MAX: Final = 255
FILE_PIXELS_MAX: Final = 50_000_000
"""A picture with more is kept as a plain file: without width, height, thumbnail and BlurHash."""
FILE_SIDE_MAX: Final = 65_535
DURATION_S_MAX: Final = 86_400
UPLOADED_BYTES_PER_DAY_MAX: Final = 2 * 1024 * 1024 * 1024
"""By one person."""
NUMBERS_PER_DAY_MAX: Final = 1_000
"""Phone numbers that one person may look up in a day."""
NUMBERS_ON_FIRST_DAY_MAX: Final = 500

SEQ_MAX: Final = 2**53 - 1
"""The largest integer that JavaScript keeps exact."""


def shown_to_clients(*, connections_per_user: int = CONNECTIONS_PER_USER) -> dict[str, int]:
    """The bounds as ``session:ready.limits`` carries them; what can be configured, as it is."""
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
        "connections_per_user": connections_per_user,
        "packet_bytes": PACKET_BYTES_MAX,
        "packet_bytes_closing": 2 * PACKET_BYTES_MAX,
        "avatar_bytes": AVATAR_BYTES_MAX,
        "avatar_pixels": AVATAR_PIXELS_MAX,
        "avatar_side_pixels": AVATAR_SIDE_MAX,
        "file_bytes": FILE_BYTES_MAX,
        "file_name_chars": FILE_NAME_CHARS_MAX,
        "uploaded_bytes_per_day": UPLOADED_BYTES_PER_DAY_MAX,
        "numbers_looked_up_per_day": NUMBERS_PER_DAY_MAX,
        "numbers_looked_up_on_first_day": NUMBERS_ON_FIRST_DAY_MAX,
        **rates.shown_to_clients(),
    }
