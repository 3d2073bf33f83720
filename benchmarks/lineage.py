"""How long it takes to say what a model came from: `python benchmarks/lineage.py`.

MLflow and the other tools keep no graph of runs and versions, so mlops_lit is compared with what one would write without it.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path
from typing import Any

from bench import empty_folder, median, number, ratio, run_snippet, table

WAYS = {
    "store": "mlops_lit, store.lineage",
    "files": "reading every run.json",
    "networkx": "the same, with networkx",
}
PROCESSES, REPEATS = 3, 9


def answer(way: str, folder: Path) -> dict[str, Any]:
    """Seconds of the first answer, of one from a new process with its start, and of one from a warm process."""
    first = run_snippet("mlops_lit", "lineage", way, 1, folder=folder)
    whole = []
    for _ in range(PROCESSES):
        begin = time.perf_counter()
        run_snippet("mlops_lit", "lineage", way, 1, folder=folder)
        whole.append(time.perf_counter() - begin)
    warm = run_snippet("mlops_lit", "lineage", way, 1 + REPEATS, folder=folder)
    return {
        "first": first["seconds"][0],
        "process": median(whole),
        "warm": median(warm["seconds"][1:]),
        "nodes": warm["nodes"],
    }


def main() -> None:
    """Fill a store, ask, print the table."""
    parser = argparse.ArgumentParser(description="Time the lineage of a model.")
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--versions", type=int, default=5_000, help="a multiple of the runs")
    parser.add_argument("--artifacts", type=int, default=300, help="names the versions share")
    arguments = parser.parse_args()
    sizes = arguments.runs, arguments.versions, arguments.artifacts
    ways = dict(WAYS)
    if importlib.util.find_spec("networkx") is None:
        ways.pop("networkx")
        print("networkx is left out: it is not installed.", file=sys.stderr)
    with empty_folder() as folder:
        filled = run_snippet("mlops_lit", "lineage", "fill", *sizes, folder=folder)
        print(f"filled in {filled['seconds']:.0f} s", file=sys.stderr)
        found = {way: answer(way, folder) for way in ways}
    if len({f["nodes"] for f in found.values()}) > 1:
        print(
            f"the answers differ: { {way: f['nodes'] for way, f in found.items()} }",
            file=sys.stderr,
        )
    base = found["store"]["warm"]
    rows = [
        [
            ways[way],
            f"{f['nodes']:,}",
            *(number(f[key]) for key in ("first", "process", "warm")),
            ratio(f["warm"], base),
        ]
        for way, f in found.items()
    ]
    print("### What a model came from\n")
    print(f"{arguments.runs:,} runs, {arguments.versions:,} versions of {arguments.artifacts:,}")
    print(
        "artifacts; all ancestors of the last version. mlops_lit first checks that its catalog is up"
    )
    print("to date, and makes it the first time. A new process includes start and imports.\n")
    headers = ["way", "nodes", "first time s", "new process s", "warm s", "warm / mlops_lit"]
    print(table(headers, rows) + "\n")


if __name__ == "__main__":
    main()
