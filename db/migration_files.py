"""The files of the migrations: their names, their headers, and what their statements do to a running database.

A file begins with comments; two of them are read by the code::

    -- molva: additive              a server of the version before works with it; `-- molva: not additive` if it does not
    -- molva: not in a transaction  for CREATE INDEX CONCURRENTLY

Files before :data:`FIRST_WITH_HEADER` were released without a header and count as not additive.

What must stay true: a statement whose effect is not known here counts as one that makes reads and writes wait, and as not
additive.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from typing import Final

from core.errors import StartupError

FOLDER: Final = Path(__file__).with_name("migrations")
FIRST_WITH_HEADER: Final = "0018"

_NAME: Final = re.compile(r"\d{4}_[a-z0-9_]+")
_HEADER: Final = re.compile(r"^-- molva: (.+)$", re.MULTILINE)
_WORDS: Final = {"additive", "not additive", "not in a transaction"}
_PIECE: Final = re.compile(
    r"--[^\n]*|/\*.*?\*/|(\$\w*\$).*?\1|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|;|[^-/$'\";]+|.", re.DOTALL
)


class Waiting(IntEnum):
    """Who waits for a statement, the worse the higher."""

    NOBODY = 0
    WRITES = 1
    ALL = 2


@dataclass(frozen=True, slots=True)
class Effect:
    """What a statement does. ``is_long``: it reads or writes the whole table, so its time grows with it."""

    tables: tuple[str, ...]
    waiting: Waiting
    is_long: bool = False
    is_additive: bool = False
    creates: str | None = None
    """The table that it makes: nobody else knows it yet."""
    index: str | None = None
    """The index that it drops; its table is locked."""
    is_known: bool = True


@dataclass(frozen=True)
class Migration:
    """One file."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Of the whole file: a released one never changes."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @cached_property
    def header(self) -> frozenset[str]:
        """The words of its header."""
        return frozenset(_HEADER.findall(self.sql))

    @property
    def is_additive(self) -> bool:
        """Whether a server of the version before works with it."""
        return "additive" in self.header

    @property
    def is_in_transaction(self) -> bool:
        """Whether it is applied whole or not at all."""
        return "not in a transaction" not in self.header

    @cached_property
    def statements(self) -> list[str]:
        """Its statements, without comments."""
        return list(_split(self.sql))

    @property
    def is_known(self) -> bool:
        """Whether the effects of all its statements are known."""
        return all(effect_of(statement).is_known for statement in self.statements)

    def effects(self, table_of_index: Mapping[str, str]) -> dict[str, Effect]:
        """The worst effect on each table that was there before; locks are kept until the end of the transaction."""
        found: dict[str, Effect] = {}
        made: set[str] = set()
        is_long = False
        for statement in self.statements:
            effect = effect_of(statement)
            made |= {effect.creates} if effect.creates else set()
            locked = table_of_index.get(effect.index or "")
            for table in {*effect.tables, *([locked] if locked else [])} - made:
                is_long = is_long or effect.is_long
                before = found.get(table, effect)
                worst = max(before.waiting, effect.waiting)
                found[table] = Effect((table,), worst, before.is_long or effect.is_long)
        if not self.is_in_transaction:
            return found
        return {table: Effect((table,), effect.waiting, is_long) for table, effect in found.items()}


def read_migrations(folder: Path = FOLDER) -> list[Migration]:
    """Every file, in the order of its number. ``StartupError`` for a name or a header that cannot be right."""
    found = [Migration(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))]
    numbers = [migration.name[:4] for migration in found]
    for migration, number in zip(found, numbers, strict=True):
        if not _NAME.fullmatch(migration.name) or numbers.count(number) > 1:
            raise StartupError(f"The migration {migration.name} must have a name like 0001_words and a unique number.")
        if migration.header - _WORDS:
            raise StartupError(f"The header of the migration {migration.name} must be one of: {', '.join(sorted(_WORDS))}.")
    if not found:
        raise StartupError(f"There are no migrations in {folder}. Install Molva again.")
    return found


def _split(sql: str) -> Iterator[str]:
    statement = ""
    for piece in _PIECE.finditer(sql):
        text = piece[0]
        if text.startswith(("--", "/*")):
            statement += " "
        elif text == ";":
            if statement.strip():
                yield statement.strip()
            statement = ""
        else:
            statement += text
    if statement.strip():
        yield statement.strip()


_TABLE: Final = r"(?:ONLY )?\"?(?P<table>\w+)\"?"
_CONSTANT_DEFAULT: Final = re.compile(r"DEFAULT ('[^']*'|[\d.]+|true|false|NULL)(::\w+)?\b", re.IGNORECASE)


def effect_of(statement: str) -> Effect:
    """What ``statement`` does, by the locks of PostgreSQL 15 to 18."""
    text = " ".join(statement.split())
    for pattern, judge in _RULES:
        found = re.match(pattern.replace("TABLE_NAME", _TABLE), text, re.IGNORECASE)
        if found:
            return judge(found, text)
    return Effect((), Waiting.ALL, is_known=False)


def _create_table(found: "re.Match[str]", text: str) -> Effect:
    referenced = tuple(re.findall(r"REFERENCES (\w+)", text, re.IGNORECASE))
    return Effect(referenced, Waiting.WRITES if referenced else Waiting.NOBODY, is_additive=True, creates=found["table"])


def _alter_table(found: "re.Match[str]", text: str) -> Effect:
    table, does = (found["table"],), text[found.end() :].strip()
    if re.match(r"(SET|RESET) \(", does, re.IGNORECASE):
        return Effect(table, Waiting.NOBODY, is_additive=True)
    if re.match(r"VALIDATE CONSTRAINT", does, re.IGNORECASE):
        return Effect(table, Waiting.NOBODY, is_long=True, is_additive=True)
    actions = re.split(r",(?![^()]*\)) ?", does)
    if all(re.match(r"ADD COLUMN", action, re.IGNORECASE) for action in actions):
        return Effect(table, Waiting.ALL, any(map(_rewrites, actions)), all(map(_is_optional, actions)))
    is_unchecked = re.match(r"ADD CONSTRAINT .* NOT VALID$", does, re.IGNORECASE)
    return Effect(table, Waiting.ALL, is_long=not is_unchecked)


def _rewrites(column: str) -> bool:
    return bool(re.search(r"\bDEFAULT\b", column, re.IGNORECASE)) and not _CONSTANT_DEFAULT.search(column)


def _is_optional(column: str) -> bool:
    """Whether a server that does not know the column can insert rows."""
    is_bound = re.search(r"\b(CHECK|UNIQUE|REFERENCES|PRIMARY)\b", column, re.IGNORECASE)
    needs_value = re.search(r"NOT NULL", column, re.IGNORECASE) and not re.search(r"DEFAULT", column, re.IGNORECASE)
    return not is_bound and not needs_value


def _create_index(found: "re.Match[str]", _: str) -> Effect:
    is_concurrent, is_unique = bool(found["concurrently"]), bool(found["unique"])
    waiting = Waiting.NOBODY if is_concurrent else Waiting.WRITES
    return Effect((found["table"],), waiting, is_long=True, is_additive=not is_unique)


_RULES: Final = (
    (r"CREATE TABLE (IF NOT EXISTS )?TABLE_NAME", _create_table),
    (r"ALTER TABLE (IF EXISTS )?TABLE_NAME", _alter_table),
    (r"CREATE (?P<unique>UNIQUE )?INDEX (?P<concurrently>CONCURRENTLY )?.*? ?ON TABLE_NAME", _create_index),
    (
        r"DROP INDEX (IF EXISTS )?(?P<index>(?!CONCURRENTLY|IF)\w+)$",
        lambda it, _: Effect((), Waiting.ALL, index=it["index"]),
    ),
    (r"DROP INDEX CONCURRENTLY ", lambda *_: Effect((), Waiting.NOBODY)),
    (r"CREATE TRIGGER .*? ON TABLE_NAME", lambda found, _: Effect((found["table"],), Waiting.WRITES)),
    (r"CREATE EXTENSION IF NOT EXISTS ", lambda *_: Effect((), Waiting.NOBODY, is_additive=True)),
    (r"CREATE FUNCTION ", lambda *_: Effect((), Waiting.NOBODY, is_additive=True)),
    (r"(CREATE OR REPLACE|DROP) FUNCTION ", lambda *_: Effect((), Waiting.NOBODY)),
    (r"DROP TABLE (IF EXISTS )?TABLE_NAME", lambda found, _: Effect((found["table"],), Waiting.ALL)),
    (
        r"(INSERT INTO|UPDATE|DELETE FROM) TABLE_NAME",
        lambda found, text: Effect((found["table"],), Waiting.NOBODY, is_long=not text.upper().startswith("INSERT")),
    ),
)
