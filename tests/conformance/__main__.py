"""``python -m tests.conformance``: serves on port 3000 until it is interrupted."""

import uvloop

from tests.conformance.app import main

uvloop.run(main())
