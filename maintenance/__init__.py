"""Maintenance: the jobs that run in the background and remove what is no longer needed. Start with ``scheduler``."""
