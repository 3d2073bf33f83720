"""How long it takes to find the slices where a model loses most, and how much memory.

`python benchmarks/slices.py`; the peer is asked for the smallest size only, where it already takes a minute and several GB.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from bench import each, empty_folder, goal, number, ratio, run_snippet, table

TOOLS = ["mlops_lit", "sliceline"]
LIMITS = {(100_000, 2): 0.12, (1_000_000, 2): 1.8, (1_000_000, 3): 15.0}  # Rows, depth -> seconds
MEMORY_MB = 2048  # For a million rows and three conditions


def main() -> None:
    """Search, compare the answers, print the table."""
    parser = argparse.ArgumentParser(description="Time the search for slices.")
    parser.add_argument("--rows", type=int, default=100_000, help="rows for both tools")
    parser.add_argument("--more-rows", type=int, default=1_000_000, help="rows for mlops_lit alone")
    arguments = parser.parse_args()
    rows: list[list[str]] = []
    with empty_folder() as folder:

        def measure(tool: str, n: int = arguments.rows, depth: int = 2) -> dict[str, Any]:
            times = 1 if tool == "sliceline" else 3 if depth == 3 else 7
            return run_snippet(tool, "slices", n, depth, times, folder=folder)

        def add(tool: str, n: int, depth: int, found: dict[str, Any], base: Any = None) -> None:
            cells = [f"{n:,} rows, depth {depth}, {tool}", number(found["seconds"])]
            cells += [number(found["peak_mb"]), number(found["added_mb"])]
            ours, times = tool == "mlops_lit", found["seconds"] / base if base else None
            limits = goal(found["seconds"], at_most=LIMITS.get((n, depth)) if ours else None)
            if not ours:
                limits = goal(times, at_least=500)
            if ours and depth == 3 and limits[1] == "yes" and found["peak_mb"] > MEMORY_MB:
                limits[1] = "no"
            rows.append([*cells, ratio(found["seconds"], base), *limits])

        found = each(TOOLS, measure)
        base = found.get("mlops_lit", {}).get("seconds")
        for tool, one in found.items():
            add(tool, arguments.rows, 2, one, base)
        if len(found) == 2:
            same = found["mlops_lit"]["found"] == found["sliceline"]["found"]
            print(f"The top three slices are {'equal' if same else 'DIFFERENT'}.", file=sys.stderr)
            if not same:
                print({tool: one["found"] for tool, one in found.items()}, file=sys.stderr)
        for n, depth in ((arguments.rows, 3), (arguments.more_rows, 2), (arguments.more_rows, 3)):
            for tool, one in each(["mlops_lit"], lambda t, n=n, d=depth: measure(t, n, d)).items():
                add(tool, n, depth, one)
    print("### Search for the slices where a model loses most\n")
    print(
        "20 columns of 5 values each, a loss per row, slices of at least 1 % of the rows, ranked by"
    )
    print(
        "SliceLine's score with alpha 0.95. mlops_lit tests every slice, too; its time is the best of 7, of 3 at depth 3."
    )
    if len(found) == 2:
        print(
            f"The three best slices and their scores are {'the same' if same else 'NOT the same'}."
        )
    print(f"To reach are seconds; with three conditions and a million rows also {MEMORY_MB:,} MB.")
    headers = ["search", "s", "peak MB", "of it the search", "time / mlops_lit"]
    headers += ["to reach", "reached"]
    print("\n" + table(headers, rows) + "\n")


if __name__ == "__main__":
    main()
