"""Tables and sizes for people on a terminal."""

from collections.abc import Sequence
from typing import Final

_UNITS: Final = ("bytes", "kB", "MB", "GB")


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print ``rows`` under ``head``, in columns. ``None`` is shown as a dash."""
    cells = [["—" if value is None else _printable(str(value)) for value in row] for row in rows]
    widths = [max(len(line[place]) for line in [list(head), *cells]) for place in range(len(head))]
    for line in (list(head), *cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _printable(text: str) -> str:
    """What somebody wrote cannot move the cursor or change colours."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def readable(size_bytes: float) -> str:
    """A size with its unit, in powers of 1,000."""
    unit = 0
    while size_bytes >= 1000 and unit < len(_UNITS) - 1:
        size_bytes, unit = size_bytes / 1000, unit + 1
    return f"{size_bytes:.1f} {_UNITS[unit]}" if unit else f"{size_bytes:.0f} bytes"
