"""Who types a command."""

import getpass
import os


def os_user() -> str:
    """The user of this machine, as it knows him."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in a container
        return f"uid {os.getuid()}"
