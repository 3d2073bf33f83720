"""What one call of log costs, and what of it is still there after the process was killed.

`python benchmarks/log_calls.py` for both, `--only calls` or `--only kill` for one of them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
from bench import (
    HOMES,
    command,
    each,
    empty_folder,
    environment,
    median,
    number,
    percentile,
    ratio,
    run_snippet,
    table,
)

# Calls of tools that take milliseconds for one: enough for a p99, and done within a minute
FEWER = {"mlflow file": 2_000, "mlflow sqlite": 1_000, "aim": 5_000, "tensorboardX": 10_000}
FEWER_KILLED = {"mlflow file": 1_000, "mlflow sqlite": 500}
SETTLE_S = 10  # Longest wait for a helper process that outlives a killed one


def time_calls(calls: int) -> str:
    """Table of the single call's time."""

    def measure(tool: str) -> dict[str, Any]:
        with empty_folder() as folder:
            count = min(calls, FEWER.get(tool, calls))
            return run_snippet(tool, "log_calls", count, folder=folder)

    found = each(list(HOMES), measure)
    base = median(found["mlops_lit"]["ns"]) if "mlops_lit" in found else None
    rows = []
    for tool, result in found.items():
        us = [ns / 1000 for ns in result["ns"]]
        total = [result["logged_s"], result["finish_s"]]
        numbers = [median(us), percentile(us, 0.99), max(us), *total]
        relative = ratio(median(result["ns"]), base)
        rows.append([tool, f"{len(us):,}", *map(number, numbers), relative])
    headers = ["tool", "calls", "median us", "p99 us", "max us", "all calls s", "finish s"]
    return table([*headers, "median / mlops_lit"], rows)


def kill_after(tool: str, acknowledged: int, folder: Path, family: bool) -> tuple[int, int]:
    """Calls acknowledged before the kill, and calls readable after it."""
    reader, writer = os.pipe()
    with open(folder.with_suffix(".log"), "wb") as log:
        process = subprocess.Popen(
            command(tool, "acknowledge", writer),
            cwd=folder,
            env=environment(folder),
            pass_fds=[writer],
            stdout=log,
            stderr=log,
        )
    os.close(writer)
    count = 0
    while count < acknowledged and (data := os.read(reader, 1 << 16)):
        count += len(data)
    helpers = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.kill()
    for helper in helpers if family else []:
        with contextlib.suppress(psutil.NoSuchProcess):
            helper.kill()
    process.wait()
    while select.select([reader], [], [], 0)[0] and (data := os.read(reader, 1 << 16)):
        count += len(data)
    os.close(reader)
    if count < acknowledged:
        raise RuntimeError(f"{tool} ended by itself:\n{folder.with_suffix('.log').read_text()}")
    folder.with_suffix(".log").unlink()
    _, left = psutil.wait_procs(helpers, timeout=SETTLE_S)
    for helper in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            helper.kill()
    return count, run_snippet(tool, "count", folder=folder)["readable"]


def survive(calls: int) -> str:
    """Table of what is readable after a kill, of the process alone and with its helper processes."""

    def measure(tool: str) -> list[str]:
        cells = []
        for family in (False, True):
            with empty_folder() as folder:
                wanted = min(calls, FEWER_KILLED.get(tool, calls))
                count, readable = kill_after(tool, wanted, folder, family)
            lost = max(0, count - readable)
            cells += [f"{count:,}", f"{readable:,}", f"{lost:,} ({lost / count:.1%})"]
        return cells

    rows = [[tool, *cells] for tool, cells in each(list(HOMES), measure).items()]
    headers = ["tool", "acknowledged", "readable", "lost"]
    return table([*headers, *(f"{name}, with helpers" for name in headers[1:])], rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Time log, and kill what logs.")
    parser.add_argument("--calls", type=int, default=20_000, help="calls to time")
    parser.add_argument("--killed-after", type=int, default=5_000, help="calls before the kill")
    parser.add_argument("--only", choices=["calls", "kill"])
    arguments = parser.parse_args()
    if arguments.only != "kill":
        print(f"### One call of log with 10 metrics\n\n{time_calls(arguments.calls)}\n")
        print("Slow tools make fewer calls, as the column says. W&B, tensorboardX and Trackio")
        print("hand over to a thread or process, so part of their work is not in the call.\n")
    if arguments.only != "calls":
        begin = time.monotonic()
        print(f"### After SIGKILL\n\n{survive(arguments.killed_after)}\n")
        print(
            "Calls that returned before the kill, and those that can be read afterwards; one more"
        )
        print("than acknowledged means that the last call had written and not yet returned.")
        print(f"Measured in {time.monotonic() - begin:.0f} s.\n")


if __name__ == "__main__":
    main()
