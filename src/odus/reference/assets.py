"""Assets: what the pages load, each at an address that changes with its content."""

from hashlib import sha256
from importlib.resources import files

import msgspec


class Asset(msgspec.Struct, frozen=True):
    """A file as it is sent."""

    media_type: bytes
    content: bytes


def asset_path(name: str) -> str:
    """Return the address of a file of `static/`."""
    return f"/docs/static/{_FINGERPRINTED[name]}"


def _fingerprinted(name: str, content: bytes) -> str:
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.{sha256(content).hexdigest()[:12]}.{suffix}"


_MEDIA_TYPES = {
    "reference.css": b"text/css; charset=utf-8",
    "reference.js": b"text/javascript; charset=utf-8",
    "icon.svg": b"image/svg+xml",
}
_CONTENTS = {name: files("odus.reference").joinpath("static", name).read_bytes() for name in _MEDIA_TYPES}
_FINGERPRINTED = {name: _fingerprinted(name, content) for name, content in _CONTENTS.items()}

ASSETS = {_FINGERPRINTED[name]: Asset(media_type, _CONTENTS[name]) for name, media_type in _MEDIA_TYPES.items()}
"""All files, by the name under which they are asked for."""
