"""What the recording of system metrics costs while nothing else happens: `python benchmarks/system_metrics.py`."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import time
from pathlib import Path

import psutil
from bench import MARK, command, each, empty_folder, environment, number, ratio, table

TOOLS = ["mlops_lit", "wandb offline"]
SETTLE_S = 3  # After init, before the clock starts


def cpu_seconds(process: psutil.Process) -> float:
    """Processor time of the process and of all that it started."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system
    return total


def idle_share(tool: str, stats: str, seconds: float, folder: Path) -> float:
    """Share of one core that an idle process with an open run takes."""
    with open(folder / "errors.txt", "w") as errors:
        started = subprocess.Popen(
            command(tool, "idle", stats),
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    if not any(line.startswith(MARK) for line in started.stdout or []):
        raise RuntimeError(f"idle.py failed:\n{(folder / 'errors.txt').read_text()[-2000:]}")
    time.sleep(SETTLE_S)
    process = psutil.Process(started.pid)
    before, begin = cpu_seconds(process), time.monotonic()
    time.sleep(seconds)
    spent, passed = cpu_seconds(process) - before, time.monotonic() - begin
    started.communicate("\n")
    return spent / passed


def measure(tool: str, seconds: float) -> dict[str, float]:
    """The share with system metrics on and off."""
    shares = {}
    for stats in ("on", "off"):
        with empty_folder() as folder:
            shares[stats] = idle_share(tool, stats, seconds, folder)
    return shares


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Processor time of system metrics.")
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    found = each(TOOLS, lambda tool: measure(tool, seconds))
    base = found["mlops_lit"]["on"] if "mlops_lit" in found else None
    rows = [
        [
            tool,
            *(f"{share:.3%}" for share in (s["on"], s["off"], s["on"] - s["off"])),
            ratio(s["on"], base),
        ]
        for tool, s in found.items()
    ]
    headers = ["tool", "metrics on", "metrics off", "difference", "on / mlops_lit"]
    print(
        f"### System metrics\n\nShare of one core over {number(seconds)} idle seconds, with all helper processes.\n"
    )
    print(table(headers, rows) + "\n")


if __name__ == "__main__":
    main()
