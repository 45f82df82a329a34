"""The server's clock jumps. PostgreSQL and the clients keep theirs."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from tests.faults.nemesis.fault import Skipped, fault
from tests.faults.staging.stage import Stage

_SEEN_S: Final = 1.5
_TOLERATED_S: Final = 60.0
_LIBRARIES: Final = tuple(
    Path(place) for place in (
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    )
)  # fmt: skip


def _with_faketime(work: Path) -> dict[str, str]:
    """The wall clock comes from a file, which can be written while the server runs; the monotonic one stays true."""
    library = next((library for library in _LIBRARIES if library.exists()), None)
    if library is None:
        raise Skipped("needs libfaketime (Debian: apt-get install faketime)")
    _clock(work).write_text("+0\n")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(_clock(work)),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def _clock(work: Path) -> Path:
    return work / "clock"


async def _shift(stage: Stage, seconds: int) -> None:
    _clock(stage.work).write_text(f"{seconds:+d}\n")
    await stage.lasts(max(stage.seconds, _SEEN_S))
    told = parsedate_to_datetime((await stage.http.get("/health/live")).headers["date"])
    if abs((told - datetime.now(UTC)).total_seconds() - seconds) > _TOLERATED_S:
        stage.history.broken.append(f"the server's clock did not move: it says {told}")
    _clock(stage.work).write_text("+0\n")


@fault(environment=_with_faketime)
async def clock_forward(stage: Stage) -> None:
    """The server's clock is an hour ahead, then right again."""
    await _shift(stage, 3600)


@fault(environment=_with_faketime)
async def clock_back(stage: Stage) -> None:
    """The server's clock is an hour behind, then right again."""
    await _shift(stage, -3600)
