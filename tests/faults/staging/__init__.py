"""The stage of a run: server, PostgreSQL and the networks between them."""
