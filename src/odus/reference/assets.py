"""Assets: what the pages of the reference load."""

from importlib.resources import files

from odus.kit.assets import Assets

_STATIC = files("odus.reference") / "static"

ASSETS = Assets(
    "/docs/static/",
    {name: _STATIC / name for name in ("reference.css", "reference.js", "icon.svg")},
)
