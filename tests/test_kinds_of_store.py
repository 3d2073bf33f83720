"""The same promises on every kind of store: a folder with SQLite, with PostgreSQL, a bucket, a bucket with PostgreSQL.

Each kind gives two places that share one store: for a folder the same folder twice, for a bucket two mirrors, as on two
machines. What one does, the other must see.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

import mlops_lit as lit
from mlops_lit.store.cleanup import clean_up, plan_cleanup
from mlops_lit.store.files import to_json
from mlops_lit.store.journal import read_journal
from mlops_lit.store.objects import CorruptObject, object_path
from mlops_lit.store.remote import remote_of
from mlops_lit.store.store import Store
from mlops_lit.store.sync import push
from mlops_lit.store.versions import remove_version

QUIET = {"console": "off", "x_disable_stats": True}
KINDS = ["folder", "postgresql", "bucket", "bucket and postgresql"]


@dataclass
class Team:
    "Two machines with one store."

    kind: str
    places: list[Path]  # The folder of the store as each machine sees it
    environ: dict[str, str]  # What settings.ini would say

    def store(self, machine: int = 0) -> Store:
        store = Store(
            self.places[machine],
            catalog=self.environ.get("MLOPS_LIT_CATALOG", ""),
            remote=self.environ.get("REMOTE", ""),
        )
        store.refresh(0)
        return store

    def run(self, name: str, machine: int = 0, **asked):
        self.store(machine).prepare()
        return lit.init(
            name=name, dir=self.places[machine], settings=QUIET, save_code=False, **asked
        )

    def spoil(self, digest: str) -> None:
        "Change a byte of an object where its original is, and lose the copies."
        for place in dict.fromkeys(self.places):
            path = object_path(place / "objects", digest)
            if path.exists():
                data = path.read_bytes()
                path.chmod(0o644)
                path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
                if self.kind.startswith("bucket"):
                    path.unlink()
        if (remote := remote_of(self.places[0])) is not None:
            key = f"objects/{digest[:2]}/{digest[2:]}"
            data = remote.read(key)
            remote.write(key, bytes([data[0] ^ 1]) + data[1:])


@pytest.fixture(params=KINDS)
def team(request, tmp_path, monkeypatch) -> Team:
    environ = {}
    if "postgresql" in request.param:
        environ["MLOPS_LIT_CATALOG"] = request.getfixturevalue("postgres")
    places = [tmp_path / ".mlops"] * 2
    if request.param.startswith("bucket"):
        environ["REMOTE"] = request.getfixturevalue("bucket").url
        places = [tmp_path / "ada" / ".mlops", tmp_path / "bob" / ".mlops"]
    monkeypatch.chdir(tmp_path)
    return Team(request.param, places, environ)


def frames_equal(left: pd.DataFrame, right: pd.DataFrame) -> bool:
    return to_json(left.to_dict("list")) == to_json(right.to_dict("list"))


def test_what_one_machine_logs_the_other_reads(team):
    with team.run("prepare") as run:
        for step in range(50):
            run.log({"loss": 1 / (step + 1), "nan": float("nan")})
        run.log({"rows": lit.Table(columns=["a", "b"], data=[[1, "x"], [2, None]])})
        made = run.log_artifact(lit.Artifact("loans").add_bytes(b"income\n52\n", "loans.csv"))
        made = made.wait()
    assert made.ref == "loans:v1"
    with team.run("train", machine=1) as run:
        assert run.read("loans:latest")["income"].tolist() == [52]
        run.log({"accuracy": 0.9})
    for machine in (0, 1):
        store = team.store(machine)
        runs = store.runs().set_index("name")
        assert set(runs["status"]) == {"finished"}
        assert runs.loc["train", "accuracy"] == 0.9
        history = store.history("prepare")
        assert len(history) == 51
        assert history["loss"].dropna().tolist() == [1 / (n + 1) for n in range(50)]
        edges = {(store.run(edge.run_id)["name"], edge.ref, edge.kind) for edge in store.lineage()}
        assert edges == {("prepare", "loans:v1", "made"), ("train", "loans:v1", "used")}
        assert lit.query("SELECT count(*) AS n FROM rows", store)["n"].tolist() == [2]
        found = lit.Api(store=store).artifact("loans:v1")
        assert found.logged_by().name == "prepare"
        assert [user.name for user in found.used_by()] == ["train"]
    assert frames_equal(team.store(0).runs(), team.store(1).runs())


def test_versions_aliases_and_what_is_said_of_them(team, tmp_path):
    (tmp_path / "data").mkdir()
    for n in range(20):
        (tmp_path / "data" / f"{n}.txt").write_text(str(n))
    with team.run("one") as run:
        first = run.log_artifact(
            lit.Artifact("set", ttl=timedelta(days=3), tags=["raw"]).add_dir(tmp_path / "data"),
            aliases=["best"],
        ).wait()
        again = run.log_artifact(lit.Artifact("set").add_dir(tmp_path / "data")).wait()
        draft = first.new_draft().remove("3.txt").add_bytes(b"new", "20.txt")
        second = run.log_artifact(draft).wait()
    assert (first.ref, again.ref, second.ref) == ("set:v1", "set:v1", "set:v2")
    other = team.store(1)
    assert other.artifact("set:best").ref == "set:v1"
    assert other.artifact("set:v1").ttl_s == 3 * 86_400
    assert other.artifact("set:v1").tags == ("raw",)
    difference = other.diff("set:v1", "set:v2")
    assert (difference.added, difference.removed, difference.changed) == (["20.txt"], ["3.txt"], [])
    copy = other.artifact("set:v2").download(tmp_path / "copy")
    assert sorted(p.name for p in copy.iterdir()) == sorted(second.files)
    other.artifact("set:v2").verify(copy)
    other.set_alias("set:v2", "best")
    other.describe("set:v2", description="without three", ttl=False)
    push(other.folder)
    seen = team.store(0)
    assert seen.artifact("set:best").description == "without three"
    assert [entry["version"] for entry in journal(team) if entry["kind"] == "alias"] == ["v1", "v2"]
    assert seen.verify() == []


def journal(team: Team, machine: int = 0) -> list[dict]:
    "The journal as a machine sees it."
    store = team.store(machine)
    store.refresh()
    return read_journal(store.folder / "journal")


def test_a_rebuilt_catalog_is_equal(team):
    for name in ("a", "b"):
        with team.run(name, config={"name": name}) as run:
            run.log({"score": float("nan"), "n": 3})
            run.check("judged", None, at_least=1)
            version = run.log_artifact(
                lit.Artifact("data").add_bytes(name.encode(), "x.txt"), aliases=[name]
            )
            version.wait()
    store = team.store()
    before = (to_json(store.records()), list(store.lineage()), store.aliases("data"))
    assert store.rebuild() == 2
    assert (to_json(store.records()), list(store.lineage()), store.aliases("data")) == before
    assert before[2] == {"a": "v1", "b": "v2", "latest": "v2"}


def test_a_corrupt_object_is_named_and_never_returned(team):
    with team.run("one") as run:
        version = run.log_artifact(lit.Artifact("set").add_bytes(b"precious", "x.txt")).wait()
    digest = version.files["x.txt"].digest
    team.spoil(digest)
    for machine in (0, 1):
        store = team.store(machine)
        for use in (store.artifact("set").path, store.artifact("set").verify):
            with pytest.raises(CorruptObject, match=digest[:12]):
                use()
        with pytest.raises(CorruptObject, match=digest[:12]):
            store.artifact("set").download(store.folder.parent / "copy")
        assert not (store.folder.parent / "copy" / "x.txt").exists()
        (problem,) = store.verify()
        assert digest[:12] in problem.message
        assert "set:v1" in problem.where


def test_a_lost_object_is_named(team):
    with team.run("one") as run:
        version = run.log_artifact(lit.Artifact("set").add_bytes(b"precious", "x.txt")).wait()
    digest = version.files["x.txt"].digest
    for place in team.places:
        object_path(place / "objects", digest).unlink(missing_ok=True)
    if (remote := remote_of(team.places[0])) is not None:
        remote.remove([f"objects/{digest[:2]}/{digest[2:]}"])
    (problem,) = team.store().verify()
    assert "is missing" in problem.message


def test_an_edited_journal_is_shown(team):
    with team.run("one") as run:
        for content in (b"1", b"2"):
            run.log_artifact(lit.Artifact("set").add_bytes(content, "x"), aliases=["best"]).wait()
    store = team.store()
    assert store.verify() == []
    if (remote := remote_of(store.folder)) is not None:
        key = "journal/00000001.json"
        remote.write(key, remote.read(key).replace(b'"v1"', b'"v2"'))
    else:
        path = store.folder / "journal" / "00000001.json"
        path.write_bytes(path.read_bytes().replace(b'"v1"', b'"v2"'))
    said = [problem.message for problem in team.store(1).verify()]
    assert "Journal entry 1 was changed after it was written." in said


def test_what_is_in_use_stays_and_the_rest_can_go(team):
    with team.run("make") as run:
        for content in (b"1", b"2", b"3", b"4"):
            artifact = lit.Artifact("set", ttl=1).add_bytes(content, "x")
            version = run.log_artifact(artifact, aliases=["kept"] if content == b"1" else []).wait()
    with team.run("use", machine=1) as run:
        run.use_artifact("set:v2")
    store = team.store()
    later = datetime.now(UTC) + timedelta(days=30)
    plan = plan_cleanup(store, now=later)
    assert [item.what for item in plan.garbage if item.kind == "version"] == ["set:v3"]
    assert {ref for ref, _ in plan.kept} == {"set:v1", "set:v2", "set:v4"}
    assert plan.size_bytes == 1
    assert len(store.artifacts()) == 4  # Nothing went by looking
    clean_up(store, plan, grace_s=-1)
    assert [v.ref for v in team.store(1).artifacts()] == ["set:v1", "set:v2", "set:v4"]
    assert team.store(1).artifact("set:v2").path().read_bytes() == b"2"
    with pytest.raises(lit.InputError, match="were removed at"):
        team.store(1).artifact("set:v3").path()
    with pytest.raises(lit.InputError, match="is in use and stays"):
        remove_version(store, "set:v2")
    with team.run("next") as run:
        assert run.log_artifact(lit.Artifact("set").add_bytes(b"5", "x")).wait().ref == "set:v5"
    assert store.verify() == []
    assert version.ref == "set:v4"


def test_a_run_is_removed_everywhere(team):
    with team.run("mistake") as run:
        run.log({"x": 1})
    assert team.store(1).runs()["name"].tolist() == ["mistake"]
    team.store(0).remove_run("mistake")
    assert len(team.store(1).runs()) == 0
    assert len(team.store(0).runs()) == 0


CLAIM = """
import json, sys
import mlops_lit as lit
from mlops_lit.store.store import Store
from mlops_lit.store.sync import push

place, remote, who = sys.argv[1:]
store = Store(place, remote=remote)
store.prepare()
made = []
for n in range(4):
    version = store.put_artifact("race", {"x.txt": f"{who} {n}".encode()}).wait()
    store.set_alias(version.ref, f"last-{who}")
    made.append((version.ref, version.digest))
if remote:
    assert push(store.folder).left == ()
print(json.dumps(made))
"""


def test_machines_claim_versions_at_once(team):
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, str(team.places[n % 2]), team.environ.get("REMOTE", ""), f"w{n}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for n in range(4)
    ]  # fmt: skip
    said = [writer.communicate() for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 4, said
    made = [tuple(pair) for out, _ in said for pair in json.loads(out)]
    store = team.store(1)
    found = {(version.ref, version.digest) for version in store.artifacts()}
    assert len({ref for ref, _ in made}) == 16  # No number twice
    assert set(made) == found  # None lost
    assert sorted(int(ref.partition(":v")[2]) for ref, _ in made) == list(range(1, 17))
    assert sorted(store.aliases("race")) == ["last-w0", "last-w1", "last-w2", "last-w3", "latest"]
    assert store.verify() == []


def test_a_run_goes_on_from_another_machine(team):
    with team.run("train", id="job") as run:
        run.log({"loss": 0.5})
    team.store(1).prepare()
    with lit.init(id="job", resume="must", dir=team.places[1], settings=QUIET) as run:
        run.log({"loss": 0.4})
    end = time.monotonic() + 30  # The first machine counts the run as its own for some seconds
    while team.store(0).run("job")["summary"] != {"loss": 0.4} and time.monotonic() < end:
        time.sleep(0.2)
    assert team.store(0).history("job")["loss"].tolist() == [0.5, 0.4]
    assert [run.logged_artifacts() for run in lit.Api(store=team.store(0)).runs()] == [[]]
