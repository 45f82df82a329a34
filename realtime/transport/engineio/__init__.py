"""Engine.IO: sessions, long-polling, upgrades to WebSocket."""
