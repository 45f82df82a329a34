"""The servers that the official protocol test suites are run against: our transport, with the suites' settings."""
