"""Kill a process while it logs, again and again, and look for what it was promised: `python benchmarks/kill.py`.

A writer counts each call of log that returned in memory it shares with its parent, which kills it with SIGKILL after a random
time. Then every counted point must be readable with its values, the run must be closed as crashed, and its summary must be
what a second computation from the points gives. Writers are forked from one process that has imported mlops_lit, so that a
round takes a fraction of a second; all are killed before the first is read.
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import signal
import struct
import sys
import tempfile
import time
from dataclasses import dataclass

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


def main() -> None:
    """Play the rounds and print how many were clean."""
    parser = argparse.ArgumentParser(description="Kill what logs and look at what is left.")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="of the random times")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    assert lit.init  # Imports what a writer needs, before the first fork
    with empty_folder() as home:
        os.chdir(home)  # No checkout around it, whose state each run would ask git for
        folder = tempfile.mkdtemp(dir=home)
        begin = time.monotonic()
        rounds = [play(folder) for _ in range(arguments.rounds)]
        killed = time.monotonic()
        store = lit.open_store(folder)
        found = {done.run: problems(store, done) for done in rounds}
        checked = time.monotonic()
        os.chdir("/")
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
    if clean < len(rounds):
        sys.exit(1)


def _spread(values: list[int] | list[float]) -> str:
    """Least, median and greatest."""
    return ", ".join(number(percentile(values, share)) for share in (0, 0.5, 1))


if __name__ == "__main__":
    main()
