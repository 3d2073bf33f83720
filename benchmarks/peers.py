"""Make one virtual environment per peer, so that no tool's dependencies touch another's.

`python benchmarks/peers.py` makes those that are missing, `--fresh` all of them again, and names can be given to make only some.
A peer that does not install is reported, and the benchmarks leave it out.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys

from bench import HERE, PEERS, VENVS


def install(peer: str, fresh: bool) -> bool:
    """Whether the peer is there, made now if it was missing."""
    folder, requirements = VENVS / peer, HERE / "requirements" / f"{peer}.txt"
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    if (folder / "bin" / "python").exists():
        print(f"{peer}: already there")
        return True
    print(f"{peer}: installing {' '.join(requirements.read_text().split())} ...", flush=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        install = [*pip, "--requirement", str(requirements)]
        subprocess.run(install, check=True, cwd=HERE.parent)  # A checkout is given as "."
    except subprocess.CalledProcessError as error:
        shutil.rmtree(folder, ignore_errors=True)
        print(f"{peer}: not installed ({error}); the benchmarks leave it out")
        return False
    return True


def main() -> None:
    """Make the environments."""
    parser = argparse.ArgumentParser(description="Make one virtual environment per peer.")
    parser.add_argument("peers", nargs="*", default=PEERS, metavar="PEER", help=", ".join(PEERS))
    parser.add_argument("--fresh", action="store_true", help="make them again")
    arguments = parser.parse_args()
    if unknown := set(arguments.peers) - set(PEERS):
        parser.error(f"no such peer: {', '.join(sorted(unknown))}. There are {', '.join(PEERS)}.")
    there = [install(peer, arguments.fresh) for peer in arguments.peers]
    print(f"{sum(there)} of {len(there)} peers are installed under {VENVS}")


if __name__ == "__main__":
    main()
