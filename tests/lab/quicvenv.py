"""The virtual environment with aioquic, which Debian 12 has no package for.

Enters: nothing. Leaves: its folder, kept between runs in the user's cache. `python3 quicvenv.py` makes it.
"""

import os
import subprocess

from netns import run


def aioquic():
    """The folder of the environment; made when it is missing or broken."""
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    venv = os.path.join(cache, "poortwacht-lab", "venv")
    if not os.path.exists(f"{venv}/bin/python") or subprocess.run(
            [f"{venv}/bin/python", "-c", "import aioquic"], capture_output=True).returncode:
        run("python3", "-m", "venv", "--clear", venv)
        run(f"{venv}/bin/pip", "install", "-q", "aioquic==1.*")
    return venv


if __name__ == "__main__":
    print(aioquic())
