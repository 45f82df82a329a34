"""Socket.IO: the /chat namespace, its actions and events."""
