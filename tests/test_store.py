"""What pages about the store cannot show well: a rebuilt catalog, folders that cannot be written, reading without the package."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

import mlops_lit as lit
from mlops_lit.store.files import to_json


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
