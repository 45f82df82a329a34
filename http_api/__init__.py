"""The REST API beside the sockets (FastAPI). It has no chat logic: routes parse, call another package, and answer."""
