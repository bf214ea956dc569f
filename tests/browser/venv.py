"""The virtual environment with Playwright and axe-core, which Debian 12 has no packages for. The
browser itself is Debian's Chromium.

Enters: nothing. Leaves: its folder, kept between runs in the user's cache. `python3 venv.py` makes it.
"""

import os
import subprocess

PACKAGES = ["playwright==1.*", "axe-playwright-python==0.1.*", "openapi-spec-validator==0.*",
            "pillow>=11,<13"]


def playwright():
    """The folder of the environment; made when it is missing or broken."""
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    venv = os.path.join(cache, "poortwacht-console", "venv")
    asks = "import playwright, axe_playwright_python, openapi_spec_validator, PIL"
    if not os.path.exists(f"{venv}/bin/python") or subprocess.run(
            [f"{venv}/bin/python", "-c", asks], capture_output=True).returncode:
        subprocess.run(["python3", "-m", "venv", "--clear", venv], check=True)
        subprocess.run([f"{venv}/bin/pip", "install", "-q", *PACKAGES], check=True)
    return venv


if __name__ == "__main__":
    print(playwright())
