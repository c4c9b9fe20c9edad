"""Find or install a Chromium for the browser tests: one on the PATH, Debian's, or Playwright's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")

APT_GET = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300", "--yes")
# Playwright brings its own node, which needs libatomic1; a minimal Debian lacks it.
PACKAGES = ("chromium", "libatomic1")


def find() -> str | None:
    """Return the path of the machine's own browser; None means the one that Playwright installed."""
    for name in NAMES:
        path = shutil.which(name)
        if path and _runs(path, "--version"):
            return path
    return None


def main() -> None:
    if _playwright("--version") and find():
        return
    if os.geteuid() == 0 and Path("/etc/debian_version").exists():
        print("Installing Chromium with apt-get …", flush=True)
        if _runs(*APT_GET, "update") and _runs(*APT_GET, "install", *PACKAGES) and find():
            return
    print("Installing Chromium with Playwright …", flush=True)
    if not _playwright("install", "chromium"):
        sys.exit(
            "The browser tests need Chromium, and it could not be installed: install it, then try again"
            " (Debian: apt-get install chromium libatomic1)."
        )


def _playwright(*command: str) -> bool:
    return _runs(sys.executable, "-m", "playwright", *command)


def _runs(*command: str) -> bool:
    """Run the command silently, and return whether it succeeded."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    main()
