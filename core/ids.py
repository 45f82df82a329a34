"""Identifiers: UUIDv7 (RFC 9562 §5.7), as the lower-case strings that go over the wire.

An id sorts by the millisecond in which it was made, so that B-tree inserts stay at the right edge of an index. Ids are
made here and not in the database because PostgreSQL has ``uuidv7()`` only from version 18 and this runs from 15.
"""

import os
import re
import time

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.IGNORECASE)


def new_id() -> str:
    """A new UUIDv7: 48 bits of milliseconds, 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76 | (random >> 64 & 0xFFF) << 64
    value |= 0b10 << 62 | random & 0x3FFF_FFFF_FFFF_FFFF
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def canonical_id(text: str) -> str:
    """The lower-case form of a UUID written with hyphens; ``ValueError`` for anything else."""
    if not _CANONICAL.match(text):
        raise ValueError("must be a UUID")
    return text.lower()
