"""Invites: joining a group by a code."""
