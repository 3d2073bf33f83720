"""What it costs to keep files as a version: `python benchmarks/artifacts.py`.

A folder of many small files, kept the first time, again unchanged, and with one file in a hundred changed; and one large file.
Beside them what `cp` takes and, for the large file, what hashing alone takes. Each round runs every tool once, and ratios are taken
within a round, because the time to create a file varies from second to second.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from bench import empty_folder, median, number, present, ratio, run_snippet, table

FLOORS = ("cp", "blake3")  # No tools: what they do is part of the work
FOLDER_TOOLS = ["cp", "mlops_lit", "mlops_lit linked", "dvc", "wandb offline"]
FILE_TOOLS = ["blake3", *FOLDER_TOOLS]
NO_DOWNLOAD = ("wandb offline",)  # Nothing can be read back before it was synchronised
FOLDERS = 100  # Among which the small files are spread
SETTLED_S = 0.3  # Files that changed a moment ago are hashed again, so they get older first

Round = dict[str, dict[str, float]]  # Tool -> seconds and bytes by what was done


def make_folder(folder: Path, count: int, size: int) -> Path:
    """A folder of so many files of random bytes."""
    for n in range(count):
        path = folder / f"part-{n % FOLDERS:02d}" / f"record-{n:05d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    return folder


def make_file(path: Path, size: int) -> Path:
    """A file of so many random bytes."""
    with open(path, "wb") as file:
        for start in range(0, size, 1 << 24):
            file.write(os.urandom(min(1 << 24, size - start)))
    return path


def change(path: Path, share: float) -> None:
    """Replace that share of the files by others of the same size."""
    files = sorted(files_below(path))
    for file in files[:: round(1 / share)]:
        fresh = file.with_suffix(".new")
        fresh.write_bytes(os.urandom(file.stat().st_size))
        os.replace(fresh, file)


def files_below(path: Path) -> Iterator[Path]:
    """The files of a folder, or the file itself."""
    if path.is_file():
        yield path
    for parent, _, names in os.walk(path):
        yield from (Path(parent, name) for name in names)


def stored_bytes(place: Path, data: Path) -> int:
    """Bytes of all that a tool wrote there; what is a link to the data costs nothing."""
    sizes = {f.stat().st_ino: f.stat().st_size for f in files_below(place) if data not in f.parents}
    for file in files_below(data):
        sizes.pop(file.stat().st_ino, None)
    return sum(sizes.values())


def settle() -> None:
    """Let the disk have what was written, so that nobody pays for what came before."""
    os.sync()
    time.sleep(SETTLED_S)


def copy(source: Path, target: Path) -> float:
    """Seconds of `cp -r`."""
    begin = time.perf_counter()
    subprocess.run(["cp", "-r", str(source), str(target)], check=True)
    return time.perf_counter() - begin


def timed(tool: str, what: str, path: Path, place: Path) -> dict[str, float]:
    """Seconds of the calls and of the process they are in."""
    begin = time.perf_counter()
    if tool == "cp":
        return dict.fromkeys(("calls", "process"), copy(place / "data", path))
    if tool == "blake3":
        return run_snippet("mlops_lit", "digest", path, folder=place) | {"process": 0.0}
    found = run_snippet(tool, "artifact", what, path, folder=place)
    return {"calls": found["seconds"], "process": time.perf_counter() - begin}


def keep(tool: str, place: Path) -> dict[str, float]:
    """Keep `data` the first time, unchanged, changed; get it back. Seconds and bytes of each."""
    data, found = place / "data", {}
    several = data.is_dir()
    target = place / "copy" if tool == "cp" else data
    settle()
    first = timed(tool, "add", target, place)
    found["first"], found["first process"] = first["calls"], first["process"]
    if tool in FLOORS:
        return found
    found["bytes"] = stored_bytes(place, data)
    settle()
    found["again"] = timed(tool, "add", data, place)["calls"]
    found["bytes again"] = stored_bytes(place, data)
    if several:
        change(data, 0.01)
        settle()
        found["changed"] = timed(tool, "add", data, place)["calls"]
        found["bytes changed"] = stored_bytes(place, data)
    if tool not in NO_DOWNLOAD:
        settle()
        found["back"] = get_back(tool, place)
    return found


def get_back(tool: str, place: Path) -> float:
    """Seconds until a new folder holds what was kept; DVC puts it where it was."""
    data, target = place / "data", place / "back"
    if tool == "dvc":
        shutil.rmtree(data) if data.is_dir() else data.unlink()
        target = data
        settle()
    found = timed(tool, "get", target, place)["calls"]
    kept = target if target == data or data.is_dir() else target / "data"
    if sum(f.stat().st_size for f in files_below(kept)) == 0:
        raise RuntimeError(f"{tool} gave nothing back")
    return found


def play(source: Path, tools: list[str], number_of_round: int, folder: Path) -> Round:
    """One round: every tool once, each with data of its own, another one first each time."""
    shift = number_of_round % len(tools)
    found: Round = {}
    for tool in [*tools[shift:], *tools[:shift]]:
        place = folder / f"{number_of_round}-{tool.replace(' ', '-')}"
        place.mkdir()
        copy(source, place / "data")
        try:
            found[tool] = keep(tool, place)
        except (RuntimeError, OSError) as error:
            print(f"{tool} is left out of a round: {error}", file=sys.stderr)
        if source.is_file():
            shutil.rmtree(
                place
            )  # Many small files are removed at the end, because that slows what follows
    return found


def collect(rounds: list[Round], tool: str) -> dict[str, float]:
    """Median of each number of a tool, and `x cp`: the median of its ratio to `cp` of the same round."""
    values = defaultdict(list)
    for one in rounds:
        for key, value in one.get(tool, {}).items():
            values[key].append(value)
        for base in FLOORS:
            if tool in one and base in one:
                values[f"x {base}"].append(one[tool]["first"] / one[base]["first"])
    return {key: median(found) for key, found in values.items()}


def folder_rows(rounds: list[Round], tools: list[str]) -> list[list[str]]:
    """A row per tool."""
    rows = []
    for tool in tools:
        found = collect(rounds, tool)
        if not found:
            continue
        again, first = found.get("again"), found["first"]
        rows.append(
            [
                "cp -r" if tool == "cp" else tool,
                number(first),
                ratio(first * found.get("x cp", 0), first),
                number(found["first process"]),
                number(again),
                ratio(again, first),
                *(number(found.get(key)) for key in ("changed", "back")),
            ]
        )
    return rows


def byte_rows(rounds: list[Round], tools: list[str]) -> list[list[str]]:
    """Bytes in a tool's own folders after each step."""
    rows = []
    for tool in tools:
        found = collect(rounds, tool)
        if "bytes" not in found:
            continue
        first = found["bytes"]
        more = [found[key] - first for key in ("bytes again", "bytes changed")]
        rows.append(
            [
                tool,
                number(first / 1e6),
                *(number(extra / 1e6) for extra in more),
                f"{100 * (more[1] - more[0]) / first:.1f} %" if first > 1e6 else "-",
            ]
        )
    return rows


def file_rows(rounds: list[Round], tools: list[str], size: int) -> list[list[str]]:
    """A row per tool."""
    rows = []
    for tool in tools:
        found = collect(rounds, tool)
        if not found:
            continue
        labels = {"blake3": "blake3 alone, all cores"}
        rows.append(
            [
                labels.get(tool, tool),
                number(found["first"]),
                number(size / found["first"] / 1e6),
                f"{100 / found['x blake3']:.0f} %",
                *(number(found.get(key)) for key in ("again", "back")),
            ]
        )
    return rows


def main() -> None:
    """Play the rounds and print the tables."""
    parser = argparse.ArgumentParser(description="Time versions of many files and of a large one.")
    parser.add_argument("--files", type=int, default=10_000, help="small files; 0: none")
    parser.add_argument("--file-bytes", type=int, default=10_240, help="size of a small file")
    parser.add_argument("--large-bytes", type=int, default=2 * 10**9, help="0: no large file")
    parser.add_argument("--rounds", type=int, default=5, help="of the small files")
    parser.add_argument("--large-rounds", type=int, default=3)
    parser.add_argument("--tools", nargs="*", default=FILE_TOOLS, metavar="TOOL")
    arguments = parser.parse_args()
    chosen = present([tool for tool in FILE_TOOLS if tool in arguments.tools])
    small = [tool for tool in chosen if tool in FOLDER_TOOLS]
    total = arguments.files * arguments.file_bytes
    needed = max(total * arguments.rounds * len(small) * 3, arguments.large_bytes * 5)
    with empty_folder() as folder:
        if shutil.disk_usage(folder).free < 1.5 * needed:
            sys.exit(f"{folder} has too little room: {1.5 * needed / 1e9:.0f} GB are needed.")
        print("### Files kept as versions\n")
        if arguments.files:
            source = make_folder(folder / "source", arguments.files, arguments.file_bytes)
            rounds = [play(source, small, n, folder) for n in range(arguments.rounds)]
            print_folder(rounds, small, arguments)
    with empty_folder() as folder:
        if arguments.large_bytes:
            source = make_file(folder / "source", arguments.large_bytes)
            rounds = [play(source, chosen, n, folder) for n in range(arguments.large_rounds)]
            print_file(rounds, chosen, arguments)


def print_folder(rounds: list[Round], tools: list[str], arguments: argparse.Namespace) -> None:
    """The two tables of the folder."""
    headers = ["first", "first / cp -r", "first process", "again", "again / first", "1 % changed"]
    print(f"{arguments.files:,} files of {arguments.file_bytes:,} bytes in {FOLDERS} folders,")
    print(f"{arguments.rounds} rounds; medians in seconds, ratios within a round.\n")
    print(table(["", *headers, "got back"], folder_rows(rounds, tools)) + "\n")
    print("What lies in the tool's own folders, in MB:\n")
    headers = ["", "first", "again: more", "1 % changed: more", "more for the change"]
    print(table(headers, byte_rows(rounds, tools)) + "\n")


def print_file(rounds: list[Round], tools: list[str], arguments: argparse.Namespace) -> None:
    """The table of the large file."""
    headers = ["first s", "MB/s", "of blake3's speed", "again s", "got back s"]
    print(f"One file of {arguments.large_bytes / 1e9:g} GB that is in memory already,")
    print(f"{arguments.large_rounds} rounds; medians, shares within a round.\n")
    print(table(["", *headers], file_rows(rounds, tools, arguments.large_bytes)) + "\n")


if __name__ == "__main__":
    main()
