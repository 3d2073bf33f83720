"""What it costs to execute notebooks, with papermill and with mlops_lit: `python benchmarks/engine.py`.

papermill, its libraries and mlops_lit are in one environment (`peers.py papermill`), so that both execute the same
cells with the same libraries. Each way has a process of its own, and the ways take turns within a round.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import (
    HERE,
    MARK,
    empty_folder,
    environment,
    find_result,
    median,
    number,
    present,
    python_of,
    ratio,
    table,
)
from notebooks import EDA, EMPTY, IMPORTS, PREPARED, write_notebook, write_table

API, COMMAND = "papermill", "papermill in out"
ENGINE, OURS = "papermill --engine mlops_lit", "mlops_lit"
BIN = python_of(API).parent
N_FURTHER = 50  # Cells by which the longer notebook is longer
PAGES = ["nbs/data", "nbs/evaluate"]
PARTS = ["warm", "shared", "commands", "many", "demo", "tests"]


def variables(folder: Path) -> dict[str, str]:
    """The environment of every process: papermill's one activated, and no engine but the one started here."""
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    places = {"XDG_RUNTIME_DIR": str(folder), "TMPDIR": str(folder)}
    return {**environment(folder), "PATH": path, **places}


def install_checkout() -> None:
    """Put this checkout into papermill's environment as a wheel, as users have it.

    An editable one costs every Python process 30 ms, and its modules are never imported ahead.
    """
    with empty_folder() as folder:
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(HERE.parent / name, folder)
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(HERE.parent / "mlops_lit", folder / "mlops_lit", ignore=unwanted)
        pip = [str(python_of(API)), "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--force-reinstall", str(folder)], check=True)


class Worker:
    """A process that executes notebooks one way and stays between them."""

    def __init__(self, way: str, folder: Path) -> None:
        self.way, self.complaints = way, folder / f"{way}.txt"
        script = HERE / "snippets" / "engine.py"
        with self.complaints.open("w") as file:
            self.process = subprocess.Popen(
                [str(python_of(API)), str(script), way],
                cwd=folder,
                env=variables(folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )

    def run(
        self, notebook: Path, sets: Sequence[Mapping[str, Any]] = ({},), workers: int = 1
    ) -> dict[str, float]:
        """Seconds of executing the notebook with each set, and of its cells alone."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {"notebook": str(notebook), "sets": list(sets), "workers": workers}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith(MARK):
                return find_result(line)
        complaints = self.complaints.read_text()[-3000:]
        raise RuntimeError(f"{self.way} failed with {notebook.name}:\n{complaints}")

    def close(self) -> None:
        """Let it end."""
        self.process.communicate()


@contextlib.contextmanager
def workers_for(ways: Sequence[str], folder: Path) -> Iterator[dict[str, Worker]]:
    """A worker for each way, ended with the block."""
    workers = {way: Worker(way, folder) for way in ways}
    try:
        yield workers
    finally:
        for worker in workers.values():
            worker.close()


def call(folder: Path, *arguments: str, cwd: Path | None = None) -> float:
    """Seconds of a command of papermill's environment."""
    begin = time.perf_counter()
    done = subprocess.run(
        [str(BIN / arguments[0]), *arguments[1:]],
        cwd=cwd or folder,
        env=variables(folder),
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(arguments)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        )
    return seconds


def by_turns(
    rounds: int, ways: Mapping[str, Callable[[], float]], uncounted: bool = True
) -> dict[str, list[float]]:
    """Way -> seconds in each round; a first turn compiles, fills caches, warms up, and does not count."""
    found: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds + uncounted):
        for way, work in ways.items():
            seconds = work()
            if turn or not uncounted:
                found[way].append(seconds)
    return found


def line(
    what: str,
    theirs: Sequence[float] | None,
    ours: Sequence[float],
    times: float | None = None,
    limit_s: float | None = None,
) -> list[str]:
    """A line of the table; `times` is the ratio to reach, `limit_s` the seconds to stay within."""
    within = [t / o for t, o in zip(theirs or [], ours, strict=False)]
    goals = [f">= {number(times)}x"] if times else []
    goals += [f"<= {number(limit_s)} s"] if limit_s else []
    reached = (not times or median(within) >= times) and (not limit_s or median(ours) <= limit_s)
    return [
        what,
        number(median(theirs) if theirs else None),
        number(median(ours)),
        ratio(median(within), 1) if within else "-",
        f"{ratio(min(within), 1)} to {ratio(max(within), 1)}" if within else "-",
        ", ".join(goals) or "-",
        ("yes" if reached else "no") if goals else "-",
    ]


def warm(rounds: int, folder: Path) -> list[list[str]]:
    """Notebooks one after the other in a process that stays."""
    empty = write_notebook(folder / "empty.ipynb", EMPTY)
    longer = write_notebook(folder / "longer.ipynb", [*EMPTY, *["y"] * N_FURTHER])
    imports = write_notebook(folder / "imports.ipynb", IMPORTS)
    eda = write_notebook(folder / "eda.ipynb", EDA)
    cells: list[float] = []
    with workers_for([API, ENGINE, OURS], folder) as workers:

        def work(way: str, notebook: Path) -> Callable[[], float]:
            return lambda: workers[way].run(notebook)["seconds"]

        short = by_turns(
            rounds,
            {
                API: work(API, empty),
                COMMAND: lambda: call(folder, "papermill", "empty.ipynb", "out/command.ipynb"),
                ENGINE: work(ENGINE, empty),
                OURS: work(OURS, empty),
                f"{API}, longer": work(API, longer),
                f"{OURS}, longer": work(OURS, longer),
            },
        )
        large = by_turns(rounds, {way: work(way, imports) for way in (API, OURS)})

        def explore() -> float:
            found = workers[OURS].run(eda)
            cells.append(found["cells_s"])
            return found["seconds"]

        plots = by_turns(rounds, {API: work(API, eda), OURS: explore})
    further = {
        way: [
            (long - short_) / N_FURTHER
            for long, short_ in zip(short[f"{way}, longer"], short[way], strict=True)
        ]
        for way in (API, OURS)
    }
    alone = number(median(cells[1:]))
    return [
        line("empty notebook, `execute_notebook`", short[API], short[OURS], 20, 0.05),
        line("the same, papermill's command", short[COMMAND], short[OURS], 35),
        line("the same, `engine_name='mlops_lit'`", short[API], short[ENGINE], 12),
        line("a further cell", further[API], further[OURS], limit_s=0.0015),
        line("imports of pandas, scikit-learn, matplotlib", large[API], large[OURS], 50),
        line(f"EDA with five plots (cells alone: {alone} s)", plots[API], plots[OURS], 5),
    ]


def shared(rounds: int, folder: Path, n_sets: int, n_rows: int) -> list[list[str]]:
    """Sets of parameters for a notebook that first reads and prepares a table."""
    write_table(folder / "table.csv", n_rows)
    notebook = write_notebook(folder / "prepared.ipynb", PREPARED)
    sets = [{"threshold": i / n_sets} for i in range(n_sets)]
    with workers_for([API, OURS], folder) as workers:
        for worker in workers.values():  # Warm, as after the first notebook of a day
            worker.run(notebook)
        ways = {
            API: lambda: workers[API].run(notebook, sets)["seconds"],
            OURS: lambda: workers[OURS].run(notebook, sets, workers=2)["seconds"],
        }
        found = by_turns(rounds, ways, uncounted=False)
    what = f"{n_sets} sets over {n_rows:,} rows, cells tagged `setup`"
    return [line(what, found[API], found[OURS], 25)]


def many(rounds: int, folder: Path, n_notebooks: int) -> list[list[str]]:
    """Many empty notebooks on two cores."""
    notebook = write_notebook(folder / "many.ipynb", [("parameters", "x = 0"), *EMPTY[1:]])
    sets = [{"x": i} for i in range(1, n_notebooks + 1)]
    with workers_for([API, OURS], folder) as workers:
        for worker in workers.values():
            worker.run(notebook, sets[:4], workers=2)
        ways = {w: lambda w=w: workers[w].run(notebook, sets, 2)["seconds"] for w in workers}
        found = by_turns(rounds, ways, uncounted=False)
    what = f"{n_notebooks} empty notebooks, two at a time"
    return [line(what, found[API], found[OURS], 12, n_notebooks * 0.05)]


@contextlib.contextmanager
def live_engine(folder: Path) -> Iterator[None]:
    """A block with `mlops-lit engine start` before and `stop` after it."""
    minutes = "5"  # Without a command, should this script be killed
    call(folder, "mlops-lit", "engine", "start", "--idle", minutes)
    try:
        yield
    finally:
        call(folder, "mlops-lit", "engine", "stop")


def commands(rounds: int, folder: Path) -> list[list[str]]:
    """One command after the other, each a new process."""
    write_notebook(folder / "empty.ipynb", EMPTY)
    write_notebook(folder / "eda.ipynb", EDA)

    def ways(notebook: str) -> dict[str, Callable[[], float]]:
        return {
            COMMAND: lambda: call(folder, "papermill", notebook, "out/command.ipynb"),
            OURS: lambda: call(folder, "mlops-lit", "run", notebook),
        }

    cold = by_turns(rounds, ways("empty.ipynb"))
    plots = by_turns(rounds, ways("eda.ipynb"))
    with live_engine(folder):
        live = by_turns(rounds, ways("empty.ipynb"))
    return [
        line("one command, empty notebook", cold[COMMAND], cold[OURS], 3),
        line("one command, EDA", plots[COMMAND], plots[OURS], 1.5),
        line("one command, empty, a live engine", live[COMMAND], live[OURS], 15),
    ]


def demo(rounds: int) -> list[list[str]]:
    """The whole demo: seven notebooks and the site, each time in a new folder."""
    seconds = []
    for _ in range(rounds):
        with empty_folder() as folder:
            seconds.append(call(folder, "mlops-lit", "demo", "mortgages"))
    return [line("`mlops-lit demo`, a new project each time", None, seconds, limit_s=15)]


def tests(rounds: int, folder: Path) -> list[list[str]]:
    """The notebooks of this project as tests."""
    code = "from importlib.metadata import entry_points as e; print(e(group='pytest11').names)"
    known = subprocess.run([str(python_of(API)), "-c", code], capture_output=True, text=True)
    if "'mlops_lit'" not in known.stdout:
        print(
            "The line on notebook tests is left out: this version of mlops_lit has no plug-in "
            "for pytest, mlops_lit.notebook.pytest_plugin.",
            file=sys.stderr,
        )
        return []
    pages = [str(page) for part in PAGES for page in sorted((HERE.parent / part).glob("*.ipynb"))]
    plain = ["pytest", "--noconftest", "-p", "no:cacheprovider", *pages]
    ways = {
        "nbmake": lambda: call(folder, *plain, "--nbmake", cwd=HERE.parent),
        OURS: lambda: call(folder, *plain, "--mlops-lit", cwd=HERE.parent),
    }
    found = by_turns(rounds, ways)
    what = f"tests: {len(pages)} pages, `--nbmake` and `--mlops-lit`"
    return [line(what, found["nbmake"], found[OURS], 3)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time the execution of notebooks.")
    parser.add_argument("--rounds", type=int, default=7, help="turns of what takes seconds")
    parser.add_argument("--long-rounds", type=int, default=3, help="turns of what takes longer")
    parser.add_argument("--sets", type=int, default=12, help="sets for the shared set-up")
    parser.add_argument("--rows", type=int, default=300_000, help="rows of its table")
    parser.add_argument("--notebooks", type=int, default=100, help="notebooks on two cores")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS, help="which lines")
    arguments = parser.parse_args()
    if API not in present([API]):
        return
    install_checkout()
    rounds, long_rounds = arguments.rounds, arguments.long_rounds
    work: dict[str, Callable[[Path], list[list[str]]]] = {
        "warm": lambda folder: warm(rounds, folder),
        "shared": lambda folder: shared(long_rounds, folder, arguments.sets, arguments.rows),
        "commands": lambda folder: commands(rounds, folder),
        "many": lambda folder: many(long_rounds, folder, arguments.notebooks),
        "demo": lambda folder: demo(long_rounds),
        "tests": lambda folder: tests(long_rounds, folder),
    }
    rows = []
    for part in arguments.parts:
        with empty_folder() as folder:
            (folder / "settings.ini").write_text("[mlops_lit]\nproject = bench\n")
            (folder / "out").mkdir()
            rows += work[part](folder)
    print("### Executing notebooks\n")
    print(f"Medians of {rounds} rounds, of {long_rounds} for the sets, the many notebooks,")
    print("the demo and the tests; the ratio is taken within each round.\n")
    headers = ["what", "papermill s", "mlops_lit s", "papermill / mlops_lit", "in the rounds"]
    print(table([*headers, "to reach", "reached"], rows) + "\n")


if __name__ == "__main__":
    main()
