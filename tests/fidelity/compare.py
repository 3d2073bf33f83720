"""Run notebooks with two engines and say, cell by cell, where the results differ.

What cannot be equal is made equal first: times, addresses, ids, temporary paths. What two runs of the standard engine do not agree on is
no difference of the other engine; it is counted apart.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RUNNER = Path(__file__).with_name("runner.py")
SILENT_S = 60.0  # A notebook that takes longer hangs

# What differs from run to run -> what is written instead
VARYING = [
    (re.compile(r"0x[0-9a-fA-F]{6,}"), "0xADDRESS"),
    (re.compile(r"ipykernel_\d+"), "ipykernel_PID"),
    (re.compile(r"(CPU times|Wall time): .*"), r"\1: TIME"),
    (re.compile(r"[\d.]+ [mµun]?s ± .*"), "TIME per loop"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?"), "DATE"),
    (re.compile(r"Ran (\d+) tests? in [\d.]+s"), r"Ran \1 in TIME"),
    (re.compile(r"id=\"?T_[0-9a-f]{5}|T_[0-9a-f]{5}"), "T_STYLE"),
    (re.compile(r"/tmp/tmp[a-z0-9_]{8}"), "/tmp/TEMPORARY"),
    (re.compile(r"Task-\d+"), "Task-N"),
    (re.compile(r"ForkPoolWorker-\d+|SpawnPoolWorker-\d+"), "PoolWorker-N"),
]
NAMES = re.compile(
    r"(?<![0-9a-f])([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})(?![0-9a-f])"
)
MARKER = "papermill-error-cell-tag"  # Of the cells in which papermill tells about an error
WIDGETS = "application/vnd.jupyter.widget-state+json"


@dataclass(frozen=True)
class Job:
    "One notebook to run."

    name: str
    input: str  # Path of the notebook
    output: str  # Where the result goes
    folder: str  # Its working directory
    parameters: dict[str, Any] = field(default_factory=dict)
    kernel: str | None = None  # Instead of the notebook's own
    timeout_s: int | None = None  # For each cell


@dataclass(frozen=True)
class Difference:
    "One place where two results are not equal."

    notebook: str
    cell: int | str  # Position of the cell, or "notebook", "error", "files", "told", "returned"
    lines: tuple[str, ...]  # Unified diff
    stable: bool  # Whether the standard engine agrees with itself here


@dataclass(frozen=True)
class Comparison:
    "What one notebook gave."

    notebook: str
    places: int  # What was compared: each cell, and what belongs to the notebook as a whole
    equal: int
    differences: tuple[Difference, ...]
    seconds: tuple[float, float]  # Standard engine, the other one

    @property
    def differing(self) -> int:
        "How many places differ where the standard engine agrees with itself."
        return sum(each.stable for each in self.differences)


# Running


def run_all(engine: str, jobs: Sequence[Job], scratch: Path) -> dict[str, dict[str, Any]]:
    "Name -> how it ended; a notebook that hangs or takes its runner along is told as such."
    found: dict[str, dict[str, Any]] = {}
    while left := [job for job in jobs if job.name not in found]:
        for job in left:
            result = Path(job.output + ".result.json")
            if result.exists():
                found[job.name] = json.loads(result.read_text())
        left = [job for job in left if job.name not in found]
        if left and not _run_until_stuck(engine, left, scratch):
            stuck = next(job for job in left if not Path(job.output + ".result.json").exists())
            error = {"type": "runner", "text": "hangs, or took the process that ran it along"}
            facts = {"files": [], "seconds": SILENT_S, "returned_is_saved": None}
            found[stuck.name] = {"error": error, **facts}
    return found


def _run_until_stuck(engine: str, jobs: list[Job], scratch: Path) -> bool:
    "Let a runner work until it ends or is silent for too long; whether all jobs are done."
    path = scratch / f"jobs-{time.monotonic_ns()}.json"
    path.write_text(json.dumps([asdict(job) for job in jobs]))
    with open(path.with_suffix(".log"), "wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(RUNNER), engine, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(scratch),
            start_new_session=True,
        )
        done, heard = -1, time.monotonic()
        while process.poll() is None and time.monotonic() - heard < SILENT_S:
            count = sum(Path(job.output + ".result.json").exists() for job in jobs)
            if count != done:
                done, heard = count, time.monotonic()
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return all(Path(job.output + ".result.json").exists() for job in jobs)


def environment(scratch: Path) -> dict[str, str]:
    "The variables of a runner: nothing of the user's own IPython, nothing that changes how things look."
    dropped = (
        "JUPYTER",
        "IPYTHON",
        "MLOPS_LIT",
        "COLUMNS",
        "LINES",
        "MPLBACKEND",
        "COV_",
        "PYTEST",
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    programs = str(Path(sys.executable).parent)  # `python` is this one, as where it is activated
    return {
        **kept,
        "PATH": os.pathsep.join([programs, kept.get("PATH", os.defpath)]),
        "IPYTHONDIR": str(scratch / "ipython"),
        "PYTHONHASHSEED": "0",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


@dataclass(frozen=True)
class Source:
    "A notebook before it is run."

    name: str
    content: bytes
    parameters: dict[str, Any] = field(default_factory=dict)
    kernel: str | None = None
    timeout_s: int | None = None
    files: dict[str, bytes] = field(default_factory=dict)  # Beside it in its folder


def jobs_for(sources: Sequence[Source], folder: Path) -> list[Job]:
    "A job per notebook, each with a folder of its own below `folder`, named after what is in it."
    jobs = []
    for source in sources:
        place = folder / (re.sub(r"\W+", "-", source.name) + "-" + _digest(repr(source)))
        if not (place / "out.ipynb.result.json").exists():
            shutil.rmtree(place, ignore_errors=True)
            (place / "work").mkdir(parents=True)
            (place / "in.ipynb").write_bytes(source.content)
        for name, content in source.files.items():
            (place / "work" / name).write_bytes(content)
        paths = [str(place / name) for name in ("in.ipynb", "out.ipynb", "work")]
        options = {"kernel": source.kernel, "timeout_s": source.timeout_s}
        jobs.append(Job(source.name, *paths, source.parameters, **options))
    return jobs


# Reading


def read(job: Job, result: Mapping[str, Any]) -> dict[int | str, Any]:
    "Place -> what stands there, without what differs from run to run."
    path, places = Path(job.output), {}
    names: dict[str, str] = {}

    def plain(value: Any) -> Any:
        return _plain(value, str(path.parent), names)

    if path.exists():
        nb = json.loads(path.read_text(encoding="utf-8"))
        names.update(_widget_names(nb["metadata"].get("widgets", {})))
        told = [cell for cell in nb["cells"] if MARKER in cell["metadata"].get("tags", [])]
        for index, cell in enumerate(cell for cell in nb["cells"] if cell not in told):
            places[index] = plain(_cell(cell))
        places["told"] = [cell["source"] for cell in told]
        metadata = nb["metadata"]
        metadata["papermill"] = _without_times(metadata.get("papermill", {}))
        places["notebook"] = plain({**metadata, "nbformat": [nb["nbformat"], nb["nbformat_minor"]]})
    else:
        places["notebook"] = "no notebook was saved"
    places["error"] = plain(result["error"] or "none")
    places["files"] = result["files"]
    return places


def _widget_names(widgets: Mapping[str, Any]) -> dict[str, str]:
    "Id of a widget -> a name made of its state and of the states of the widgets in it."
    states = widgets.get(WIDGETS, {}).get("state", {})
    names = dict.fromkeys(states, "widget")
    for _ in range(4):  # As deep as widgets are put into each other
        texts = {key: _plain(json.dumps(states[key]), "", dict(names)) for key in states}
        names = {key: "widget-" + _digest(text) for key, text in texts.items()}
    return names


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=4).hexdigest()


def _without_times(facts: Mapping[str, Any]) -> dict[str, Any]:
    times = ("start_time", "end_time", "duration")
    return {key: key if key in times and value else value for key, value in facts.items()}


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    "A cell without times, neighbouring texts of one stream in one piece."
    metadata = dict(cell["metadata"])
    metadata.pop("execution", None)  # Times of messages, which only a kernel on a network has
    if "papermill" in metadata:
        metadata["papermill"] = _without_times(metadata["papermill"])
    kept = {key: cell.get(key) for key in ("cell_type", "source", "execution_count")}
    return {**kept, "metadata": metadata, "outputs": list(_merged(cell.get("outputs", [])))}


def _merged(outputs: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    before: dict[str, Any] | None = None
    for output in outputs:
        output = dict(output)
        if output["output_type"] == "stream":
            output["text"] = "".join(output["text"])
            if before and before.get("name") == output["name"]:
                before["text"] += output["text"]
                continue
        if before:
            yield before
        before = output
    if before:
        yield before


def _plain(value: Any, folder: str, names: dict[str, str]) -> Any:
    "The value with everything varying replaced; ids get numbers in the order in which they appear."
    if isinstance(value, str):
        value = value.replace(folder, "FOLDER") if folder else value
        for pattern, instead in VARYING:
            value = pattern.sub(instead, value)
        return NAMES.sub(lambda m: names.setdefault(m[0], f"id-{len(names) + 1}"), value)
    if isinstance(value, list):
        if value and all(isinstance(item, str) for item in value):
            return _plain("\n".join(item.rstrip("\n") for item in value), folder, names)
        return [_plain(item, folder, names) for item in value]
    if isinstance(value, dict):
        return {_plain(k, folder, names): _plain(v, folder, names) for k, v in value.items()}
    return value


def _hung(places: Mapping[Any, Any]) -> bool:
    return isinstance(places["error"], dict) and places["error"]["type"] == "runner"


# Comparing


def compare(
    source: Source, standard: Sequence[Mapping[Any, Any]], other: Mapping[Any, Any]
) -> list[Difference]:
    "Where the other result is like none of the standard ones."
    if all(_hung(places) for places in standard):
        lines = ("the standard engine has no result", standard[0]["error"]["text"])
        return [Difference(source.name, "error", lines, True)]
    # papermill's own engine hangs now and then where cells print into Output widgets
    standard = [places for places in standard if not _hung(places)]
    first, found = standard[0], []
    for place in dict.fromkeys([*first, *other]):
        known = [each.get(place) for each in standard]
        if other.get(place) in known:
            continue
        stable = all(each == known[0] for each in known)
        lines = tuple(_diff(known[0], other.get(place)))
        found.append(Difference(source.name, place, lines, stable))
    return found


def _diff(a: Any, b: Any) -> Iterator[str]:
    pair = [list(_lines(value)) for value in (a, b)]
    for line in list(difflib.unified_diff(*pair, n=1, lineterm=""))[2:]:
        if not line.startswith("@@"):
            yield line if len(line) < 300 else line[:200] + f" ... [{len(line):,} characters]"


def _lines(value: Any, path: str = "") -> Iterator[str]:
    "The value as lines `path: text`; what is long and no text of several lines gets a digest."
    if isinstance(value, dict):
        for key in sorted(value):
            yield from _lines(value[key], f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _lines(each, f"{path}[{number}]")
    elif isinstance(value, str) and "\n" in value:
        for line in value.splitlines():
            yield f"{path}: {ascii(line)[1:-1]}"
    elif isinstance(value, str) and len(value) > 300:
        yield f"{path}: {value[:60]!r}... {len(value):,} characters, digest {_digest(value)}"
    else:
        yield f"{path}: {value!r}"


def run_comparison(
    sources: Sequence[Source], engine: str, scratch: Path, *, standard_runs: int = 2
) -> list[Comparison]:
    "What each notebook gave with papermill's own engine and with the other one."
    # Names of one length, because a long path is broken at another place
    passes = [f"standard-{number}" for number in range(standard_runs)] + ["the-others"]
    shutil.rmtree(scratch / "the-others", ignore_errors=True)
    results = []
    for name in passes:
        jobs = jobs_for(sources, scratch / name)
        ended = run_all("nbclient" if name != "the-others" else engine, jobs, scratch)
        results.append([(read(job, ended[job.name]), ended[job.name]) for job in jobs])
    comparisons = []
    for source, *each in zip(sources, *results, strict=True):
        *standard, other = [places for places, _ in each]
        differences = compare(source, standard, other)
        if each[-1][1]["returned_is_saved"] is False and each[0][1]["returned_is_saved"]:
            lines = ("the returned notebook is not the saved one",)
            differences.append(Difference(source.name, "returned", lines, True))
        n_places = len({*standard[0], *other})
        seconds = (each[0][1]["seconds"], each[-1][1]["seconds"])
        equal = n_places - len(differences)
        comparisons.append(Comparison(source.name, n_places, equal, tuple(differences), seconds))
    return comparisons
