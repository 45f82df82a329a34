"""WebSocket (RFC 6455): frames, and the connection that carries them."""
