"""The Chromium that browser tests drive: found on the machine, else installed by `python tests/browser.py`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SHELL = "chromium-headless-shell"
"""Chromium without windows. Pages open in it in two thirds of the time."""
NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

SHORT_LIVED = [*ARGUMENTS, "--disable-software-rasterizer", "--js-flags=--no-opt"]
"""For pages that are left after seconds: the last step of optimising code takes longer than it saves."""


def executable() -> str | None:
    """The path of the browser, or None when there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def install() -> None:
    """The shell by apt where that is allowed. Where there is none, and no browser either: Chromium by apt, or by
    Playwright."""
    if shutil.which("apt-get") and os.geteuid() == 0 and not shutil.which(SHELL):
        _apt("update", "-q")
        _apt("install", "-y", "-q", SHELL)
        if executable() is None:
            _apt("install", "-y", "-q", "chromium")
    if executable() is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


def _apt(*command: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", *command], check=False, env=environment, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    install()
    print("browser tests run in", executable() or sys.exit("no Chromium could be installed: install one and try again"))
