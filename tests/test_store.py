"""What pages about the store cannot show well: killed writers, many writers, folders that cannot be written."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mlops_lit as lit
from mlops_lit.store.files import to_json

WRITER = """
import sys
import mlops_lit as lit
run = lit.init(name="writer", dir=sys.argv[1])
print(run.id, flush=True)
for step in range(int(sys.argv[2])):
    run.log({"loss": 1 / (step + 1)}, step=step)
    print(step, flush=True)
run.finish()
"""


def start_writer(store: Path, n_steps: int) -> subprocess.Popen:
    "A process that logs and prints each step that `log` returned from."
    command = [sys.executable, "-c", WRITER, str(store), str(n_steps)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=store.parent)


@pytest.mark.parametrize("round_", range(5))
def test_a_killed_run_keeps_what_was_acknowledged_and_is_closed_as_crashed(
    tmp_path: Path, round_: int
):
    writer = start_writer(tmp_path / ".mlops", 10**6)
    assert writer.stdout is not None
    run_id = writer.stdout.readline().strip()
    time.sleep(random.uniform(0, 0.2))
    writer.send_signal(signal.SIGKILL)
    lines = writer.stdout.read().splitlines()
    writer.wait()
    # The last line may have been cut by the kill; a step counts as acknowledged when its line is whole.
    acknowledged = [int(line) for line in lines[:-1]]

    store = lit.open_store(tmp_path / ".mlops")
    record = next(r for r in store.records() if r["id"] == run_id)
    assert record["status"] == "crashed"
    history = store.history(run_id)
    assert set(acknowledged) <= set(history["step"])
    if len(history):
        assert record["summary"]["loss"] == 1 / (history["step"].max() + 1)
    assert store.verify() == []


def test_many_processes_write_to_one_store(tmp_path: Path):
    store_folder = tmp_path / ".mlops"
    writers = [start_writer(store_folder, 50) for _ in range(4)]
    ids = [writer.communicate(timeout=120)[0].splitlines()[0] for writer in writers]
    store = lit.open_store(store_folder)
    assert {record["id"]: record["status"] for record in store.records()} == dict.fromkeys(
        ids, "finished"
    )
    assert all(len(store.history(run_id)) == 50 for run_id in ids)


def test_rebuild_gives_the_same_catalog(tmp_path: Path):
    store = lit.open_store(tmp_path / ".mlops")
    for name in ("a", "b"):
        with lit.init(name=name, dir=store.folder) as run:
            run.log({"score": float("nan"), "n": 3})
            run.check("judged", None, at_least=1)
            run.log_artifact(lit.Artifact("data").add_bytes(name.encode(), "x.txt"))
    before = (to_json(store.records()), store.lineage())
    (store.folder / "catalog.db").unlink()
    fresh = lit.open_store(store.folder)
    assert fresh.rebuild() == 2
    assert (to_json(fresh.records()), fresh.lineage()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "locked").mkdir(mode=0o555)
    with pytest.raises(lit.InputError, match="cannot be written"):
        lit.init(dir=tmp_path / "locked" / ".mlops")


def test_a_store_below_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(lit.InputError, match="cannot be written"):
        lit.init(dir=tmp_path / "file" / ".mlops")


def test_a_run_can_be_read_without_the_package(tmp_path: Path):
    with lit.init(name="train", config={"lr": 0.1}, dir=tmp_path / ".mlops") as run:
        run.log({"loss": 0.5})
    copy = shutil.copytree(run.folder, tmp_path / "by e-mail")
    record = json.loads((copy / "run.json").read_text())
    assert record["config"] == {"lr": 0.1}
    assert json.loads((copy / "history.jsonl").read_text())["loss"] == 0.5
