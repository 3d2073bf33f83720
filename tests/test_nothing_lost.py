"What was acknowledged is there afterwards: killed writers, several writers, a full disk, a folder that cannot be written."

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops_lit.errors import InputError
from mlops_lit.store.store import open_store
from mlops_lit.track.start import init

QUIET = {"console": "off", "x_disable_stats": True}

# One warm process forks writers that log as fast as they can and say so; each is killed at a random moment.
NURSERY = """
import os, random, select, signal, sys, time
import mlops_lit as lit
from mlops_lit.track import start

folder, rounds, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random.seed(seed)
for n in range(rounds):
    ours, theirs = os.pipe()
    if (pid := os.fork()) == 0:
        run = lit.init(id=f"victim-{n}", dir=folder, save_code=False, settings={"console": "off", "x_disable_stats": True})
        for i in range(10**9):
            run.log({"i": i, "loss": i / 2})
            os.write(theirs, b".")
    os.close(theirs)
    if random.random() < 0.8:
        select.select([ours], [], [], 10)  # Its first point; the other fifth may be killed before it
    time.sleep(random.random() * 0.03)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    acknowledged = 0
    while piece := os.read(ours, 65536):
        acknowledged += len(piece)
    os.close(ours)
    print(n, acknowledged)
"""


def test_killed_writers_lose_no_acknowledged_point(tmp_path):
    rounds = int(os.environ.get("KILL_ROUNDS", "200"))
    said = subprocess.run(
        [sys.executable, "-c", NURSERY, str(tmp_path / ".mlops"), str(rounds), "7"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    ).stdout  # fmt: skip
    store, total = open_store(tmp_path / ".mlops"), 0
    for line in said.splitlines():
        n, acknowledged = map(int, line.split())
        if not (tmp_path / ".mlops" / "runs" / f"victim-{n}").exists():
            assert acknowledged == 0
            continue
        total += acknowledged
        record = store.run(f"victim-{n}")
        assert record["status"] == "crashed"
        logged = store.history(record["id"])["i"].tolist() if acknowledged else []
        assert logged[:acknowledged] == list(range(acknowledged))
        assert len(logged) <= acknowledged + 1  # One more may be written and not yet acknowledged
        assert not logged or record["summary"] == {"i": logged[-1], "loss": logged[-1] / 2}
    assert total > rounds
    assert store.verify() == []
    assert set(store.runs()["status"]) == {"crashed"}


WRITER = """
import sys
import mlops_lit as lit

with lit.init(name=sys.argv[2], dir=sys.argv[1], settings={"console": "off"}) as run:
    for i in range(500):
        run.log({"i": i})
    run.log_artifact(lit.Artifact("shared").add_bytes(sys.argv[2].encode(), "who.txt"))
"""


def test_eight_writers_and_a_reader_share_a_store(tmp_path):
    folder = tmp_path / ".mlops"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(folder), f"w{n}"], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        for n in range(8)
    ]  # fmt: skip
    while any(writer.poll() is None for writer in writers):
        open_store(folder).runs()  # Brings the catalog up to date while they write
        time.sleep(0.02)
    assert [writer.communicate()[1] for writer in writers] == [""] * 8
    store = open_store(folder)
    assert sorted(store.runs()["name"]) == [f"w{n}" for n in range(8)]
    assert set(store.runs()["status"]) == {"finished"}
    assert all(store.history(f"w{n}")["i"].tolist() == list(range(500)) for n in range(8))
    assert [version.version for version in store.artifacts()] == [f"v{n}" for n in range(1, 9)]
    assert store.verify() == []


TAGGER = """
import sys
from mlops_lit.store.store import open_store
from mlops_lit.track.run import change_tags

for n in range(60):
    change_tags(open_store(sys.argv[1]).run_folder("shared"), [f"{sys.argv[2]}{n}"])
"""


def test_processes_that_change_one_record_lose_no_change(tmp_path):
    run = init(id="shared", dir=tmp_path, settings=QUIET)
    taggers = [
        subprocess.Popen([sys.executable, "-c", TAGGER, str(tmp_path), name], cwd=tmp_path)
        for name in "ab"
    ]
    for n in range(60):
        run.config[f"c{n}"] = n
    assert [tagger.wait() for tagger in taggers] == [0, 0]
    run.finish()
    record = open_store(tmp_path).run("shared")
    assert set(record["tags"]) == {f"{name}{n}" for name in "ab" for n in range(60)}
    assert record["config"] == {f"c{n}": n for n in range(60)}
    assert record["status"] == "finished"


FULL_DISK = """
import resource, signal, sys
import mlops_lit as lit

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = lit.init(id="full", dir=sys.argv[1], save_code=False, settings={"console": "off", "x_disable_stats": True})
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (5003, hard))  # A write that reaches it is cut off, as on a full disk
kept = 0
try:
    while True:
        run.log({"i": kept, "text": "x" * 50})
        kept += 1
except OSError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
run.log({"i": -1})
run.finish()
print(kept)
"""


def test_full_disk_is_said_and_costs_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / ".mlops")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    message, kept = done.stdout.splitlines()
    assert "the last line was not kept, those before it are" in message
    assert message.endswith("history.jsonl'")
    assert open_store(tmp_path / ".mlops").history("full")["i"].tolist() == [*range(int(kept)), -1]


READ_ONLY = """
import os, sys, tempfile
import mlops_lit as lit

lit.init(dir=tempfile.mkdtemp(), settings={"x_disable_stats": True}).finish()  # All is imported while we may read it
lit.open_store(tempfile.mkdtemp()).runs()
if os.geteuid() == 0:
    os.setuid(65534)
try:
    lit.init(dir=sys.argv[1])
except lit.InputError as error:
    print(error)
print(len(lit.open_store(sys.argv[1]).runs()))
"""


def test_folder_that_cannot_be_written_is_said_and_can_be_read(tmp_path):
    folder = tmp_path / ".mlops"
    init(id="kept", dir=folder, settings=QUIET).finish()
    if os.geteuid() == 0:  # Then the script becomes another user, who must be able to come here
        for path in [tmp_path, *tmp_path.parents][:4]:
            path.chmod(path.stat().st_mode | 0o055)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(folder)], capture_output=True, text=True, cwd="/"
    )
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert done.returncode == 0, done.stderr
    message, n_runs = done.stdout.splitlines()
    assert (
        "cannot be written (Permission denied). Give this user the right to write there" in message
    )
    assert n_runs == "1"


def test_cut_line_and_broken_catalog_damage_nothing_else(tmp_path):
    folder = tmp_path / ".mlops"
    run = init(id="cut", dir=folder, settings=QUIET)
    run.log({"loss": 0.5})
    with (run.folder / "history.jsonl").open("ab") as file:
        file.write(b'{"_step": 1, "los')
    run.log({"loss": 0.4})
    run.finish()
    store = open_store(folder)
    assert len(store.runs()) == 1
    for damage in (b"not a database", b"", None):
        (folder / "catalog.db").unlink()
        if damage is not None:
            (folder / "catalog.db").write_bytes(damage)
        assert store.runs()["loss"].tolist()[0] in (0.4, 0.5)


@pytest.mark.parametrize(
    "hostile",
    ["../x", "/etc/x", "a/b", "nul\0", "x" * 300, "jоb", "", ".", "..", ".hidden", "a\nb"],
)
def test_hostile_ids_and_names_are_refused_and_leave_nothing(tmp_path, hostile):
    folder = tmp_path / "here" / ".mlops"
    with pytest.raises(InputError):
        init(id=hostile, dir=folder, settings=QUIET)
    with pytest.raises(InputError):
        open_store(folder).run(hostile)
    for name in {hostile} & {"nul\0", "x" * 300, "", "a\nb"}:
        with pytest.raises(InputError):
            init(name=name or " ", dir=folder, settings=QUIET)
    assert [path.name for path in tmp_path.rglob("run.json")] == []


def test_secrets_reach_no_file_of_a_run(tmp_path):
    secrets = {
        "API_TOKEN": "tok-5f3c9",
        "by_form": "ghp_" + "a1B2" * 9,
        "db": "postgres://ada:pw-8812@host/db",
    }
    script = f"""
import os, sys
import mlops_lit as lit
run = lit.init(id="careful", dir={str(tmp_path / ".mlops")!r}, config={{"api_key": "cfg-1177", "url": {secrets["db"]!r}}})
print("token", os.environ["API_TOKEN"], "form", {secrets["by_form"]!r}, "url", {secrets["db"]!r}, "config cfg-1177")
os.system("echo sub $API_TOKEN")
run.alert("leak", "token " + os.environ["API_TOKEN"])
"""
    (tmp_path / "settings.ini").write_text("[mlops_lit]\n")
    environ = {**os.environ, "API_TOKEN": secrets["API_TOKEN"]}
    done = subprocess.run(
        [sys.executable, "-c", script, "--password", "arg-4471"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "sub tok-5f3c9" in done.stdout  # What the terminal shows is the script's own business
    folder = tmp_path / ".mlops" / "runs" / "careful"
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for secret in [b"tok-5f3c9", b"ghp_", b"pw-8812", b"cfg-1177", b"arg-4471"]:
        assert secret not in written
    assert (
        json.loads((folder / "run.json").read_text())["config"]["url"] == "postgres://***@host/db"
    )
    assert b"sub ***" in (folder / "console.log").read_bytes()


def test_unfinished_runs_of_a_script_are_closed_at_its_end(tmp_path):
    script = f"import mlops_lit as lit; runs = [lit.init(name=n, dir={str(tmp_path)!r}) for n in 'ab']; [r.log({{'x': 1}}) for r in runs]"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
    assert open_store(tmp_path).runs()["status"].tolist() == ["finished", "finished"]
    assert not list(Path(tmp_path).rglob("*.tmp"))
