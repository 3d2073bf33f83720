"""Many processes that write into one store at the same time: `python benchmarks/writers.py`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench import (
    command,
    each,
    empty_folder,
    environment,
    find_result,
    number,
    ratio,
    run_snippet,
    table,
)

TOOLS = ["mlops_lit", "trackio", "mlflow sqlite"]
FEWER = {"mlflow sqlite": 200}  # Steps of each process where one call takes milliseconds


def write(tool: str, processes: int, runs: int, steps: int, folder: Path) -> list[dict[str, Any]]:
    """What each process reported; all begin together once every one has imported the tool."""
    started = [
        subprocess.Popen(
            command(tool, "writer", i, runs, steps),
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for i in range(processes)
    ]
    while len(list(folder.glob("ready-*"))) < processes and all(p.poll() is None for p in started):
        time.sleep(0.01)
    (folder / "go").touch()
    return [find_result(process.communicate()[0]) for process in started]


def measure(tool: str, processes: int, steps: int) -> list[list[str]]:
    """A row for one long run, one for as many runs in turn, one for as many processes at once."""
    steps = min(steps, FEWER.get(tool, steps))
    modes = [
        (f"1 process, 1 run of {processes * steps:,}", 1, 1, processes * steps),
        (f"1 process, {processes} runs of {steps:,} in turn", 1, processes, steps),
        (f"{processes} processes, a run of {steps:,} each", processes, 1, steps),
    ]
    rows, base = [], None
    for label, count, runs, each_steps in modes:
        with empty_folder() as folder:
            run_snippet(tool, "start", folder=folder)  # Makes the store: an empty run, not counted
            results = write(tool, count, runs, each_steps, folder)
            readable = run_snippet(tool, "count", folder=folder)["readable"]
        seconds = max(r["end"] for r in results) - min(r["begin"] for r in results)
        base = base or seconds
        errors = sum(r["errors"] for r in results)
        for message in {r["message"] for r in results if r["message"]}:
            print(f"{tool}, {label}: {message}", file=sys.stderr)
        total = count * runs * each_steps
        numbers = [number(seconds), number(total / seconds), f"{errors:,}", f"{readable:,}"]
        rows.append([tool, label, *numbers, ratio(seconds, base)])
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Write into one store from many processes.")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--steps", type=int, default=2_000, help="steps of each process")
    arguments = parser.parse_args()
    found = each(TOOLS, lambda tool: measure(tool, arguments.processes, arguments.steps))
    headers = ["tool", "writers", "seconds", "steps/s", "errors", "readable", "time / one run"]
    print(
        "### Many writers, one store\n\nFrom the first init to the last finish; imports are not in it.\n"
    )
    print(table(headers, [row for rows in found.values() for row in rows]) + "\n")


if __name__ == "__main__":
    main()
