"""Clients, as the contract wants them, and what they do."""
