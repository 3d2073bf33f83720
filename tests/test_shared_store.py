"""Two machines, one bucket: claims at the same time, pushes killed at any moment, cut networks, hostile and damaged content.

Each test runs against a mounted folder and against the S3 protocol. KILL_ROUNDS=200 makes the one that kills long.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from bucket import Bucket, Cable, end_uploaders, uploaders

from mlops_lit.store import sync
from mlops_lit.store.files import append_line, from_json, to_json
from mlops_lit.store.journal import chain_problems, read_journal
from mlops_lit.store.mirror import fetch_object, fetch_run, make_mirror, pull
from mlops_lit.store.objects import CorruptObject, digest_bytes, object_path, put_bytes
from mlops_lit.store.remote import Remote, open_remote
from mlops_lit.store.runs import create_run_folder, read_record, write_record
from mlops_lit.store.spool import (
    is_waiting,
    number_in,
    number_of,
    pending_versions,
    spool_journal,
    spool_run,
    spool_version,
    spooled_runs,
)
from mlops_lit.store.sync import push, sync_status, wait_until_pushed

DEAD = {"host": os.uname().nodename, "pid": 2**22 + 1, "started": 0.0}  # A process that is gone
LIVE = {"host": os.uname().nodename, "pid": os.getpid(), "started": psutil.Process().create_time()}


@pytest.fixture(params=["file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    "Address of an empty place for a store."
    if request.param == "s3":
        return request.getfixturevalue("bucket").url
    (tmp_path / "share").mkdir()
    return f"file://{tmp_path}/share"


@pytest.fixture(autouse=True)
def no_uploader_left(tmp_path: Path) -> Iterator[None]:
    yield
    end_uploaders(tmp_path)


def mirror(folder: Path, url: str) -> Path:
    make_mirror(folder, url)
    return folder


def new_version(folder: Path, name: str, *contents: bytes, run_id: str | None = None) -> str:
    "The label of a version that waits for its number."
    files = [
        {
            "path": f"{n}.csv",
            "digest": put_bytes(folder / "objects", content),
            "size_bytes": len(content),
        }
        for n, content in enumerate(contents)
    ]
    manifest = {
        "format": 1,
        "name": name,
        "type": "dataset",
        "description": "",
        "metadata": {},
        "run_id": run_id,
        "created_at": f"{time.time():.6f}",
        "digest": digest_bytes(to_json([[f["path"], f["digest"]] for f in files])),
        "files": files,
    }
    return spool_version(folder, manifest)


def new_run(folder: Path, run_id: str, **fields) -> Path:
    record = {"status": "running", "process": LIVE, "inputs": [], "outputs": [], "summary": {}, "metrics": []}  # fmt: skip
    run = create_run_folder(folder / "runs", {**record, **fields}, run_id)
    append_line(run / "history.jsonl", to_json({"_step": 0, "_time": 1.0, "loss": 0.5}))
    return run


def manifests(remote: Remote) -> list[dict]:
    return [from_json(remote.read(entry.key)) for entry in remote.entries("artifacts")]


def assert_nothing_is_half_visible(
    remote: Remote, runs: dict[str, dict[str, bytes]], newest: int = 10_000
) -> None:
    "Each manifest has its objects, each finished run its files, each entry of the journal those before it."
    there = {entry.key: entry.size_bytes for entry in remote.entries()}
    made = sorted((key for key in there if key.startswith("artifacts/")), key=number_in)
    for manifest in (from_json(remote.read(key)) for key in made[-newest:]):
        for file in manifest["files"]:
            key = f"objects/{file['digest'][:2]}/{file['digest'][2:]}"
            assert there.get(key) == file["size_bytes"], (manifest["version"], key)
    for run_id, files in runs.items():
        if f"runs/{run_id}/run.json" not in there:
            continue
        if from_json(remote.read(f"runs/{run_id}/run.json"))["status"] != "running":
            for name, content in files.items():
                assert remote.read(f"runs/{run_id}/{name}") == content
    numbers = [int(key[8:16]) for key in sorted(there) if key.startswith("journal/")]
    assert numbers == list(range(1, len(numbers) + 1))


CLAIMER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_shared_store import mirror, new_version
from mlops_lit.store.spool import spool_journal
from mlops_lit.store.sync import push

folder, me = mirror(Path(sys.argv[2]), sys.argv[3]), sys.argv[4]
sys.stdin.readline()
for n in range(6):
    label = new_version(folder, "shared", f"{me}-{n}".encode())
    spool_journal(folder, "alias", name="shared", alias=f"{me}-{n}", version=label)
    done = push(folder)
    assert not done.left, done.left
"""


def test_machines_that_claim_at_once_get_different_numbers(url: str, tmp_path: Path):
    # Three machines; on one of them two processes share the mirror and its spool.
    homes = {"a": "one", "b": "two", "c": "three", "d": "three"}
    claimers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMER, str(Path(__file__).parent), str(tmp_path / home), url, me],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for me, home in homes.items()
    ]  # fmt: skip
    for claimer in claimers:
        claimer.stdin.write("go\n")
        claimer.stdin.flush()
    assert [claimer.communicate(timeout=120)[1] for claimer in claimers] == [""] * 4
    reader = mirror(tmp_path / "reader", url)
    assert pull(reader)
    made = manifests(open_remote(url))
    assert sorted(int(one["version"][1:]) for one in made) == list(range(1, 25))
    content = {
        fetch_object(reader, one["files"][0]["digest"]).read_text(): one["version"] for one in made
    }
    assert sorted(content) == sorted(f"{me}-{n}" for me in homes for n in range(6))
    entries = read_journal(reader / "journal")
    assert {entry["alias"]: entry["version"] for entry in entries} == content
    assert len(entries) == 24
    assert chain_problems(reader / "journal") == []
    assert not any(is_waiting(tmp_path / home) for home in homes.values())


# A warm process that has not used the bucket itself forks one that pushes, for each line that it reads, and may kill it.
NURSERY = """
import os, sys, time
from pathlib import Path
from mlops_lit.store.sync import push

folder = Path(sys.argv[1])
for line in sys.stdin:
    began = time.monotonic()
    if (pid := os.fork()) == 0:
        try:
            push(folder)
        finally:
            os._exit(0)
    if float(line) >= 0:
        time.sleep(float(line))
        os.kill(pid, 9)
    killed = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9
    print(int(killed), time.monotonic() - began, flush=True)
"""


def test_a_push_that_is_killed_leaves_nothing_half_done(url: str, tmp_path: Path):
    rounds = int(os.environ.get("KILL_ROUNDS", "12"))
    folder, remote, runs = mirror(tmp_path / "train", url), open_remote(url), {}
    command = [sys.executable, "-c", NURSERY, str(folder)]
    nursery = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    chance, n_killed, longest_s = random.Random(7), 0, 0.3
    for n in range(rounds):
        label = new_version(folder, "loans", b"rows %d" % n, b"more %d" % n)
        spool_journal(folder, "alias", name="loans", alias="production", version=label)
        made = [{"name": "loans", "version": label}]
        run = new_run(folder, f"run-{n}", process=DEAD, outputs=made)
        (run / "media").mkdir()
        (run / "media" / "plot.png").write_bytes(os.urandom(2_000))
        write_record(run, {**read_record(run), "status": "finished"})
        runs[run.name] = {
            name: (run / name).read_bytes() for name in ("history.jsonl", "media/plot.png")
        }
        # Now and then one is left to end, which also tells how long that takes.
        nursery.stdin.write(f"{chance.random() * longest_s if n % 4 else -1}\n")
        nursery.stdin.flush()
        killed, took_s = nursery.stdout.readline().split()
        n_killed += int(killed)
        longest_s = longest_s if n % 4 else float(took_s)
        assert_nothing_is_half_visible(remote, dict(list(runs.items())[-5:]), newest=5)
    nursery.stdin.close()
    assert nursery.wait() == 0
    print(f"{n_killed} of {rounds} pushes were killed")
    assert n_killed > rounds / 4
    done = push(folder)
    assert done.left == ()
    assert not is_waiting(folder)
    assert_nothing_is_half_visible(remote, runs)
    made = {one["files"][0]["digest"]: one["version"] for one in manifests(remote)}
    assert made == {digest_bytes(b"rows %d" % n): f"v{n + 1}" for n in range(rounds)}
    reader = mirror(tmp_path / "office", url)
    assert pull(reader)
    assert chain_problems(reader / "journal") == []
    assert [e["version"] for e in read_journal(reader / "journal")] == [f"v{n + 1}" for n in range(rounds)]  # fmt: skip
    for n, (run_id, files) in enumerate(runs.items()):
        assert fetch_run(reader, run_id)
        record = read_record(reader / "runs" / run_id)
        assert record["status"] == "finished"
        assert record["outputs"] == [{"name": "loans", "version": f"v{n + 1}"}]
        for name, content in files.items():
            assert (reader / "runs" / run_id / name).read_bytes() == content


def test_a_cut_network_costs_nothing_but_time(cable: Cable, bucket: Bucket, tmp_path: Path):
    folder, remote, direct = mirror(tmp_path / "train", bucket.url), open_remote(bucket.url), 0
    run = new_run(folder, "goes-on")
    assert push(folder).left == ()
    for n in range(8):
        append_line(run / "history.jsonl", to_json({"_step": n + 1, "_time": 2.0, "loss": 1.0 / (n + 1)}))  # fmt: skip
        label = new_version(folder, "loans", os.urandom(300_000), os.urandom(300_000))
        spool_journal(folder, "alias", name="loans", alias="best", version=label)
        cable.cut_after = cable.passed_bytes + n * 90_000
        done = push(folder)
        direct += not done.unreachable
        cable.mend()
        assert_nothing_is_half_visible(remote, {})
        if done.unreachable:
            assert "cannot be reached" in done.left[0]
            assert label in [one.label for one in pending_versions(folder)] or number_of(folder, "loans", label)  # fmt: skip
    assert direct < 8
    write_record(run, {**read_record(run), "status": "finished"})
    assert push(folder).left == ()
    assert sorted(one["version"] for one in manifests(remote)) == [f"v{n}" for n in range(1, 9)]
    reader = mirror(tmp_path / "office", bucket.url)
    assert pull(reader)
    assert [e["version"] for e in read_journal(reader / "journal")] == [f"v{n}" for n in range(1, 9)]  # fmt: skip
    assert fetch_run(reader, "goes-on")
    assert (reader / "runs" / "goes-on" / "history.jsonl").read_bytes() == (run / "history.jsonl").read_bytes()  # fmt: skip


def test_without_the_network_a_run_ends_and_says_where_it_is_kept(cable: Cable, bucket: Bucket, tmp_path: Path):  # fmt: skip
    folder = mirror(tmp_path / "train", bucket.url)
    cable.cut()
    run = new_run(folder, "offline", process=DEAD)
    write_record(run, {**read_record(run), "status": "finished"})
    with pytest.warns(UserWarning, match="`mlops-lit store sync` sends it") as said:
        assert not wait_until_pushed(folder, "offline")
    assert str(folder) in str(said[0].message)
    assert "the connection was refused" in str(said[0].message)
    assert sync_status(folder).runs == ("offline",)
    assert sync_status(folder).reasons != ()
    reader = mirror(tmp_path / "office", bucket.url)
    with pytest.warns(UserWarning, match="Answers come from what was seen last"):
        assert not pull(reader)
    cable.mend()  # The uploader is still there and goes on by itself, the sooner when it is woken
    assert wait_until_pushed(folder)
    assert pull(reader, 0)
    assert read_record(reader / "runs" / "offline")["status"] == "finished"


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_shared_store import LIVE, new_run, new_version
from mlops_lit.store.files import append_line, to_json
from mlops_lit.store.runs import read_record, write_record
from mlops_lit.store.sync import start_uploader

folder = Path(sys.argv[2])
run = new_run(folder, "victim")
assert start_uploader(folder)
for n in range(1, 500):
    append_line(run / "history.jsonl", to_json({"_step": n, "_time": 2.0, "loss": 1.0 / n}))
label = new_version(folder, "loans", b"made by the victim")
write_record(run, {**read_record(run), "outputs": [{"name": "loans", "version": label}]})
print("acknowledged", flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_killed_training_is_sent_and_closed(url: str, tmp_path: Path):
    folder, reader = mirror(tmp_path / "train", url), mirror(tmp_path / "office", url)
    # Its output is read to its end: an uploader that held the pipe would keep this waiting.
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(folder)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (-9, "acknowledged\n")
    assert wait_until_pushed(folder)
    assert pull(reader)
    record = read_record(reader / "runs" / "victim")
    assert record["status"] == "crashed"
    assert record["summary"]["loss"] == 1 / 499
    assert record["outputs"] == [{"name": "loans", "version": "v1"}]
    assert fetch_run(reader, "victim")
    assert len((reader / "runs" / "victim" / "history.jsonl").read_bytes().splitlines()) == 500
    assert fetch_object(reader, digest_bytes(b"made by the victim")).read_bytes() == b"made by the victim"  # fmt: skip


def test_there_is_one_uploader_and_it_ends(cable: Cable, bucket: Bucket, tmp_path: Path):
    folder = mirror(tmp_path / "train", bucket.url)
    cable.cut()
    run = new_run(folder, "waits", process=DEAD)
    write_record(run, {**read_record(run), "status": "finished"})
    starting = "import sys; from pathlib import Path; from mlops_lit.store.sync import start_uploader; assert start_uploader(Path(sys.argv[1]))"
    starters = [subprocess.Popen([sys.executable, "-c", starting, str(folder)]) for _ in range(4)]
    assert [starter.wait() for starter in starters] == [0] * 4
    assert eventually(lambda: len(uploaders(folder)) == 1 and sync_status(folder).uploading)
    process = uploaders(folder)[0]
    assert process.ppid() not in (os.getpid(), *(starter.pid for starter in starters))
    assert {os.readlink(f"/proc/{process.pid}/fd/{n}") for n in range(3)} == {"/dev/null"}
    assert os.getsid(process.pid) != os.getsid(0)
    cable.mend()
    assert wait_until_pushed(folder)
    assert eventually(lambda: not is_waiting(folder) and not uploaders(folder))  # fmt: skip


def eventually(holds, within_s: float = 60.0) -> bool:
    "Whether it holds before the time is over."
    end = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def test_a_long_upload_does_not_silence_a_run(url: str, tmp_path: Path, monkeypatch):
    folder, remote = mirror(tmp_path / "train", url), open_remote(url)
    new_run(folder, "alive")
    assert push(folder).left == ()
    monkeypatch.setattr(sync, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(sync, "RECORD_S", 0.0)
    heard = []

    def while_it_is_sent(key: str, size_bytes: int) -> None:
        if key.startswith("objects/"):
            before = remote.head("runs/alive/run.json").modified
            heard.append(
                eventually(lambda: remote.head("runs/alive/run.json").modified > before, 10)
            )

    new_version(folder, "model", b"weights")
    push(folder, while_it_is_sent)
    assert heard == [True]


def test_damaged_objects_are_named_and_never_kept(url: str, tmp_path: Path):
    folder, reader = mirror(tmp_path / "train", url), mirror(tmp_path / "office", url)
    new_version(folder, "loans", b"ten thousand rows", b"fine")
    assert push(folder).versions == 1
    digest = digest_bytes(b"ten thousand rows")
    remote = open_remote(url)
    remote.write(f"objects/{digest[:2]}/{digest[2:]}", b"ten thousand cows")
    assert pull(reader)
    with pytest.raises(CorruptObject, match=f"{digest[:12]}… is damaged in") as said:
        fetch_object(reader, digest)
    assert url in str(said.value)
    assert not object_path(reader / "objects", digest).exists()
    assert fetch_object(reader, digest_bytes(b"fine")).read_bytes() == b"fine"
    remote.remove([f"objects/{digest[:2]}/{digest[2:]}"])
    with pytest.raises(CorruptObject, match="is missing from"):
        fetch_object(reader, digest)
    assert os.listdir(reader / "trash") == []


def test_what_is_removed_or_changed_by_one_is_so_for_the_other(url: str, tmp_path: Path):
    folder, reader = mirror(tmp_path / "train", url), mirror(tmp_path / "office", url)
    run = new_run(folder, "r", process=DEAD)
    append_line(run / "console.log", b"line")
    write_record(run, {**read_record(run), "status": "finished"})
    assert push(folder).left == ()
    assert spooled_runs(folder) == []
    assert pull(reader)
    assert fetch_run(reader, "r")
    theirs = reader / "runs" / "r"
    assert sorted(os.listdir(theirs)) == [".seen", "console.log", "history.jsonl", "run.json"]
    # The office adds a tag to the run of the other machine; nothing but the record is sent again.
    sync_from = read_record(theirs)
    spool_run(reader, "r")
    write_record(theirs, {**sync_from, "tags": ["best"]})
    assert push(reader).left == ()
    assert pull(folder, 0)
    assert read_record(run)["tags"] == ["best"]
    open_remote(url).remove(f"runs/r/{name}" for name in ("run.json", "history.jsonl", "console.log"))  # fmt: skip
    assert pull(folder, 0)
    assert not run.exists()


def test_hostile_keys_write_nowhere_else(bucket: Bucket, tmp_path: Path):
    reader = mirror(tmp_path / "a" / "b" / "office", bucket.url)
    folder = mirror(tmp_path / "a" / "b" / "train", bucket.url)
    run = new_run(folder, "good", process=DEAD)
    write_record(run, {**read_record(run), "status": "finished"})
    assert push(folder).left == ()
    allowed = ["runs/..\\..\\x/run.json", "runs/good/..\\..\\x", "runs/good/.seen", "runs/good/run.json/x", "runs/~root/run.json",
               "artifacts/x y/v1.json", "journal/1.json/x", "runs/%2e%2e/run.json", "artifacts/..%2fx/v1.json", "store.json/x"]  # fmt: skip
    for key in allowed:
        bucket.put(key, b'{"hostile": true}')
    assert pull(reader, 0)
    assert fetch_run(reader, "good")
    found = {path.relative_to(tmp_path).parts[:3] for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {("a", "b", "office"), ("a", "b", "train")}
    held = [path for path in (reader / "runs").rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(reader)) for path in held) == ["runs/good/.seen", "runs/good/history.jsonl", "runs/good/run.json"]  # fmt: skip
    assert not any(b"hostile" in path.read_bytes() for path in held)
    for key in (
        "runs/../../x/run.json",
        "runs//etc/run.json",
        "artifacts/../../v1.json",
        "runs/a\x7fb/run.json",
    ):
        bucket.put(key, b"hostile")
        with pytest.raises(ValueError, match="is no path inside a store"):
            pull(reader, 0)
        bucket.request("DELETE", f"mlops/{key}")
    assert pull(reader, 0)


def test_an_address_of_something_else_is_refused(url: str, tmp_path: Path):
    remote = open_remote(url)
    remote.write("store.json", b'{"format": 1}')
    folder = mirror(tmp_path / "train", url)
    new_run(folder, "r")
    with pytest.raises(ValueError, match="is not that of a shared store"):
        pull(folder)
    assert "is not that of a shared store" in push(folder).left[0]
    assert [entry.key for entry in remote.entries()] == ["store.json"]


def test_an_emptied_bucket_does_not_empty_the_mirror(url: str, tmp_path: Path):
    folder, reader = mirror(tmp_path / "train", url), mirror(tmp_path / "office", url)
    run = new_run(folder, "r", process=DEAD)
    write_record(run, {**read_record(run), "status": "finished"})
    push(folder)
    assert pull(reader)
    remote = open_remote(url)
    remote.remove([entry.key for entry in remote.entries()])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert not pull(reader, 0)
    assert "holds no store any more" in str(said[0].message)
    assert read_record(reader / "runs" / "r")["status"] == "finished"
    push(mirror(tmp_path / "new", url))
    with pytest.raises(ValueError, match="holds another store than before"):
        pull(reader, 0)


def test_a_server_that_ignores_conditions_is_refused(url: str, tmp_path: Path, monkeypatch):
    from mlops_lit.store import remote as module

    def create(clients, key, data):
        module._REQUESTS["write"](clients, key, data)
        return True

    monkeypatch.setitem(module._REQUESTS, "create", create)
    folder = mirror(tmp_path / "train", url)
    new_version(folder, "loans", b"x")
    assert "two machines could claim one version" in push(folder).left[0]
    assert manifests(open_remote(url)) == []


def test_a_mirror_that_is_deleted_comes_back(url: str, tmp_path: Path):
    folder = mirror(tmp_path / "train", url)
    new_version(folder, "loans", b"x")
    run = new_run(folder, "r", process=DEAD)
    write_record(run, {**read_record(run), "status": "finished"})
    assert push(folder).left == ()
    shutil.rmtree(folder)
    mirror(folder, url)
    assert pull(folder, 0)
    assert json.loads((folder / "store.json").read_bytes())["joined"]
    assert fetch_run(folder, "r")
    assert sorted(os.listdir(folder / "runs" / "r")) == [".seen", "history.jsonl", "run.json"]
    assert os.listdir(folder / "artifacts" / "loans") == ["v1.json"]
    assert push(folder).files == 0
