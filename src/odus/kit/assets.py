"""Assets: files that pages load, each at an address that changes with its content, so that it is kept for a year."""

import gzip
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from importlib.resources.abc import Traversable

from litestar.types import HTTPScope

from odus.kit.requests import Response, header, not_found

_MEDIA_TYPES = {
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
}


class Asset:
    """A file as it is sent."""

    def __init__(self, name: str, content: bytes) -> None:
        """Take a file's name and content."""
        stem, _, suffix = name.rpartition(".")
        self.name = f"{stem}.{sha256(content).hexdigest()[:12]}.{suffix}"
        self.media_type = _MEDIA_TYPES[suffix]
        self.content = content

    @cached_property
    def compressed(self) -> bytes:
        """The content in gzip, made when a browser first takes it."""
        return gzip.compress(self.content, 9, mtime=0)


class Assets:
    """The files of some pages, under one path."""

    def __init__(self, prefix: str, sources: Mapping[str, Traversable | bytes]) -> None:
        """Read the files; some are given as what stands in them."""
        known = {
            name: Asset(name, source if isinstance(source, bytes) else source.read_bytes())
            for name, source in sources.items()
        }
        self._paths = {name: prefix + asset.name for name, asset in known.items()}
        self._assets = {asset.name: asset for asset in known.values()}

    def path(self, name: str) -> str:
        """Return the address of a file."""
        return self._paths[name]

    def answer(self, scope: HTTPScope) -> Response:
        """Answer the file that the path names; raises `not_found`."""
        asset = self._assets.get(scope["path_params"]["name"])
        if asset is None:
            raise not_found()
        headers = [("Cache-Control", "public, max-age=31536000, immutable"), ("Vary", "Accept-Encoding")]
        if "gzip" not in (header(scope, b"accept-encoding") or ""):
            return Response(200, asset.content, asset.media_type, headers)
        return Response(200, asset.compressed, asset.media_type, [*headers, ("Content-Encoding", "gzip")])
