"""What group and intersectional fairness costs: all rates, criteria and intervals, for two sensitive columns and their crossing.

`python benchmarks/groups.py`; fairlearn's MetricFrame computes five of the thirteen rates, without and with bootstrap.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from bench import empty_folder, goal, number, present, ratio, run_snippet, table


def measure(tool: str, how: str, path: Path, times: int, rounds: int = 0) -> dict[str, Any]:
    """The fastest of some calls, its processor time, the most memory, and what was found."""
    found = run_snippet(tool, "groups", how, path, times, rounds, folder=path.parent)
    seconds = found["seconds"][1:] or found["seconds"]  # The first call of several imports
    cpu = found["cpu"][1:] or found["cpu"]
    return {**found, "first": found["seconds"][0], "s": min(seconds), "cpu_s": min(cpu)}


def make(rows: int, folder: Path) -> Path:
    """A Parquet file of so many rows and twenty columns."""
    path = folder / f"{rows}.parquet"
    run_snippet("mlops_lit", "groups", "make", path, rows, 0, folder=folder)
    return path


def agree(found: dict[str, dict[str, Any]]) -> None:
    """Say when tools found different equalized odds differences."""
    values = {name: result["values"] for name, result in found.items()}
    first = next(iter(values.values()))
    for name, other in values.items():
        if any(abs(a - b) > 1e-9 for a, b in zip(first, other, strict=True)):
            print(f"{name} found {other}, not {first}", file=sys.stderr)


def line(
    what: str, rows: int, found: dict[str, Any], ours: dict[str, Any], **goals: float
) -> list[str]:
    """A line of the table; `ours` is mlops_lit with the same rows, and a goal is seconds or times its seconds."""
    times = found["s"] / ours["s"]
    cells = [
        what,
        f"{rows:,}",
        number(found["s"]),
        number(found["cpu_s"]),
        number(found["peak_mb"]),
    ]
    by_cpu = ratio(found["cpu_s"], ours["cpu_s"])
    reached = goal(found["s"] if "at_most" in goals else times, **goals)
    return [*cells, ratio(times, 1.0), by_cpu, *reached]


def scaled(
    plain: dict[str, Any], boot: dict[str, Any], measured: int, rounds: int
) -> dict[str, Any]:
    """What so many rounds cost: the metrics once, and the measured cost of a round so many times."""
    costs = {
        key: plain[key] + max(boot[key] - plain[key], 0.0) / measured * rounds
        for key in ("s", "cpu_s")
    }
    return {**boot, **costs}


def speed_lines(rows: int, boot_rows: int, rounds: int, folder: Path) -> list[list[str]]:
    """Ours from Parquet and from pandas, and fairlearn's without and with bootstrap."""
    large, small = make(rows, folder), make(boot_rows, folder)
    ours = {how: measure("mlops_lit", how, large, 9) for how in ("parquet", "pandas")}
    few = measure("mlops_lit", "parquet", small, 9)
    base, limits = ours["parquet"], {"parquet": 0.15, "pandas": 0.3}
    made = [
        line(f"mlops_lit, {how}, 1,000 rounds", rows, found, base, at_most=limits[how])
        for how, found in ours.items()
    ]
    made.append(line("mlops_lit, parquet, 1,000 rounds", boot_rows, few, few))
    if "fairlearn" in present(["fairlearn"]):
        plain = measure("fairlearn", "plain", large, 1)
        agree({**ours, "fairlearn": plain})
        made.append(line("fairlearn, no interval", rows, plain, base, at_least=150))
        once = measure("fairlearn", "plain", small, 2)
        boot = measure("fairlearn", "bootstrap", small, 1, rounds)
        agree({"mlops_lit": few, "fairlearn": boot})
        made.append(line(f"fairlearn, {rounds:,} rounds", boot_rows, boot, few))
        many = scaled(once, boot, rounds, 1000)
        made.append(line("fairlearn, 1,000 rounds (scaled)", boot_rows, many, few, at_least=5000))
    return made


def memory_lines(sizes: list[int], folder: Path) -> list[list[str]]:
    """Seconds and memory of a file of each size, read once in a process of its own."""
    made, base = [], None
    for rows in sizes:
        path = make(rows, folder)
        found = measure("mlops_lit", "parquet", path, 4)
        base = base or found["s"] / rows
        path.unlink()
        each = found["s"] / rows / base
        limit = 2048 if rows >= 10_000_000 else None
        cells = [f"{rows:,}", number(found["s"]), number(found["peak_mb"]), f"{each:.2f}"]
        made.append([*cells, *goal(found["peak_mb"], at_most=limit)])
    return made


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description="Time group fairness.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of twenty columns")
    parser.add_argument("--boot-rows", type=int, default=100_000, help="rows for the bootstrap")
    parser.add_argument("--rounds", type=int, default=3, help="bootstrap rounds of fairlearn")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000_000, 10_000_000])
    arguments = parser.parse_args()
    with empty_folder() as folder:
        lines = speed_lines(arguments.rows, arguments.boot_rows, arguments.rounds, folder)
    print("### Group fairness\n")
    print(
        "Two sensitive columns and their crossing. mlops_lit: thirteen rates, eight criteria as difference"
    )
    print(
        "and ratio, with intervals of 1,000 rounds; to reach are seconds. fairlearn: five rates; to reach is"
    )
    print(
        f"its time over that of mlops_lit with the same rows and rounds. {arguments.rounds} rounds are measured, and 1,000 are"
    )
    print("the metrics once and 1,000 times the cost of a measured round.\n")
    headers = ["what", "rows", "s", "processor s", "peak MB", "this / mlops_lit", "by processor"]
    print(table([*headers, "to reach", "reached"], lines) + "\n")
    with empty_folder() as folder:
        lines = memory_lines(arguments.sizes, folder)
    print("The same from Parquet, by size:\n")
    headers = ["rows", "s", "peak MB", "time per row, of the first", "to reach, MB", "reached"]
    print(table(headers, lines) + "\n")


if __name__ == "__main__":
    main()
