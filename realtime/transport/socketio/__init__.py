"""Socket.IO: packets, namespaces, connections, rooms."""
