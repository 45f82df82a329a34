"""Messages: sending, history, what is read."""
