"""Which texts are one emoji: those that Unicode recommends for general interchange (RGI), in their full spelling.

Unicode lists other spellings too, such as a heart without the selector that makes it an emoji. They are refused, so that
one emoji has one spelling. Parts of an emoji, such as a skin tone by itself, are none.
"""

from typing import Final

from emoji import EMOJI_DATA, STATUS

EMOJI_CHARS_MAX: Final = 16
"""The longest has ten code points; the list may grow."""

_RGI: Final = frozenset(text for text, about in EMOJI_DATA.items() if about["status"] == STATUS["fully_qualified"])


def one_emoji(text: str) -> str:
    """``text`` if it is one emoji; ``ValueError`` otherwise."""
    if text not in _RGI:
        raise ValueError("must be one emoji, in the full spelling that Unicode recommends")
    return text
