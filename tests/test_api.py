"""What the page about `Api` cannot show well: paths, a run that is running, two who change the same run, hostile names, long histories."""

from __future__ import annotations

import copy
import math
import os
import subprocess
import sys
import threading
import warnings
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from mlops_lit.errors import InputError
from mlops_lit.store.store import Store, open_store
from mlops_lit.track.api import Api, PublicSummary, ordered, run_field, run_filter
from mlops_lit.track.artifact import Artifact
from mlops_lit.track.comparison import compare_runs
from mlops_lit.track.record import open_run
from mlops_lit.track.run import Run


def new_run(store: Store, name: str, *points: dict, project: str = "loans", **fields) -> Run:
    "A run that logged these points."
    run = Run(
        store, open_run(store, project=project, name=name, code=store.folder.parent, **fields)
    )
    for point in points:
        run.log(point)
    return run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    "A store with three finished runs of two projects."
    store = open_store(tmp_path / ".mlops")
    new_run(store, "linear", {"loss": 0.4}, config={"lr": 0.1}, tags=["baseline"]).finish()
    new_run(store, "deep", {"loss": 0.3}, {"loss": 0.2}, config={"lr": 0.01}).finish()
    new_run(store, "churn", {"loss": 0.7}, project="churn").finish()
    return store


RECORD = {
    "id": "a1",
    "name": "deep",
    "status": "finished",
    "started_at": "2026-11-24T02:00:00.000+00:00",
    "group": None,
    "tags": ["a", "b"],
    "config": {
        "lr": 0.1,
        "none": None,
        "layers": [8, 4],
        "model": {"depth": 3},
        "a.b": 1,
        "flag": True,
    },
    "summary": {"loss": math.nan, "acc": 0.9, "train/loss": 0.2, "acc.max": 0.95},
}
FITS = [
    {"config.lr": {"$gte": 0.1, "$lte": 0.1}},
    {"config.lr": np.float64(0.1)},
    {"config.lr.value": 0.1},
    {"config.model.depth": 3.0},
    {"config.model": {"depth": 3}},
    {"config.a.b": 1},
    {"config.layers": [8, 4]},
    {"config.layers": (8, 4)},
    {"config.layers": 4},
    {"config.layers": {"$gt": 7}},
    {"config.none": None},
    {"config.none": {"$exists": True}},
    {"config.nothing": None},
    {"config.nothing": {"$exists": False}},
    {"config.nothing": {"$ne": 1}},
    {"config.nothing": {"$nin": [1, 2]}},
    {"config.nothing": {"$in": [1, None]}},
    {"config.flag": True},
    {"config.flag": {"$ne": 1}},
    {"group": None},
    {"group": {"$exists": False}},
    {"name": "a1", "display_name": "deep"},
    {"displayName": {"$regex": "^de"}},
    {"tags": "a"},
    {"tags": {"$in": ["x", "b"]}},
    {"tags": {"$nin": ["x"]}},
    {"tags": {"$regex": "^b"}},
    {"summary_metrics.train/loss": 0.2},
    {"summary_metrics.acc.max": 0.95},
    {"summary_metrics.loss": {"$not": {"$lt": 1}}},
    {"summary_metrics.loss": {"$exists": True}},
    {"created_at": {"$gt": "2026-11-23", "$lt": date(2026, 11, 25)}},
    {"created_at": "2026-11-24T03:00:00+01:00"},
    {"createdAt": {"$lt": datetime(2026, 11, 24, 3)}},
    {"created_at": {"$gte": datetime(2026, 11, 24, tzinfo=UTC).timestamp()}},
    {"$and": [{"tags": "a"}, {"$or": [{"config.lr": 5}, {"config.lr": 0.1}]}]},
    {"$nor": [{"tags": "x"}, {"group": "y"}]},
    {"$not": {"tags": "x"}},
    {},
]
FITS_NOT = [
    {"config.lr": {"$gt": 0.1}},
    {"config.lr": "0.1"},
    {"config.lr": {"$gt": "0"}},
    {"config.lr": True},
    {"config.flag": 1},
    {"config.flag": {"$gt": 0}},
    {"config.nothing": {"$lt": 1}},
    {"config.nothing": {"$gte": 1}},
    {"config.nothing": {"$not": {"$ne": 1}}},
    {"config.none": {"$ne": None}},
    {"group": {"$regex": ""}},
    {"tags": {"$ne": "a"}},
    {"tags": {"$nin": ["b"]}},
    {"tags": ["a"]},
    {"summary_metrics.loss": {"$lt": 1}},
    {"summary_metrics.loss": {"$gte": 0}},
    {"summary_metrics.loss": math.nan},
    {"created_at": {"$gt": "2026-11-24T03:00:00Z"}},
    {"$nor": [{"tags": "a"}]},
    {"state": "running"},
]
REFUSED = [
    ({"config.lr": {"$gtee": 1}}, "Did you mean '$gte'?"),
    ({"config.lr": {"$gt": 1, "lt": 2}}, "'lt' is no operator"),
    ({"$adn": [{}]}, "Did you mean '$and'?"),
    ({"$or": []}, "takes a list of filters"),
    ({"$or": {"tags": "a"}}, "takes a list of filters"),
    ({"$or": ["tags"]}, "A filter is a dictionary"),
    ({"$and": [{"tags": "a"}, {"staet": 1}]}, "Did you mean 'state'?"),
    ({"config": {"lr": 1}}, "to filter or sort by"),
    ({"tags": {"$in": "a"}}, "takes a list"),
    ({"notes": {"$regex": "("}}, "is not a pattern"),
    ({"created_at": {"$gt": "soon"}}, "is not a time"),
    ([{"tags": "a"}], "A filter is a dictionary"),
]


@pytest.mark.parametrize("filters", FITS, ids=str)
def test_a_filter_that_fits(filters: dict):
    assert run_filter(filters)(RECORD)


@pytest.mark.parametrize("filters", FITS_NOT, ids=str)
def test_a_filter_that_does_not(filters: dict):
    assert not run_filter(filters)(RECORD)


@pytest.mark.parametrize(("filters", "message"), REFUSED, ids=str)
def test_a_filter_that_cannot_be_is_refused_before_a_run_is_looked_at(filters, message: str):
    with pytest.raises(InputError) as refused:
        run_filter(filters)
    assert message in str(refused.value)


def test_a_filter_is_checked_in_an_empty_store(tmp_path: Path):
    api = Api(tmp_path / "empty")
    assert api.runs()[:] == []
    assert api.projects() == []
    with pytest.raises(InputError, match="no operator"):
        api.runs(filters={"tags": {"$contains": "a"}})
    with pytest.raises(InputError, match="to filter or sort by"):
        api.runs(order="-loss")


def test_values_of_several_kinds_are_ordered_and_missing_ones_are_last():
    values = ("b", 2, None, True, [1], "a", math.nan, 1.5)
    records = [{"config": {"x": value}} for value in values] + [{"config": {}}]
    found = [record["config"].get("x") for record in ordered(records, "config.x")]
    assert found[:6] == [True, 1.5, 2, "a", "b", [1]]
    found = [record["config"].get("x") for record in ordered(records, "-config.x")]
    assert found[:6] == [[1], "b", "a", 2, 1.5, True]
    assert run_field("config.x")({"config": {"x": 1}}) == 1


def test_every_way_to_name_a_run(store: Store):
    api, id = Api(store), Api(store).run("deep").id
    for path in ("deep", id, id[:19], f"loans/{id}", "me/loans/deep", f"/me/loans/runs/{id}"):
        assert api.run(path).id == id
    assert api.run("/".join(api.run("deep").path)).id == id
    for path in ("churn/deep", "loans/dep", "", "loans/", "../..", "nothing/x", f"churn/{id}"):
        with pytest.raises(InputError):
            api.run(path)


def test_a_name_may_hold_slashes_and_the_newest_of_a_name_is_meant(store: Store):
    new_run(store, "fold/1").finish()
    newer = new_run(store, "deep")
    newer.finish()
    api = Api(store)
    assert api.run("fold/1").name == "fold/1"
    assert api.run("loans/deep").id == newer.id


def test_runs_are_a_sequence(store: Store):
    runs = Api(store).runs()
    assert [run.name for run in runs] == ["churn", "deep", "linear"]
    assert runs[-1] is runs[2]
    assert runs[0] is next(iter(runs))
    assert [run.name for run in runs[1:]] == ["deep", "linear"]
    assert len(runs) == 3
    with pytest.raises(IndexError):
        runs[3]
    assert repr(runs) == "<3 runs: churn (finished), deep (finished), linear (finished)>"
    assert repr(Api(store).runs(filters={"state": "crashed"})) == "<0 runs>"


def test_what_a_notebook_shows_is_escaped(store: Store):
    hostile = new_run(store, "<script>alert(1)</script>", {"<i>": 1}, tags=["<b>"])
    hostile.finish()
    for shown in (Api(store).run(hostile.id)._repr_html_(), Api(store).runs()._repr_html_()):
        assert "&lt;script&gt;" in shown
        assert not any(tag in shown for tag in ("<script>", "<b>", "<i>"))
    compared = compare_runs([store.run(hostile.id), store.run("deep")])._repr_html_()
    assert not any(tag in compared for tag in ("<script>", "<b>", "<i>"))


def test_a_run_that_is_running_is_seen_as_it_is_now(store: Store):
    live = new_run(store, "live", {"loss": 0.6}, config={"_own": 1, "a": 1})
    api = Api(store)
    run = api.runs(filters={"summary_metrics.loss": 0.6})[0]
    assert (run.name, run.state, run.duration, run.config) == ("live", "running", None, {"a": 1})
    with pytest.raises(InputError, match="it is running"):
        run.delete()
    run.summary.update({"by hand": 1})
    live.log({"loss": 0.5})
    assert api.run("live").summary_metrics == {"loss": 0.5, "by hand": 1}
    timer = threading.Timer(0.2, live.finish)
    timer.start()
    run.wait_until_finished(interval_s=0.05)
    assert (run.state, run.summary["loss"]) == ("finished", 0.5)


CRASHING = """
import os, sys, mlops_lit as lit
run = lit.init(name="crashing", dir=sys.argv[1])
run.log({"loss": 0.5})
os.kill(os.getpid(), 9)
"""


def test_waiting_ends_when_the_run_crashed(store: Store):
    command = [sys.executable, "-c", CRASHING, str(store.folder)]
    subprocess.run(command, cwd=store.folder.parent, check=False)
    run = Api(store).run("crashing")
    run.wait_until_finished()
    assert (run.state, run.summary["loss"]) == ("crashed", 0.5)


def test_config_is_changed_name_by_name(store: Store):
    new_run(store, "r", config={"_own": 1, "a": {"b": 1}, "c": 2}).finish()
    one, two = Api(store).run("r"), Api(store).run("r")
    one.config["a"]["b"] = 5
    del two.config["c"]
    two.config["d"] = (1, 2)
    one.update()
    two.update()
    assert store.run("r")["config"] == {"_own": 1, "a": {"b": 5}, "d": [1, 2]}


def test_two_who_tag_the_same_run_keep_both_tags(store: Store):
    one, two = Api(store).run("deep"), Api(store).run("deep")
    one.tags, two.tags = ["one"], ["two"]
    one.update()
    two.update()
    assert store.run("deep")["tags"] == ["one", "two"]
    assert two.tags == ["one", "two"]


def test_an_update_without_a_change_writes_nothing(store: Store):
    folder = store.run_folder("deep")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    Api(store).run("deep").update()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize(
    ("field", "value"), [("tags", ["a\nb"]), ("tags", "text"), ("name", None), ("group", "")]
)
def test_nothing_is_written_when_one_of_the_changes_cannot_be(store: Store, field: str, value):
    run = Api(store).run("deep")
    run.notes = "new"
    run.summary["x"] = 1
    setattr(run, field, value)
    with pytest.raises(InputError):
        run.update()
    record = store.run("deep")
    assert (record["notes"], record["summary"]) == (None, {"loss": 0.2})


def test_a_misspelled_field_cannot_be_assigned(store: Store):
    with pytest.raises(AttributeError):
        Api(store).run("deep").tag = ["a"]


def test_a_summary_set_by_hand_can_be_taken_back_and_a_computed_one_not(store: Store):
    run = Api(store).run("deep")
    run.summary["by hand"] = 2
    run.update()
    assert store.run("deep")["summary"] == {"loss": 0.2, "by hand": 2}
    del run.summary["by hand"]
    run.update()
    assert store.run("deep")["summary"] == {"loss": 0.2}
    assert run.summary["_step"] == 1
    assert run.summary.get("_runtime") >= 0
    assert run.summary.get("nothing") is None
    with pytest.raises(KeyError):
        PublicSummary(store.folder / "runs" / new_run(store, "empty").id, {})["_step"]
    with pytest.raises(InputError, match="begin with '_'"):
        run.summary.update({"_x": 1})
    run.load()
    del run.summary["loss"]
    with pytest.raises(InputError, match="cannot be removed"):
        run.update()


def test_a_summary_is_changed_in_a_run_whose_history_is_parquet(store: Store):
    long = new_run(store, "long", *({"loss": 1 / (n + 1)} for n in range(5_001)))
    long.finish()
    assert not (long.folder / "history.jsonl").exists()
    run = Api(store).run("long")
    run.summary["best"] = 0.1
    run.update()
    assert Api(store).run("long").summary["best"] == 0.1
    assert len(list(run.scan_history())) == 5_001
    assert len(run.history()) == 500
    assert run.history()["_step"].iloc[[0, -1]].tolist() == [0, 5_000]
    assert run.lastHistoryStep == 5_000


def test_rows_that_lack_a_key_are_left_out_and_nan_counts_as_logged(store: Store):
    gaps = new_run(store, "gaps")
    gaps.log({"a": 1.0, "b": math.nan}, step=0)
    gaps.log({"a": 2.0}, step=5)
    gaps.log({"a": 3.0, "b": 4.0, "note": "x"}, step=10)
    gaps.finish()
    run = Api(store).run("gaps")
    assert [row["a"] for row in run.scan_history(keys=["a", "b"])] == [1.0, 3.0]
    assert list(run.history(keys=["a"], x_axis="b").columns) == ["b", "a"]
    assert [row["_step"] for row in run.scan_history(min_step=5, max_step=10)] == [5]
    assert run.history()["note"].isna().tolist() == [True, True, False]
    (gaps.folder / "system.jsonl").write_bytes(b'{"_time":1,"cpu":5}\n{"_time":2,"cpu":6}\n')
    assert run.history(stream="system")["cpu"].tolist() == [5, 6]
    assert run.system_metrics["cpu"] == 6
    for wrong in ({"keys": "loss"}, {"keys": [1]}, {"samples": 0}, {"stream": "x"}):
        with pytest.raises(InputError):
            run.history(**wrong)


def test_a_run_that_logged_nothing_has_an_empty_history(store: Store):
    new_run(store, "silent").finish()
    run = Api(store).run("silent")
    assert list(run.history().columns) == ["_step", "_timestamp", "_runtime"]
    assert list(run.history(keys=["loss"]).columns) == ["_step", "loss"]
    assert run.lastHistoryStep == -1
    assert list(run.scan_history()) == []
    assert run.system_metrics == {}


def test_no_name_and_no_link_leads_out_of_the_folder(store: Store, tmp_path: Path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "model.txt").write_text("weights")
    with new_run(store, "kept") as kept:
        kept.save(tmp_path / "model.txt")
    os.symlink(tmp_path / "secret", kept.folder / "files" / "link")
    os.symlink(tmp_path, kept.folder / "files" / "folder")
    (kept.folder / "files" / "run.json").write_text("saved under the name of the record")
    (kept.folder / ".run.json.0123.tmp").write_text("half")
    run = Api(store).run("kept")
    names = {file.name for file in run.files()}
    assert {"model.txt", "files/run.json", "run.json"} <= names
    assert not {"link", "folder/secret", "secret"} & names
    assert not any(name.endswith(".tmp") for name in names)
    for name in ("../run.json", "/etc/passwd", "files/../run.json", "link", ""):
        with pytest.raises(InputError, match="has no file"):
            run.file(name)


def test_a_download_overwrites_only_when_asked_to(store: Store, tmp_path: Path):
    (tmp_path / "model.txt").write_text("weights")
    with new_run(store, "kept") as kept:
        kept.save(tmp_path / "model.txt")
    file = Api(store).run("kept").file("model.txt")
    with file.download(tmp_path / "copies") as opened:
        assert opened.read() == "weights"
    with pytest.raises(InputError, match="Pass replace=True"):
        file.download(tmp_path / "copies")
    (tmp_path / "copies" / "model.txt").write_text("mine")
    with file.download(tmp_path / "copies", exist_ok=True) as opened:
        assert opened.read() == "mine"
    with file.download(tmp_path / "copies", replace=True) as opened:
        assert opened.read() == "weights"
    assert os.listdir(tmp_path / "copies") == ["model.txt"]
    assert (file.size, file.url[:8]) == (7, "file:///")


def test_artifacts_and_projects(store: Store):
    store.put_artifact("loans", {"a.csv": b"x\n1\n"})
    store.put_artifact("loans", {"a.csv": b"x\n2\n"})
    with new_run(store, "user") as user:
        user.use_artifact("loans:v1")
        model = Artifact("model", type="model")
        model.add_bytes(b"m", "m")
        user.log_artifact(model)
    api = Api(store)
    assert [v.ref for v in api.artifacts(name="me/loans")] == ["loans:v2", "loans:v1"]
    assert [v.ref for v in api.artifacts("model")] == ["model:v1"]
    assert [v.ref for v in api.run("user").used_artifacts()] == ["loans:v1"]
    assert [v.ref for v in api.run("user").logged_artifacts()] == ["model:v1"]
    assert api.artifact("me/loans/loans:latest").ref == "loans:v2"
    assert [api.artifact_exists(n) for n in ("loans:v9", "loans:v1")] == [False, True]
    with pytest.raises(InputError, match="it made model:v1"):
        api.run("user").delete()
    for wrong in (
        lambda: api.artifact("loans", type="model"),
        lambda: api.artifacts(name="laons"),
        lambda: api.artifact("laons:v1"),
        lambda: api.run("deep").delete(delete_artifacts=True),
    ):
        with pytest.raises(InputError):
            wrong()
    assert [(p.name, p.n_runs) for p in api.projects()] == [("churn", 1), ("loans", 3)]
    api.run("deep").delete()
    assert len(api.runs("loans")) == 2


def test_what_has_no_effect_is_said_by_name(store: Store):
    with pytest.warns(UserWarning, match=r"Api\(timeout, api_key\) has no effect"):
        Api(store, timeout=9, api_key="x")
    with pytest.warns(UserWarning, match=r"Api\(entity\) has no effect"):
        assert len(Api(store, {"project": "churn", "entity": "me"}).runs()) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Api(store, {"project": "churn"}).default_entity is None


def test_what_is_not_there_is_an_attribute_error_with_advice(store: Store):
    api = Api(store)
    assert not hasattr(api, "viewer")
    assert not hasattr(api.run("deep"), "upload_file")
    with pytest.raises(AttributeError, match="Use scan_history"):
        api.run("deep").beta_scan_history()
    with pytest.raises(AttributeError, match="Did you mean 'summary'"):
        _ = api.run("deep").sumary
    assert copy.copy(api.run("deep")).name == "deep"
