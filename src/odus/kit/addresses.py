"""Addresses: where people reach this server, for links that leave it.

What a request says of the host is not to be trusted with a link that is sent to somebody else, so it is a setting.
"""

_PUBLIC = ["http://localhost"]


def public_at(url: str) -> None:
    """Say where the server is reached; once for a process."""
    _PUBLIC[0] = url.rstrip("/")


def absolute(path: str) -> str:
    """Return the whole address of a path of ours."""
    return _PUBLIC[0] + path
