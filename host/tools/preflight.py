"""Says what is missing on this machine, and which command installs it, before anything starts.

It runs on the system's own Python, of any version, without dependencies.
"""

import sys

WANTED = (3, 11)


def missing() -> "str | None":
    """Return a sentence on what is missing, or None."""
    version = "{}.{}".format(*sys.version_info[:2])
    if sys.version_info[:2] < WANTED:
        return (
            "Python 3.11 or newer is needed, and this is " + version + ". Get one with:\n"
            "  Debian, Ubuntu: sudo apt-get install python3.11 python3.11-venv\n"
            "  macOS:          brew install python@3.13\n"
            "or name another: make PYTHON=/path/to/python3.12 ..."
        )
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian leaves these two out
        import venv  # noqa: F401, PLC0415
    except ImportError:
        return (
            "Python's venv module is missing. Get it with:\n"
            "  sudo apt-get install python" + version + "-venv"
        )
    return None


if __name__ == "__main__":
    sentence = missing()
    if sentence:
        sys.exit("setup: " + sentence)
