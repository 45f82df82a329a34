"""Bugs in who is told what, and when."""
