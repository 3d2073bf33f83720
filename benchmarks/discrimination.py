"""What it costs to know how good scores are: curves, metrics, calibration, intervals; and of ten million rows, in which memory.

`python benchmarks/discrimination.py`; scikit-learn does the same on the same rows in the same run, its intervals by bootstrap.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from bench import empty_folder, goal, number, ratio, run_snippet, table

TOOLS = ["mlops_lit", "scikit-learn"]
LIMITS = {"values": 0.4, "intervals": 1.2}  # Seconds for a million rows
MEMORY_MB = 2048  # For ten million rows
ROUNDS = 100  # Bootstraps that the time of scikit-learn is told for


def measure(
    tool: str, question: str, rows: int, times: int, bootstraps: int, folder: Path
) -> dict[str, Any]:
    """The shortest of so many calls, the peak memory of their process, and the metrics."""
    found = run_snippet(
        "mlops_lit", "discrimination", tool, question, rows, times, bootstraps, folder=folder
    )
    return {**found, "shortest": min(found["seconds"])}


def pair(
    label: str, question: str, rows: int, times: dict[str, int], bootstraps: int, folder: Path
) -> list[list[str]]:
    """A line per tool; says when they do not agree."""
    found = {t: measure(t, question, rows, times[t], bootstraps, folder) for t in TOOLS}
    ours, theirs = (found[tool]["values"] for tool in TOOLS)
    for name, value in ours.items():
        if abs(value - theirs[name]) > 1e-9 * abs(theirs[name]):
            print(f"{name}: {value!r} against {theirs[name]!r}", file=sys.stderr)
    if bootstraps:
        found["scikit-learn"]["shortest"] = scaled(found["scikit-learn"], bootstraps)
    base, made = found["mlops_lit"]["shortest"], []
    for tool in TOOLS:
        seconds, peak = found[tool]["shortest"], found[tool]["peak_bytes"] / 2**20
        cells = [f"{label}, {tool}", f"{rows:,}", number(seconds), number(peak)]
        limits = goal()
        if tool == "mlops_lit" and rows == 1_000_000:
            limits = goal(seconds, at_most=LIMITS.get(question))
        elif tool == "mlops_lit" and rows >= 10_000_000:
            limits = goal(peak, at_most=MEMORY_MB)
            limits[0] += " MiB"
        elif tool == "scikit-learn" and bootstraps:
            limits = goal(seconds / base, at_least=40)
        made.append([*cells, ratio(seconds, base), *limits])
    return made


def scaled(found: dict[str, Any], bootstraps: int) -> float:
    """Seconds of `ROUNDS` bootstraps: the values once, and the measured cost of a bootstrap so many times."""
    once = found["once"]
    return once + (found["shortest"] - once) / bootstraps * ROUNDS


def main() -> None:
    """Make the rows, evaluate them and print the table."""
    parser = argparse.ArgumentParser(description="Time the evaluation of a binary outcome.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of 20 columns")
    parser.add_argument("--large-rows", type=int, default=10_000_000, help="rows for the memory")
    parser.add_argument("--times", type=int, default=5, help="calls, of which the shortest counts")
    parser.add_argument("--bootstraps", type=int, default=5, help="resamples of scikit-learn")
    arguments = parser.parse_args()
    rows, times = arguments.rows, dict.fromkeys(TOOLS, arguments.times)
    once = {"mlops_lit": arguments.times, "scikit-learn": 1}
    alone = dict.fromkeys(TOOLS, 1)
    lines = []
    with empty_folder() as folder:
        for n in (rows, arguments.large_rows):
            run_snippet("mlops_lit", "discrimination", "make", "-", n, 0, 0, folder=folder)
        lines += pair("curves, metrics, calibration", "values", rows, times, 0, folder)
        label = f"with intervals ({ROUNDS} bootstraps)"
        lines += pair(label, "intervals", rows, once, arguments.bootstraps, folder)
        for n in (rows, arguments.large_rows):
            lines += pair("from Parquet, first call", "parquet", n, alone, 0, folder)
    print("### Evaluation of a binary outcome\n")
    print(
        "A table of 20 columns, of which an outcome and a score are read. scikit-learn has no interval for"
    )
    print(
        "its metrics but by bootstrap; mlops_lit has one for each of its 22, and from Parquet too, where"
    )
    print(
        "scikit-learn makes curves and four metrics without any. Each line is a process of its own."
    )
    print(
        f"Of its {ROUNDS} bootstraps {arguments.bootstraps} are measured, and the time is scaled; to reach are seconds, or MiB.\n"
    )
    headers = ["what", "rows", "seconds", "peak MiB", "this / mlops_lit", "to reach", "reached"]
    print(table(headers, lines) + "\n")


if __name__ == "__main__":
    main()
