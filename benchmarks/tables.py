"""What a large table costs: to log it, to read it back, to ask for an aggregate in SQL, to compare it with another.

`python benchmarks/tables.py`; each line stands beside the plain call that does the same without a run around it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from bench import empty_folder, median, number, present, ratio, run_snippet, table

# Question, its label, the plain way, and what that is
QUESTIONS = [
    ("log", "log a frame", "pandas", "to_parquet, zstd"),
    ("read", "read it as a frame", "pandas", "read_parquet"),
    ("one number", "SQL: mean of a column", "duckdb", "DuckDB on the file"),
    ("group by number", "SQL: group by a number", "duckdb", "DuckDB on the file"),
    ("group by text", "SQL: group by a text", "duckdb", "DuckDB on the file"),
    ("diff", "compare two by key", "pandas", "merge and compare"),
]


def measure(tool: str, how: str, question: str, rows: int, times: int, folder: Path) -> Any:
    """Seconds of the first call and of a later one, and the answer."""
    found = run_snippet(tool, "tables", how, question, rows, 1 + times, folder=folder)
    return {
        "first": found["seconds"][0],
        "warm": median(found["seconds"][1:]),
        "value": found["value"],
    }


def lines(rows: int, times: int, folder: Path) -> list[list[str]]:
    """Two lines per question: ours and the plain way; says when the answers differ."""
    made = []
    for question, label, plain, what in QUESTIONS:
        ours = measure("mlops_lit", "mlops_lit", question, rows, times, folder)
        theirs = measure("mlops_lit", plain, question, rows, times, folder)
        values = [found["value"] for found in (ours, theirs)]
        if question != "log" and abs(values[0] - values[1]) > 1e-6 * abs(values[1]):
            print(f"{question}: the answers differ: {values}", file=sys.stderr)
        for name, found in (("mlops_lit", ours), (what, theirs)):
            made.append(
                [
                    f"{label}, {name}",
                    f"{rows:,}",
                    number(found["first"]),
                    number(found["warm"]),
                    ratio(ours["warm"], found["warm"]),
                    f"{found['value'] / 1e6:.1f}" if question == "log" else "",
                ]
            )
    return made


def wandb_lines(rows: int, times: int, folder: Path) -> list[list[str]]:
    """A smaller table logged by W&B offline and by mlops_lit."""
    if "wandb offline" not in present(["wandb offline"]):
        return []
    ours = measure("mlops_lit", "mlops_lit", "lists", rows, times, folder / "ours")
    theirs = measure("wandb offline", "wandb", "lists", rows, times, folder / "wandb")
    return [
        [
            f"log lists, {name}",
            f"{rows:,}",
            number(found["first"]),
            number(found["warm"]),
            ratio(ours["warm"], found["warm"]),
            f"{found['value'] / 1e6:.1f}",
        ]
        for name, found in (("mlops_lit", ours), ("wandb offline", theirs))
    ]


def main() -> None:
    """Log, read, ask and compare, and print the table."""
    parser = argparse.ArgumentParser(description="Time large tables.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of ten columns")
    parser.add_argument("--times", type=int, default=7, help="calls after the first one")
    parser.add_argument("--wandb-rows", type=int, default=20_000, help="rows for W&B")
    arguments = parser.parse_args()
    with empty_folder() as folder:
        for name in ("large", "ours", "wandb"):
            (folder / name).mkdir()
        rows = lines(arguments.rows, arguments.times, folder / "large")
        rows += wandb_lines(arguments.wandb_rows, 2, folder)
    print("### Large tables\n")
    print("Ten columns: an id, two labels, four floats, three texts. Each question in a process of")
    print("its own; the plain way works on the same frame or on the file that mlops_lit wrote.\n")
    headers = ["question", "rows", "first s", "then s", "mlops_lit / this", "file MB"]
    print(table(headers, rows) + "\n")


if __name__ == "__main__":
    main()
