"A version is there whole or not at all: writers killed while they make one, and eight that make one at the same time."

from __future__ import annotations

import json
import os
import subprocess
import sys

from mlops_lit.store.journal import chain_problems, read_journal
from mlops_lit.store.store import open_store

# One warm process forks writers that make version after version of a folder of small files and a large one, and say so when a
# call returned; each is killed at a random moment. After each kill everything is looked at, and the next version is made.
NURSERY = """
import os, random, select, shutil, signal, sys, time
from pathlib import Path
import mlops_lit as lit
from mlops_lit.track import run, start

home, rounds = Path(sys.argv[1]), int(sys.argv[2])
random.seed(int(sys.argv[3]))
QUIET = {"console": "off", "x_disable_stats": True}


def write(folder, data, n, pipe):
    (data / "small").mkdir(parents=True)
    for i in range(40):
        (data / "small" / f"{i}.txt").write_text(f"row {i} of {n}")
    run = lit.init(id=f"victim-{n}", dir=folder, save_code=False, settings=QUIET)
    for k in range(10**9):
        for i in range(8):
            (data / "small" / f"{(5 * k + i) % 40}.txt").write_text(f"row {i} of {n}, change {k}")
        (data / "weights.bin").write_bytes(os.urandom(64) + bytes(1_200_000))
        artifact = lit.Artifact("loans").add_dir(data)
        version = run.log_artifact(artifact, aliases=["candidate", f"try-{n}-{k}"])
        os.write(pipe, f"{n}-{k} {version.version} {version.digest}\\n".encode())


def play(folder, data, n):
    ours, theirs = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            write(folder, data, n, theirs)
        finally:
            os._exit(1)
    os.close(theirs)
    if random.random() < 0.7:
        select.select([ours], [], [], 20)  # Its first version; the others may be killed before it
    time.sleep(random.random() * 0.12)
    os.kill(pid, signal.SIGKILL)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL, "the writer ended by itself"
    said = b""
    while piece := os.read(ours, 65536):
        said += piece
    os.close(ours)
    return [line.split() for line in said.decode().splitlines()]


def look(store, acknowledged, seen):
    there = {version.version: version for version in store.artifacts("loans")}
    assert list(there) == [f"v{i + 1}" for i in range(len(there))], f"numbers have gaps: {list(there)}"
    for name in there.keys() - seen.keys():
        there[name].verify()
        seen[name] = there[name].digest
    assert {name: version.digest for name, version in there.items()} == seen, "an old version changed"
    aliases = store.aliases("loans")
    for key, version, digest in acknowledged:
        assert seen.get(version) == digest, f"{version} was acknowledged and is lost"
        assert aliases[f"try-{key}"] == version, f"its alias points to {aliases.get(f'try-{key}')}"
    assert set(aliases.values()) <= set(there), f"an alias points to nothing: {aliases}"
    assert store.verify() == [], store.verify()
    return len(there)


def next_command(store, n, n_versions):
    store.runs()  # Closes the run of the dead writer
    made = store.put_artifact("loans", {"after.txt": f"after {n}".encode()})
    assert made.version == f"v{n_versions + 1}", made.version
    left = [*(store.folder / "staging").glob("*"), *store.folder.glob("runs/*/.run.json.*.tmp")]
    for part in ("artifacts", "objects", "journal", "known"):
        left += (store.folder / part).rglob("*.tmp")
    assert left == [], left
    return made


total = 0
for n in range(rounds):
    folder = home / f"store-{n // 20}"
    if n % 20 == 0:
        store, seen = lit.open_store(folder), {}
    acknowledged = play(folder, home / "data", n)
    shutil.rmtree(home / "data", ignore_errors=True)
    n_versions = look(store, acknowledged, seen)
    made = next_command(store, n, n_versions)
    seen[made.version] = made.digest
    total += len(acknowledged)
print(total)
"""


def test_a_killed_writer_leaves_whole_versions_only(tmp_path):
    rounds = int(os.environ.get("KILL_ROUNDS", "40"))
    done = subprocess.run(
        [sys.executable, "-c", NURSERY, str(tmp_path), str(rounds), "11"],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout.split()[-1]) > rounds // 2


WRITER = """
import json, sys
import mlops_lit as lit

made = []
with lit.init(name=sys.argv[2], dir=sys.argv[1], settings={"console": "off", "x_disable_stats": True}) as run:
    print("ready", flush=True)
    sys.stdin.readline()
    for k in range(12):
        artifact = lit.Artifact("shared").add_bytes(f"{sys.argv[2]} {k}".encode(), "who.txt").add_bytes(b"all", "same.txt")
        version = run.log_artifact(artifact, aliases=["candidate", sys.argv[2]])
        made.append([version.version, version.digest])
print(json.dumps(made))
"""


def test_eight_writers_of_one_artifact_get_each_number_once(tmp_path):
    folder = tmp_path / ".mlops"
    command = [sys.executable, "-c", WRITER, str(folder)]
    writers = [
        subprocess.Popen(
            [*command, f"w{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        for n in range(8)
    ]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("\n")
        writer.stdin.flush()
    said = {f"w{n}": json.loads(writer.communicate()[0]) for n, writer in enumerate(writers)}
    store = open_store(folder)
    there = {version.version: version for version in store.artifacts("shared")}
    assert list(there) == [f"v{n + 1}" for n in range(96)]
    assert sorted(v for made in said.values() for v, _ in made) == sorted(there)
    for name, made in said.items():
        assert [there[version].digest for version, _ in made] == [digest for _, digest in made]
        contents = [there[version].path("who.txt").read_text() for version, _ in made]
        assert contents == [f"{name} {k}" for k in range(12)]
        assert store.aliases("shared")[name] == made[-1][0]
    moves = read_journal(folder / "journal")
    assert chain_problems(folder / "journal") == []
    assert len([move for move in moves if move["alias"] == "candidate"]) == 96
    assert (
        store.aliases("shared")["candidate"]
        == [move["version"] for move in moves if move["alias"] == "candidate"][-1]
    )
    assert store.verify() == []
    assert not list(folder.rglob("*.tmp"))
    assert not list((folder / "staging").glob("*"))
