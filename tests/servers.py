"""What the servers that tests and benchmarks start have in common."""

from __future__ import annotations


class NotInstalled(Exception):
    """This machine lacks the program; says which, and how it is installed."""
