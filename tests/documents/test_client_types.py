"""The protocol types of the JavaScript client are those that the server gives at ``/docs/types.ts``.

After a change of an action, an event or an object: ``make documents``.
"""

from pathlib import Path

import server  # noqa: F401  (declares every event)
from realtime.documents.typescript import write_types
from tests.support.contract import Witness

TYPES = Path(__file__).parents[2] / "clients/javascript/src/protocol.d.ts"


def test_types_of_the_client_are_the_declared_ones(witness: Witness):
    assert TYPES.read_text(encoding="utf-8") == write_types(witness.openapi), "`make documents` writes them again"


if __name__ == "__main__":
    TYPES.write_text(write_types(Witness().openapi), encoding="utf-8")
