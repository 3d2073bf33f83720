"""What a new process pays to import a tool, open a run and close it: `python benchmarks/start.py`."""

from __future__ import annotations

import argparse
import subprocess
import time
from collections import defaultdict
from typing import Any

from bench import (
    each,
    empty_folder,
    environment,
    median,
    number,
    python_of,
    ratio,
    run_snippet,
    table,
)

TOOLS = [
    "mlops_lit",
    "trackio",
    "wandb offline",
    "tensorboardX",
    "mlflow file",
    "mlflow sqlite",
    "aim",
]
FLOOR = "python -c pass"
PARTS = ["import_s", "init_s", "finish_s"]


def once(tool: str) -> dict[str, float]:
    """Seconds of one whole process, and of its parts; in an empty folder, so the store is new too."""
    with empty_folder() as folder:
        begin = time.perf_counter()
        if tool == FLOOR:
            command = [str(python_of("mlops_lit")), "-c", "pass"]
            subprocess.run(command, cwd=folder, env=environment(folder), check=True)
            parts = {}
        else:
            parts = run_snippet(tool, "start", folder=folder)
        return {"whole_s": time.perf_counter() - begin, **parts}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time import, init and finish in new processes.")
    parser.add_argument("--rounds", type=int, default=10, help="processes per tool")
    rounds = parser.parse_args().rounds
    # The first process of each compiles modules and fills caches, so it does not count.
    tools = [FLOOR, *each(TOOLS, once)]
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for _ in range(rounds):
        for tool in tools:  # By turns, so that a busy minute of the machine meets all of them
            found[tool].append(once(tool))
    base = median([r["whole_s"] for r in found["mlops_lit"]]) if "mlops_lit" in found else None
    rows = []
    for tool, results in found.items():
        whole = [result["whole_s"] for result in results]
        parts = [
            median([r[part] for r in results]) if part in results[0] else None for part in PARTS
        ]
        numbers = [median(whole), max(whole), *parts]
        rows.append([tool, *map(number, numbers), ratio(median(whole), base)])
    headers = ["tool", "whole process s", "slowest s", "import s", "init s", "finish s"]
    print(f"### A new process: import, init, finish\n\nMedians of {rounds} processes.\n")
    print(table([*headers, "whole / mlops_lit"], rows) + "\n")


if __name__ == "__main__":
    main()
