"""The browser of the tests: the system's Chromium where there is one, else the one that Playwright brought.

Run as a module, it brings one where there is none: Debian's, where packages can be installed, else Playwright's.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


def installed() -> str | None:
    """Return the path of the system's browser; None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Start a browser, ended in the end."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=installed(), args=ARGUMENTS)
        try:
            yield started
        finally:
            await started.close()


def install() -> bool:
    """Bring a browser; False where neither way leads to one."""
    return _of_debian() or _runs(sys.executable, "-m", "playwright", "install", "chromium")


def _of_debian() -> bool:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return False
    get = ("apt-get", "-qq", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=120")
    return _runs(*get, "update") and _runs(*get, "install", "--yes", "--no-install-recommends", "chromium")


def _runs(*command: str) -> bool:
    print("+", *command, flush=True)  # noqa: T201 - it is a command that a person waits for
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    if not (installed() or install()):
        sys.exit("No browser could be installed. Install Chromium or Chrome by hand, then run this again.")
