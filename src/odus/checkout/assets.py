"""Assets: what the pages of the checkout load, which is little: a payer comes once."""

from importlib.resources import files

from odus.kit.assets import Assets

_STATIC = files("odus.checkout") / "static"

ASSETS = Assets(
    "/checkout/assets/",
    {name: _STATIC / name for name in ("checkout.css", "checkout.js", "icon.svg")},
)
