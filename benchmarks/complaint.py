"""What a person can put right: one line, no traceback."""


class ComplaintError(Exception):
    """Its text says what was wrong, where, and what to do."""
