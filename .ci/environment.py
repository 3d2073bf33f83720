"""Make the environment `.venv` of this checkout, or find that it is ready.

Needs nothing but Python >= 3.11. A marker names what the environment was made from, so that a second
call returns at once and a change of the dependencies installs again. A lock lets two calls at once share the work.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
MARKER = VENV / "made-from.txt"


def wanted() -> str:
    "What a ready environment was made from: Python, place, dependencies and their pins."
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{version} {ROOT} {digest.hexdigest()}"


def is_ready() -> bool:
    "Whether the environment is there and was made from what is wanted now."
    return PYTHON.exists() and MARKER.exists() and MARKER.read_text(encoding="utf-8") == wanted()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    "Hold the lock file `path`; wait for whoever holds it."
    with open(path, "w") as file:
        try:
            import fcntl
        except ImportError:  # Windows: two at once are not guarded there
            yield
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another call is setting up the environment; waiting for it.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install() -> None:
    "Create the environment and install the project with its pinned dependencies."
    print(f"Setting up {VENV.name} once; this takes a minute or two.", flush=True)
    if not PYTHON.exists():
        venv.create(VENV, with_pip=True, clear=VENV.exists())
    pip = [
        str(PYTHON),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
    ]
    run_shown([*pip, "-c", "constraints.txt", "-e", ".[dev]"], VENV / "install.log")
    MARKER.write_text(wanted(), encoding="utf-8")


def run_shown(command: list[str], log: Path) -> None:
    "Run `command`, all it says in `log` and a count of packages on the terminal."
    with open(log, "w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        collected = 0
        for line in process.stdout:
            file.write(line)
            collected += line.startswith("Collecting ")
            show(line, collected)
        print(flush=True)
    if process.wait() != 0:
        raise subprocess.CalledProcessError(process.returncode, command)


def show(line: str, collected: int) -> None:
    "One line that moves on a terminal; a line per 25 packages elsewhere."
    if line.startswith("Collecting "):
        text = f"  {collected:3d} packages found, now {line.split()[1][:40]}"
    elif line.startswith("Installing collected"):
        text = f"  installing {line.count(',') + 1} packages"
    else:
        return
    if sys.stdout.isatty():
        print(f"\r{text:<70}", end="", flush=True)
    elif line.startswith("Installing") or collected % 25 == 0:
        print(text, flush=True)


def main() -> int:
    "0 when the environment is ready."
    if sys.version_info < (3, 11):  # noqa: UP036 - this file runs before pip can refuse
        print(
            f"Python {sys.version.split()[0]} is too old; mlops_lit needs 3.11 or newer. Try: make PYTHON=python3.12 demo",
            file=sys.stderr,
        )
        return 2
    if is_ready():
        return 0
    with locked(ROOT / ".venv.lock"):
        if not is_ready():
            try:
                install()
            except subprocess.CalledProcessError:
                print(
                    f"The installation failed; what pip did is in {VENV / 'install.log'}.",
                    file=sys.stderr,
                )
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
