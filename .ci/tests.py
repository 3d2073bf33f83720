"""Run the pages and the tests side by side, on two cores: neither needs what the other makes.

Each half has temporary folders and a cache of its own. What the pages say is shown when they are done. With both
cores in use, a model that is fitted to a small table takes one thread.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def command(half: str, folder: str) -> list[str]:
    "The command that runs one half."
    own = ["--basetemp", str(Path(folder) / half), "-o", f"cache_dir=.pytest_cache/{half}"]
    return [sys.executable, "-m", "pytest", half, *own, *sys.argv[1:]]


def main() -> int:
    "Zero when both halves pass, else the exit code of one that does not."
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(prefix="mlops-lit-tests-") as folder:
        said = Path(folder) / "pages.txt"
        with said.open("wb") as stream:
            pages = subprocess.Popen(
                command("nbs", folder), cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT
            )
            try:
                tests = subprocess.run(command("tests", folder), cwd=ROOT).returncode
                failed = pages.wait() or tests
            except BaseException:
                pages.terminate()
                pages.wait()
                raise
        print("\nPages:")
        sys.stdout.buffer.write(said.read_bytes())
        sys.stdout.flush()
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
