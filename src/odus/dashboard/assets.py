"""Assets: what the Dashboard's pages load; those from npm are brought by the build hook."""

from importlib.resources import files

from odus.kit.assets import Assets

_HERE = files("odus.dashboard")

ASSETS = Assets(
    "/dashboard/assets/",
    {
        "tabler.css": _HERE / "vendor" / "tabler.css",
        "htmx.js": _HERE / "vendor" / "htmx.js",
        "dashboard.css": _HERE / "static" / "dashboard.css",
        "dashboard.js": _HERE / "static" / "dashboard.js",
        "keys.js": _HERE / "static" / "keys.js",
        "theme.js": _HERE / "static" / "theme.js",
        "icon.svg": _HERE / "static" / "icon.svg",
    },
)
