"""Presence: who is online, for those who watch."""
