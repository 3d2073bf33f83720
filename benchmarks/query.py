"""How long a question to a store takes: all runs, the best run, one metric of many runs.

`python benchmarks/query.py`; the stores are filled first, which takes minutes and is not part of the figures.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from bench import each, empty_folder, median, number, present, ratio, run_snippet, table

TOOLS = ["mlops_lit", "mlflow sqlite"]
PROCESSES, REPEATS = 3, 5  # At most
ENOUGH_S = 20  # No further process once the first ones took this long together


def answer(tool: str, question: str, runs: int, folder: Path) -> dict[str, Any]:
    """Seconds of the first answer to this question, of one from a new process, and of one from a warm process."""

    def process() -> float:
        begin = time.perf_counter()
        run_snippet(tool, "ask", question, 1, runs, folder=folder)
        return time.perf_counter() - begin

    first = run_snippet(tool, "ask", question, 1, runs, folder=folder)
    whole = [process()]
    while len(whole) < PROCESSES and sum(whole) < ENOUGH_S:
        whole.append(process())
    warm = run_snippet(tool, "ask", question, 1 + REPEATS, runs, folder=folder)
    return {
        "first": first["seconds"][0],
        "process": median(whole),
        "warm": median(warm["seconds"][1:]),
        "rows": warm["rows"],
        "value": warm["value"],
    }


def rows_of(question: str, label: str, found: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Rows of the table; says on standard error when two tools answered differently."""
    if len({(f["rows"], round(f["value"], 9)) for f in found.values()}) > 1:
        answers = {tool: (f["rows"], f["value"]) for tool, f in found.items()}
        print(f"{question}: the answers differ: {answers}", file=sys.stderr)
    base = found.get("mlops_lit", {})
    return [
        [
            f"{label}, {tool}",
            f"{f['rows']:,}",
            *(number(f[key]) for key in ("first", "process", "warm")),
            *(ratio(f[key], base.get(key)) for key in ("process", "warm")),
        ]
        for tool, f in found.items()
    ]


def main() -> None:
    """Fill the stores, ask, print the table."""
    parser = argparse.ArgumentParser(description="Time questions to a store.")
    parser.add_argument("--runs", type=int, default=1_000, help="runs with 40 metrics")
    parser.add_argument("--histories", type=int, default=100, help="runs with a long history")
    parser.add_argument("--steps", type=int, default=10_000, help="steps of a long history")
    arguments = parser.parse_args()
    rows: list[list[str]] = []
    with empty_folder() as folder:
        for tool in present(TOOLS):
            for what in ("summaries", "histories"):
                place = folder / what / tool.split()[0]
                place.mkdir(parents=True)
                count = arguments.runs if what == "summaries" else arguments.histories
                try:
                    built = run_snippet(tool, "build", what, count, arguments.steps, folder=place)
                    print(f"{tool}: {what} filled in {built['seconds']:.0f} s", file=sys.stderr)
                except RuntimeError as error:
                    print(f"{tool}: {what} not filled: {error}", file=sys.stderr)
        questions = {
            "runs": "all runs",
            "best": "best of a filter",
            "histories": "one metric's histories",
        }
        for question, label in questions.items():
            what = "histories" if question == "histories" else "summaries"

            def measure(tool: str, question: str = question, what: str = what) -> dict[str, Any]:
                place = folder / what / tool.split()[0]
                return answer(tool, question, arguments.histories, place)

            rows += rows_of(question, label, each(TOOLS, measure))
    headers = ["question", "rows", "first time s", "new process s", "warm s"]
    print("### Questions to a store, as pandas frames\n")
    print(
        f"{arguments.runs:,} runs with 40 metrics and 10 config values; {arguments.histories:,} runs"
    )
    print(
        f"with {arguments.steps:,} steps. The first time is the call alone; for all runs it is the first"
    )
    print("call ever, which makes mlops_lit's catalog. A new process includes start and imports.\n")
    print(table([*headers, "new process / mlops_lit", "warm / mlops_lit"], rows) + "\n")


if __name__ == "__main__":
    main()
