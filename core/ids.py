"""Identifiers: UUIDv7 (RFC 9562 §5.7), as the lower-case strings that go over the wire.

An id sorts by the millisecond in which it was made, so that B-tree inserts stay at the right edge of an index. Ids are
made here and not in the database because PostgreSQL has ``uuidv7()`` only from version 18 and this runs from 15.
"""

import os
import re
import time
import uuid

_VARIANTS = {f"{digit:x}": "89ab"[digit & 3] for digit in range(16)}
"""Two bits that are always 10, before two of the digit."""
_is_canonical = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch


def new_id() -> str:
    """A new UUIDv7: 48 bits of milliseconds, 74 random bits."""
    moment = f"{time.time_ns() // 1_000_000:012x}"
    random = os.urandom(10).hex()
    return f"{moment[:8]}-{moment[8:]}-7{random[:3]}-{_VARIANTS[random[3]]}{random[4:7]}-{random[7:19]}"


def new_unguessable_id() -> str:
    """A new UUIDv4: 122 random bits and nothing else, for what an ID alone gives access to."""
    return str(uuid.uuid4())


def canonical_id(text: str) -> str:
    """The lower-case form of a UUID written with hyphens; ``ValueError`` for anything else."""
    lower = text.lower()  # half the cost of a pattern that ignores case
    if not _is_canonical(lower):
        raise ValueError("must be a UUID")
    return lower
