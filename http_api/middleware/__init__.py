"""ASGI middleware: every HTTP request passes it before its route."""
