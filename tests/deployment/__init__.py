"""Checks and trials of the files that bring Molva to production: see README.md."""
