"""Kill a process while it logs, again and again, and look for what it was promised: `python benchmarks/kill.py`.

A writer counts each call of log that returned in memory it shares with its parent, which kills it with SIGKILL after a random
time. Then every counted point must be readable with its values, the run must be closed as crashed, and its summary must be
what a second computation from the points gives. Writers are forked from one process that has imported mlops_lit, so that a
round takes a fraction of a second; all are killed before the first is read.

Then the same for a writer that makes one version after the other of a folder of small files and a large one, and moves an alias each
time. After each kill all versions are read, the next one is made, and nothing temporary may be left.
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import select
import shutil
import signal
import struct
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench import empty_folder, number, percentile, table

import mlops_lit as lit

METRICS = 10
LONGEST_S = 0.2  # From the first acknowledged call to the kill, at most
PATIENCE_S = 30


@dataclass
class Round:
    """What is known of one killed writer."""

    run: str  # Its id
    acknowledged: int  # Calls that had returned
    lived_s: float  # From the first call to the kill


def value_at(step: int, metric: int) -> float:
    """What the metric has at the step, known without the record."""
    return step + metric / 7


def write(folder: str, pipe: int, counter: mmap.mmap) -> None:
    """Log without end; the number of calls that returned is in the shared memory."""
    run = lit.init(project="bench", name="kill", dir=folder)
    os.write(pipe, run.id.encode())
    step = 0
    while True:
        run.log({f"m{j}": value_at(step, j) for j in range(METRICS)})
        step += 1
        struct.pack_into("<q", counter, 0, step)


def play(folder: str) -> Round:
    """Start a writer, kill it."""
    counter = mmap.mmap(-1, 8)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            write(folder, writer, counter)
        except BaseException as error:
            print(f"The writer failed: {error!r}", file=sys.stderr)
        finally:
            os._exit(1)
    os.close(writer)
    run = os.read(reader, 100).decode()
    os.close(reader)
    begin = time.monotonic()
    while run and not struct.unpack_from("<q", counter)[0]:
        if time.monotonic() - begin > PATIENCE_S:
            break
        time.sleep(0.0005)
    begin = time.monotonic()
    time.sleep(random.random() * LONGEST_S)
    os.kill(pid, signal.SIGKILL)
    lived = time.monotonic() - begin
    os.waitpid(pid, 0)
    return Round(run, struct.unpack_from("<q", counter)[0], lived)


def problems(store: lit.Store, done: Round) -> list[str]:
    """What is wrong with the record of a killed writer; empty when nothing is."""
    if not done.run or not done.acknowledged:
        return ["the writer never logged"]
    found = []
    record, history = store.run(done.run), store.history(done.run)
    steps = history["step"].tolist()
    if len(steps) not in (done.acknowledged, done.acknowledged + 1):
        found.append(f"{done.acknowledged} points acknowledged, {len(steps)} readable")
    if steps != list(range(len(steps))):
        found.append("the steps have gaps")
    for j in range(METRICS):
        if history[f"m{j}"].tolist() != [value_at(step, j) for step in steps]:
            found.append(f"m{j} has other values")
    if record["status"] != "crashed":
        found.append(f"the status is {record['status']!r}")
    again = {f"m{j}": history[f"m{j}"].iloc[-1] for j in range(METRICS)}
    if {key: record["summary"].get(key) for key in again} != again:
        found.append(f"the summary is {record['summary']}, computed again {again}")
    return found


SMALL_FILES, CHANGED_FILES, LARGE_BYTES = 40, 8, 1_200_000
ROUNDS_PER_STORE = 20  # Reading all versions after each kill takes longer the more there are


@dataclass
class Kept:
    """What is known of the versions in one store."""

    store: lit.Store
    seen: dict[str, str] = field(default_factory=dict)  # Version -> digest, as read
    acknowledged: int = 0  # Versions that a killed writer was told of
    unsaid: int = 0  # Versions that were whole, and whose writer was killed before it was told
    wrong: list[str] = field(default_factory=list)


def make_versions(folder: Path, data: Path, name: str, pipe: int) -> None:
    """Make versions without end; each is said on the pipe after the call returned."""
    (data / "small").mkdir(parents=True)
    for i in range(SMALL_FILES):
        (data / "small" / f"{i}.txt").write_text(f"row {i} of {name}")
    run = lit.init(project="bench", name=name, dir=folder)
    step = 0
    while True:
        for i in range(CHANGED_FILES):
            path = data / "small" / f"{(CHANGED_FILES * step + i) % SMALL_FILES}.txt"
            path.write_text(f"row {i} of {name}, step {step}")
        (data / "weights.bin").write_bytes(os.urandom(64) + bytes(LARGE_BYTES))
        made = run.log_artifact(lit.Artifact("loans").add_dir(data), aliases=["candidate"])
        os.write(pipe, f"{made.version} {made.digest}\n".encode())
        step += 1


def play_versions(folder: Path, data: Path, name: str) -> list[list[str]]:
    """Start a writer, kill it; version and digest of each call that returned."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            make_versions(folder, data, name, writer)
        except BaseException as error:
            print(f"The writer failed: {error!r}", file=sys.stderr)
        finally:
            os._exit(1)
    os.close(writer)
    if random.random() < 0.7:  # The others may be killed before their first version
        select.select([reader], [], [], PATIENCE_S)
    time.sleep(random.random() * LONGEST_S)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with open(reader, "rb") as said:
        lines = said.read().decode().splitlines()
    shutil.rmtree(data, ignore_errors=True)
    return [line.split() for line in lines]


def check_versions(kept: Kept, told: list[list[str]]) -> None:
    """Look at all that a killed writer left, and make the next version."""
    store, wrong = kept.store, kept.wrong
    there = {version.version: version for version in store.artifacts("loans")}
    if list(there) != [f"v{n + 1}" for n in range(len(there))]:
        wrong.append(f"the numbers are {list(there)}")
    fresh = there.keys() - kept.seen.keys()
    for name in fresh:
        there[name].verify()
    kept.seen |= {name: there[name].digest for name in fresh}
    if {name: version.digest for name, version in there.items()} != kept.seen:
        wrong.append("a version that was there is lost or another")
    wrong += [
        f"{name} was acknowledged and is lost" for name, d in told if kept.seen.get(name) != d
    ]
    if not set(store.aliases("loans").values()) <= set(there):
        wrong.append("an alias points to nothing")
    wrong += map(str, store.verify())
    kept.acknowledged += len(told)
    kept.unsaid += len(fresh) - len(told)
    store.runs()  # Closes the run of the killed writer
    made = store.put_artifact("loans", {"after.txt": str(len(there)).encode()})
    if made.version != f"v{len(there) + 1}":
        wrong.append(f"{made.version} was made after {len(there)} versions")
    kept.seen[made.version] = made.digest
    left = [*store.folder.glob("staging/*"), *store.folder.glob("runs/*/.run.json.*.tmp")]
    for part in ("artifacts", "objects", "journal", "known"):
        left += (store.folder / part).rglob("*.tmp")
    wrong += [f"{path} is left" for path in left]


def kill_versions(home: Path, count: int) -> bool:
    """Play the rounds of versions and print how many were clean; whether all were."""
    stores: list[Kept] = []
    clean, begin = 0, time.monotonic()
    for n in range(count):
        if n % ROUNDS_PER_STORE == 0:
            stores.append(Kept(lit.open_store(home / f"versions-{len(stores)}")))
        kept = stores[-1]
        known = len(kept.wrong)
        check_versions(kept, play_versions(kept.store.folder, home / "data", f"round-{n}"))
        clean += len(kept.wrong) == known
        for message in kept.wrong[known:]:
            print(f"round {n}: {message}", file=sys.stderr)
    rows = [
        ["rounds", f"{count:,}"],
        ["clean rounds", f"{clean:,}"],
        ["acknowledged versions", f"{sum(kept.acknowledged for kept in stores):,}"],
        ["whole versions, killed before they were told", f"{sum(k.unsaid for k in stores):,}"],
        ["time for all, s", number(time.monotonic() - begin)],
    ]
    print(f"### Killed while making versions\n\n{table(['', 'mlops_lit'], rows)}\n")
    return clean == count


def kill_logging(home: Path, count: int) -> bool:
    """Play the rounds of points and print how many were clean; whether all were."""
    folder = tempfile.mkdtemp(dir=home)
    begin = time.monotonic()
    rounds = [play(folder) for _ in range(count)]
    killed = time.monotonic()
    store = lit.open_store(folder)
    found = {done.run: problems(store, done) for done in rounds}
    checked = time.monotonic()
    clean = sum(not wrong for wrong in found.values())
    for run, wrong in found.items():
        if wrong:
            print(f"{run}: {'; '.join(wrong)}", file=sys.stderr)
    points = [done.acknowledged for done in rounds]
    rows = [
        ["rounds", f"{len(rounds):,}"],
        ["clean rounds", f"{clean:,}"],
        ["acknowledged points", f"{sum(points):,}"],
        ["points of a round: least, median, most", _spread(points)],
        ["kill after, s: least, median, most", _spread([done.lived_s for done in rounds])],
        ["time to kill all, s", number(killed - begin)],
        ["time to check all, s", number(checked - killed)],
    ]
    print(f"### Killed while logging\n\n{table(['', 'mlops_lit'], rows)}\n")
    return clean == len(rounds)


def main() -> None:
    """Play the rounds of both kinds."""
    parser = argparse.ArgumentParser(description="Kill what writes and look at what is left.")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="of the random times")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    assert lit.init  # Imports what a writer needs, before the first fork
    with empty_folder() as home:
        os.chdir(home)  # No checkout around it, whose state each run would ask git for
        good = kill_logging(home, arguments.rounds) & kill_versions(home, arguments.rounds)
        os.chdir("/")
    if not good:
        sys.exit(1)


def _spread(values: list[int] | list[float]) -> str:
    """Least, median and greatest."""
    return ", ".join(number(percentile(values, share)) for share in (0, 0.5, 1))


if __name__ == "__main__":
    main()
