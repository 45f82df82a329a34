"""What a search looks for, and what of it a text has: one spelling for words, on both sides.

``plain_letters`` and ``plain_words`` in ``schema.sql`` spell the words of the index in the same way.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

WORDS_MAX: Final = 16
"""Words of a query that are looked for; the rest is left out."""
_BEGINNING_CHARS_MIN: Final = 2
"""A shorter last word is looked for as it is: half of all messages have a word that begins with a given letter."""

_EMOJI: Final = "\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001f3fa\U0001f400-\U0001faff"
"""Without skin tones (U+1F3FB to U+1F3FF)."""
_PART: Final = re.compile(rf"(?P<emoji>[{_EMOJI}])|[^\W_](?:[^\W_]|[\u0300-\u036f])*")
_WORD: Final = re.compile(r"[^\W_]+")
_MARKS: Final = re.compile("(?<![иИ])[\u0300-\u036f]+")
_TWO_LETTERS: Final = str.maketrans(
    {"ß": "ss", "ẞ": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "ı": "i"}  # noqa: RUF001  (it is meant)
)


def plain(text: str) -> str:
    """``text`` in the one spelling: without marks on letters (but й), small letters, ß as ss."""
    apart = unicodedata.normalize("NFKD", text.translate(_TWO_LETTERS))
    return unicodedata.normalize("NFC", _MARKS.sub("", apart)).lower()


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: whole words, the last word, and emoji."""

    words: list[str]
    last: str | None
    emoji: list[str]

    @classmethod
    def of(cls, text: str) -> "Query":
        """The words of what somebody typed; what is neither word nor emoji is left out."""
        words: list[str] = []
        emoji: list[str] = []
        for part in _PART.finditer(text):
            if part["emoji"]:
                emoji.append(part[0])
            else:
                words += _WORD.findall(plain(part[0]))
        words, emoji = words[:WORDS_MAX], emoji[:WORDS_MAX]
        last = words.pop() if words else None
        return cls(words, last, emoji)

    @property
    def beginning(self) -> str | None:
        """The last word, if words that begin with it are looked for too."""
        return self.last if self.last and len(self.last) >= _BEGINNING_CHARS_MIN else None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to look for."""
        return self.last is None and not self.emoji

    def may_match(self, word: str) -> bool:
        """Whether a word (spelled plainly) may be one of those looked for: a form of a word keeps its first letter."""
        return word[:1] in {each[0] for each in (*self.words, self.last or "") if each}


@dataclass(frozen=True, slots=True)
class Part:
    """A word or an emoji in a text. ``offset`` and ``length`` count characters (Unicode code points)."""

    offset: int
    length: int
    word: str
    """Spelled plainly."""


def text_of(content: dict[str, Any] | None) -> str:
    """The text of a message in which matches are shown: text, caption, title of a place or name of a contact."""
    for name in ("text", "caption", "title", "name"):
        value = (content or {}).get(name)
        if value and not (name == "name" and "file_id" in (content or {})):
            return str(value)
    return ""


def candidates(text: str, query: Query) -> Iterator[Part]:
    """The parts of ``text`` that may be what ``query`` looks for. An emoji certainly is."""
    for part in _PART.finditer(text):
        if part["emoji"]:
            if part[0] in query.emoji:
                yield Part(part.start(), part.end() - part.start(), part[0])
        elif query.may_match(word := plain(part[0])):
            yield Part(part.start(), part.end() - part.start(), word)


def distinct_words(texts: Iterable[Sequence[Part]], most: int) -> list[str]:
    """The words among the candidates of the texts, each once, at most so many."""
    words: dict[str, None] = {}
    for parts in texts:
        for part in parts:
            words[part.word] = None
            if len(words) >= most:
                return list(words)
    return list(words)
