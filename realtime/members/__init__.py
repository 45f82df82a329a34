"""Members: who is in a chat."""
