"""Measures Molva against its peers on one machine: ``make bench``, or ``python -m bench --help``."""
