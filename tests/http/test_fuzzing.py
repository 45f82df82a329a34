"""``/openapi.json`` is true: schemathesis calls all that is in it, rightly and wrongly, and all its checks hold.

The seed is fixed, the ids of people and chats are not. More of it by hand, against a server in development with
``RATE_LIMITS=off``::

    MOLVA_ADDRESS=http://127.0.0.1:8000 MOLVA_ADMIN_KEY=mk_… SCHEMATHESIS_HOOKS=tests.support.fuzzing \\
        .venv/bin/schemathesis run http://127.0.0.1:8000/openapi.json --checks all --max-examples 200
"""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from admin.keys import Scope, make_key
from db.pool import Database
from tests.support.programs import ROOT, serving

pytestmark = pytest.mark.slow

EXAMPLES = 8
"""How many requests to each operation are made up at random, beside those that its schema asks for."""
DEADLINE_S = 900
"""Only a failing test waits so long."""


async def fuzz(address: str, key: str, directory: Path) -> tuple[int, str]:
    """Exit status and report of schemathesis."""
    fuzzer = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("schemathesis"), "--config-file", ROOT / "schemathesis.toml"),
        *("run", f"{address}/openapi.json", "--checks=all", "--phases=examples,coverage,fuzzing"),
        *(f"--max-examples={EXAMPLES}", "--seed=1", "--generation-database=none", "--no-color", "--warnings=off"),
        cwd=directory,
        env=os.environ
        | {"MOLVA_ADDRESS": address, "MOLVA_ADMIN_KEY": key}
        | {"SCHEMATHESIS_HOOKS": "tests.support.fuzzing", "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            report, _ = await fuzzer.communicate()
    finally:
        if fuzzer.returncode is None:
            fuzzer.kill()
            await fuzzer.wait()
    return await fuzzer.wait(), report.decode()


@pytest.mark.timeout(DEADLINE_S + 60)
async def test_schemathesis_finds_nothing(database: Database, database_url: str, tmp_path: Path):
    key = await make_key(database, "fuzzer", [Scope.ADMIN])
    async with serving(database_url=database_url, data_dir=tmp_path / "data", rate_limits="off") as server:
        status, report = await fuzz(server.address, key, tmp_path)
    assert status == 0, report
    assert re.search(r"Selected: (\d+)/\1\n +Tested: \1\n", report), report
    crashes = [line for line in server.log if '"level":"ERROR"' in line or "Traceback" in line]
    assert crashes == []
