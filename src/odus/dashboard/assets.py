"""Assets: what the Dashboard's pages load; those from npm are brought by the build hook."""

import re
from importlib.resources import files

from odus.kit.assets import Assets

_HERE = files("odus.dashboard")
_TABLER = (_HERE / "vendor" / "tabler.css").read_bytes()
_OWN = (_HERE / "static" / "dashboard.css").read_bytes()
_RULE = re.compile(r"([^{}]+)(\{[^{}]*\})")
_ELSEWHERE = re.compile(r"/\*.*?\*/|@[^{}]+\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", re.DOTALL)
"""Comments, and what holds on paper or in windows of some size alone."""
_DARK = re.compile(r"""\[data-bs-theme="?dark"?\]""")


def in_the_dark(css: bytes, root: str) -> bytes:
    """Return the rules of a style that hold in the dark, as those of a page that is dark without saying so."""
    rules: list[str] = []
    for selectors, body in _RULE.findall(_ELSEWHERE.sub("", css.decode())):
        each = [selector.strip() for selector in selectors.split(",")]
        if dark := [_DARK.sub(root, selector, 1) for selector in each if _DARK.match(selector)]:
            rules.append(",".join(dark) + body)
    return "\n".join(rules).encode()


ASSETS = Assets(
    "/dashboard/assets/",
    {
        "tabler.css": _TABLER,
        # Loaded before our own style, whose light it has to outweigh.
        "dark.css": in_the_dark(_TABLER, ":root") + b"\n" + in_the_dark(_OWN, ":root:root"),
        "dashboard.css": _OWN,
        "htmx.js": _HERE / "vendor" / "htmx.js",
        "dashboard.js": _HERE / "static" / "dashboard.js",
        "keys.js": _HERE / "static" / "keys.js",
        "theme.js": _HERE / "static" / "theme.js",
        "icon.svg": _HERE / "static" / "icon.svg",
    },
)
