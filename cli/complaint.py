"""The one error that a command shows to its user as it stands."""


class ComplaintError(Exception):
    """What went wrong and what to do about it, in one line fit to be printed; exit code 1."""
