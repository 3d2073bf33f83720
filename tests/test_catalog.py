"""The catalog in SQLite and in PostgreSQL: equal rows, several machines, servers that are away, upgrades, kill -9."""

from __future__ import annotations

import json
import os
import random
import secrets
import shutil
import subprocess
import sys
import tarfile
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from postgres import postgres, server

import mlops_lit as lit
from mlops_lit.errors import InputError
from mlops_lit.settings import load_settings
from mlops_lit.store import catalog as catalog_page
from mlops_lit.store.catalog import (
    REVISION,
    all_versions,
    current_catalog,
    metadata,
    open_catalog,
    rebuild_catalog,
    refresh,
    revision_of,
    schema_of,
    team_engine,
)
from mlops_lit.store.commit import put_version
from mlops_lit.store.files import from_json, to_json, write_atomic
from mlops_lit.store.journal import append_entry, move_alias
from mlops_lit.store.runs import create_run_folder, read_record, this_process, write_record
from mlops_lit.store.store import Store, open_store
from mlops_lit.store.upgrade import migrate, upgrade_store

__all__ = ["postgres"]  # The fixture
PASSWORD = "pw-8812"
AWAY = f"postgresql+psycopg://ada:{PASSWORD}@127.0.0.1:1/mlops"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    "The setting `catalog`, once for each kind."
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres")


@pytest.fixture(autouse=True)
def _nothing_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    "Each test hears a warning again, and no server counts as away."
    monkeypatch.setattr(catalog_page, "_said", set())
    monkeypatch.setattr(catalog_page, "_not_before", {})


def add_run(store: Store, name: str, **fields: Any) -> Path:
    "A finished run that used and made something."
    record = {"name": name, "status": "finished", "started_at": "2026-11-23T00:00:00+00:00"}
    return store.create_run({**record, "inputs": [], "outputs": [], **fields})


def fill(folder: Path, url: str = "") -> Store:
    "A store with what a database may stumble over."
    store = Store(folder, url)
    loans = store.put_artifact("loans", {"loans.csv": b"income\n52\n", "more.csv": b"x"})
    store.put_artifact("Loans", {"loans.csv": b"income\n53\n"}, type="model")
    used = {"kind": "artifact", "name": "loans", "version": "v1", "digest": loans.digest}
    summary = {
        **{"nan": float("nan"), "inf": float("inf"), "minus": -float("inf"), "n": 3, "yes": True},
        **{"a": 1, "B": 2, "ä": 3, "_x": 4, "Z/z": 5, "x" * 3000: 6, "nul\0": 7, "big": 2**63},
    }
    for name in ("b", "B", "ä", "a", "_"):  # Sorted otherwise by people than by bytes
        add_run(store, name, inputs=[used], summary=summary, duration_s=1.5)
    add_run(store, "large", config={"text": "é" * 400_000}, started_at=None)
    add_run(store, "o\0dd", duration_s="long", summary={"t": "text"}, project="p" * 900)
    made = [{"name": "Loans", "version": "v1"}, {"name": "Loans", "version": "v1"}]
    add_run(store, "maker", outputs=made)
    store.set_alias("loans:v1", "golden")
    store.set_alias("Loans:v1", "Golden")
    return store


def rows(catalog: sa.Engine) -> dict[str, list[tuple]]:
    "Everything in the catalog, sorted by the database."
    with catalog.connect() as connection:
        return {
            name: [
                tuple(row)
                for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))
            ]
            for name, table in metadata.tables.items()
        }


def test_both_databases_hold_the_same_rows(tmp_path: Path, postgres: str):
    store = fill(tmp_path / ".mlops")
    ours, theirs = current_catalog(store.folder), current_catalog(store.folder, postgres)
    assert theirs.dialect.name == "postgresql"
    assert rows(theirs) == rows(ours)
    assert all(rows(ours).values())
    team = Store(store.folder, postgres)
    assert to_json(team.records()) == to_json(store.records())
    assert team.lineage() == store.lineage()
    assert team.runs().equals(store.runs())
    assert all_versions(theirs) == all_versions(ours)
    values = {row[1]: row[2] for row in rows(theirs)["metrics"]}
    assert (values["nan"], values["inf"], values["minus"]) == (None, float("inf"), -float("inf"))


def test_rebuilt_catalog_is_equal(tmp_path: Path, url: str):
    store = fill(tmp_path / ".mlops", url)
    before, lineage = rows(current_catalog(store.folder, url)), list(store.lineage())
    with open_catalog(store.folder, url).begin() as connection:  # Somebody breaks it
        connection.execute(sa.delete(metadata.tables["edges"]))
        connection.execute(sa.update(metadata.tables["runs"]).values(record=b"{}"))
        connection.execute(sa.delete(metadata.tables["aliases"]))
        connection.execute(sa.update(metadata.tables["artifacts"]).values(digest="x"))
    assert rows(current_catalog(store.folder, url)) != before
    assert rows(rebuild_catalog(store.folder, url)) == before
    assert store.rebuild() == len(store.records()) == 8
    assert store.lineage() == lineage


def test_changes_are_noticed(tmp_path: Path, url: str):
    store = fill(tmp_path / ".mlops", url)
    current_catalog(store.folder, url)
    changed, gone = store.run_folder("b"), store.run_folder("B")
    write_record(changed, {**read_record(changed), "summary": {"n": 4}, "outputs": []})
    shutil.rmtree(gone)
    dead = {**this_process(), "pid": 2**22 + 1}
    crashed = add_run(store, "crashed", status="running", process=dead)
    store.put_artifact("loans", {"loans.csv": b"income\n54\n"})
    move_alias(store.folder / "journal", "loans", "golden", "v2")
    append_entry(store.folder / "journal", "alias", name="Loans", alias="Golden", version=None)
    append_entry(store.folder / "journal", "review", by="ada")
    manifest = store.folder / "artifacts" / "loans" / "v1.json"
    tombstone = {**from_json(manifest.read_bytes()), "files": [], "removed": {"by": "ada"}}
    write_atomic(manifest, to_json(tombstone))

    now = rows(current_catalog(store.folder, url))
    statuses = {row[0]: row[4] for row in now["runs"]}
    assert gone.name not in statuses
    assert statuses[crashed.name] == "crashed"
    assert [row[1:] for row in now["metrics"] if row[0] == changed.name] == [("n", 4.0)]
    assert now["aliases"] == [("loans", "golden", "v2")]
    assert [(v["name"], v["number"]) for v in all_versions(open_catalog(store.folder, url))] == [
        ("Loans", 1),
        ("loans", 2),
    ]
    assert "loans:v1" in store.lineage().nodes  # Its files are gone, what came of it is not
    assert rows(rebuild_catalog(store.folder, url)) == now


READER = """
import sys
from pathlib import Path
from mlops_lit.store.catalog import all_records, current_catalog

folder, url, stop, seen = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), 0
print("ready", flush=True)
while True:
    was_the_last = stop.exists()
    n = len(all_records(current_catalog(folder, url)))
    assert n >= seen, (n, seen)  # A run that was seen stays
    seen = n
    if was_the_last:
        break
print(seen)
"""


def test_processes_that_refresh_at_once_agree(tmp_path: Path, url: str):
    store = fill(tmp_path / ".mlops", url)
    command = [sys.executable, "-W", "error", "-c", READER, store.folder, url, tmp_path / "stop"]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    readers = [subprocess.Popen([*map(str, command)], **pipe) for _ in range(4)]
    for reader in readers:
        assert reader.stdout.readline() == "ready\n", reader.communicate()
    for _ in range(100):
        add_run(store, "new")
        put_version(store.folder, f"a{random.randrange(5)}", {"x": secrets.token_bytes(8)})
        time.sleep(0.01)
    (tmp_path / "stop").touch()
    said = [reader.communicate() for reader in readers]
    errors = "".join(error for _, error in said)
    assert not errors, errors
    n = len(list((store.folder / "runs").iterdir()))
    assert [int(out) for out, _ in said] == [n] * 4
    found = rows(current_catalog(store.folder, url))
    assert rows(rebuild_catalog(store.folder, url)) == found


def test_forked_process_makes_its_own_connection(tmp_path: Path, postgres: str):
    store = fill(tmp_path / ".mlops", postgres)
    assert len(store.records()) == 8
    if (pid := os.fork()) == 0:
        ok = all(len(store.records()) == 8 for _ in range(20))
        os._exit(0 if ok else 1)
    assert all(len(store.records()) == 8 for _ in range(20))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert len(store.records()) == 8


def test_server_that_dropped_its_connections_is_asked_again(tmp_path: Path, postgres: str):
    store = fill(tmp_path / ".mlops", postgres)
    store.records()
    other = sa.create_engine(postgres, poolclass=sa.NullPool)
    with other.begin() as connection:
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mlops_lit'"
        assert connection.execute(sa.text(kill)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert len(store.records()) == 8


def test_server_that_is_away_stops_nobody(tmp_path: Path):
    store = fill(tmp_path / ".mlops", AWAY)
    with pytest.warns(UserWarning, match="is not used: connection failed") as said:
        assert len(store.records()) == 8
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # It is said once
        assert len(store.runs()) == 8
        assert len(store.lineage()) == 6
        assert store.rebuild() == 8
    assert (store.folder / "catalog.db").exists()


def test_password_is_never_shown(tmp_path: Path, postgres: str):
    (tmp_path / "settings.ini").write_text(f"[mlops_lit]\ncatalog = {AWAY}\n")
    add_run(Store(tmp_path / ".mlops"), "train")
    settings = load_settings(tmp_path, {})
    assert PASSWORD in settings.catalog
    assert PASSWORD not in repr(settings) + str(settings)
    environ = {k: v for k, v in os.environ.items() if not k.startswith("MLOPS_LIT_")}
    command = [Path(sys.executable).parent / "mlops-lit", "runs"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    assert "***" in done.stderr
    for bad in (
        AWAY.replace("/mlops", ""),
        AWAY.replace("+psycopg", ""),
        AWAY.replace(":1/", ":x/"),
    ):
        with pytest.raises(InputError) as error:
            load_settings(tmp_path, {"MLOPS_LIT_CATALOG": bad})
        assert PASSWORD not in str(error.value)
    with pytest.raises(InputError) as error:
        upgrade_store(tmp_path / ".mlops", AWAY)
    assert PASSWORD not in str(error.value)
    # A server that answers, and names what it did not like
    nowhere = postgres.replace("ada@", f"nobody:{PASSWORD}@")
    with pytest.warns(UserWarning, match='role "nobody" does not exist') as said:
        Store(tmp_path / ".mlops", nowhere).records()
    assert PASSWORD not in str(said[0].message)


@pytest.mark.parametrize(("revision", "what"), [("0001", "store upgrade"), ("9999", "newer than")])
def test_tables_of_another_revision_are_left_alone(
    tmp_path: Path, postgres: str, revision: str, what: str
):
    store = fill(tmp_path / ".mlops", postgres)
    current_catalog(store.folder, postgres)
    add_run(store, "new")
    schema = schema_of(store.folder)
    with team_engine(postgres, schema).begin() as connection:
        connection.execute(sa.update(catalog_page.revisions).values(version_num=revision))
    with pytest.warns(UserWarning, match=what):
        assert len(store.records()) == 9
    with team_engine(postgres, schema).begin() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(catalog_page.runs)) == 8
        assert revision_of(connection, schema) == revision
    if revision == "9999":
        with pytest.raises(InputError, match="Upgrade mlops_lit, nothing was changed"):
            upgrade_store(store.folder, postgres)


def described(postgres: str, schema: str) -> dict[str, list]:
    "Columns with types and collations, and indexes, as PostgreSQL knows them."
    columns = """SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name
        FROM information_schema.columns WHERE table_schema = :schema ORDER BY 1, 2"""
    indexes = """SELECT tablename, indexname, replace(indexdef, :schema, '')
        FROM pg_indexes WHERE schemaname = :schema ORDER BY 1, 2"""
    with sa.create_engine(postgres, poolclass=sa.NullPool).connect() as connection:
        return {
            query: [tuple(row) for row in connection.execute(sa.text(query), {"schema": schema})]
            for query in (columns, indexes)
        }


def test_migrating_from_nothing_makes_the_tables_of_the_catalog(tmp_path: Path, postgres: str):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    migrated, made = fill(tmp_path / "migrated"), fill(tmp_path / "made")
    migrate(migrated.folder, postgres)
    open_catalog(made.folder, postgres)
    ours, theirs = (described(postgres, schema_of(s.folder)) for s in (migrated, made))
    assert ours == theirs
    assert all(ours.values())
    engine = sa.create_engine(postgres, poolclass=sa.NullPool)
    with engine.begin() as connection:
        schema = schema_of(migrated.folder)
        connection.execute(sa.text(f'SET LOCAL search_path TO "{schema}"'))
        connection.dialect.default_schema_name = schema
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    steps = Path(catalog_page.__file__).parent / "migrations"
    assert ScriptDirectory(steps).get_heads() == [REVISION]
    assert rows(current_catalog(migrated.folder, postgres)) == rows(
        current_catalog(migrated.folder)
    )


def make_old(store: Store, postgres: str) -> str:
    "Give the store tables of revision 0001 with rows, as an older version would have; their schema."
    migrate(store.folder, postgres, "0001")
    schema = schema_of(store.folder)
    with team_engine(postgres, schema).begin() as connection:
        for id in os.listdir(store.folder / "runs"):
            row = {"id": id, "stamp": "old", "status": "finished", "record": b"{}"}
            connection.execute(sa.insert(catalog_page.runs), row)
        version = f"INSERT INTO {schema}.artifacts (name, number, digest) VALUES ('loans', 1, 'd')"
        connection.execute(sa.text(version))
    return schema


def test_old_tables_are_upgraded_after_a_backup(tmp_path: Path, postgres: str):
    store = fill(tmp_path / ".mlops", postgres)
    schema = make_old(store, postgres)
    with pytest.warns(UserWarning, match="Run `mlops-lit store upgrade`"):
        assert len(store.records()) == 8
    done = upgrade_store(store.folder, postgres)
    assert (done.old_revision, done.new_revision) == ("0001", REVISION)
    assert done.backup is not None
    with tarfile.open(done.backup) as archive:
        names = archive.getnames()
        kept = archive.extractfile("catalog/runs.csv").read().decode()  # type: ignore[union-attr]
    assert {"store.json", "catalog.db", "journal/00000001.json", "catalog/artifacts.csv"} <= set(
        names
    )
    assert len([name for name in names if name.endswith("/run.json")]) == 8
    assert kept.count("old") == 8
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert rows(current_catalog(store.folder, postgres)) == rows(current_catalog(store.folder))
    assert upgrade_store(store.folder, postgres).backup is None
    fresh = fill(tmp_path / "fresh", postgres)
    open_catalog(fresh.folder, postgres)
    assert described(postgres, schema) == described(postgres, schema_of(fresh.folder))


def test_old_store_is_read_and_upgraded(tmp_path: Path, url: str):
    store = fill(tmp_path / ".mlops", url)
    write_atomic(store.folder / "store.json", b'{"format": 1}\n')
    everything = {p: p.read_bytes() for p in store.folder.rglob("*.json")}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert len(store.records()) == 8
    assert ["has no id yet. Run `mlops-lit store upgrade`" in str(w.message) for w in said] == (
        [True] if url else []
    )
    for write in (
        lambda: add_run(store, "new"),
        lambda: store.put_artifact("loans", {"x": b"y"}),
        lambda: lit.init(dir=store.folder, settings={"console": "off"}),
    ):
        with pytest.raises(InputError, match="Run `mlops-lit store upgrade` first, nothing was"):
            write()
    assert {p: p.read_bytes() for p in store.folder.rglob("*.json")} == everything
    done = upgrade_store(store.folder, url)
    assert (done.old_format, done.new_format) == (1, 2)
    add_run(store, "new")
    assert len(store.records()) == 9
    assert open_catalog(store.folder, url).dialect.name == ("postgresql" if url else "sqlite")
    assert store.verify() == []


KILLED = """
import os, signal, sys, time
from pathlib import Path
from mlops_lit.store.catalog import current_catalog
from mlops_lit.store.upgrade import upgrade_store

what, folder, url = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
for line in sys.stdin:
    if (pid := os.fork()) == 0:
        current_catalog(folder, url) if what == "refresh" else upgrade_store(folder, url)
        os._exit(0)
    time.sleep(float(line))
    os.kill(pid, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Nursery:
    "A warm process that forks children which do something with the catalog, and kills them."

    def __init__(self, what: str, folder: Path, url: str):
        command = [sys.executable, "-c", KILLED, what, str(folder), url]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def kill_one(self, after_s: float) -> int:
        "Start a child and kill it after that time; its exit code, 0 when it was faster."
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{after_s}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self) -> None:
        "Let it end."
        self.process.communicate()
        assert self.process.returncode == 0


def rows_of_the_files(store: Store) -> dict[str, list[tuple]]:
    "What a catalog made from nothing says now."
    fresh = catalog_page._with_tables(catalog_page._engine("sqlite://"))
    refresh(fresh, store.folder)
    return rows(fresh)


def test_refresh_that_is_killed_leaves_the_old_state_or_the_new(tmp_path: Path, url: str):
    store = fill(tmp_path / ".mlops", url)
    random.seed(5)
    nursery = Nursery("refresh", store.folder, url)
    nursery.kill_one(5)  # Longer than it takes
    codes = []
    for n in range(int(os.environ.get("KILL_ROUNDS", "30"))):
        before = rows(open_catalog(store.folder, url))
        made = [add_run(store, f"r{n}-{i}", summary={"n": n, "i": i}) for i in range(20)]
        shutil.rmtree(made[0])
        put_version(store.folder, "more", {"x": str(n).encode()})
        move_alias(store.folder / "journal", "more", "best", f"v{n + 1}")
        after = rows_of_the_files(store)
        assert before != after
        codes.append(nursery.kill_one(random.random() * 0.06))
        found = rows(open_catalog(store.folder, url))
        assert found == after if codes[-1] == 0 else found in (before, after)
    nursery.end()
    assert rows(current_catalog(store.folder, url)) == after
    assert -9 in codes


def test_upgrade_that_is_killed_is_run_again(tmp_path: Path, postgres: str):
    rounds = max(3, int(os.environ.get("KILL_ROUNDS", "30")) // 5)
    random.seed(6)
    for n in range(rounds):
        store = fill(tmp_path / f"{n}", postgres)
        make_old(store, postgres)
        nursery = Nursery("upgrade", store.folder, postgres)
        nursery.kill_one(random.random() * 0.3)
        nursery.end()
        with team_engine(postgres, schema_of(store.folder)).begin() as connection:
            assert revision_of(connection, schema_of(store.folder)) in ("0001", REVISION)
        done = upgrade_store(store.folder, postgres)
        assert done.new_revision == REVISION
        assert not list((store.folder / "backups").glob(".*")) or done.backup is None
        assert rows(current_catalog(store.folder, postgres)) == rows(current_catalog(store.folder))


NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "a",
            "metadata": {},
            "outputs": [],
            "source": "from mlops_lit.store.store import open_store\n"
            "store = open_store()\nprint(len(store.records()), store._catalog().dialect.name)",
        }
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def test_notebook_that_is_run_asks_the_team_s_catalog(
    tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("MLOPS_LIT_STORE", raising=False)
    (tmp_path / "settings.ini").write_text(f"[mlops_lit]\ncatalog = {postgres}\n")
    (tmp_path / "look.ipynb").write_text(json.dumps(NOTEBOOK))
    monkeypatch.chdir(tmp_path)
    store = open_store()
    assert store.catalog == postgres
    assert open_store(tmp_path / ".mlops").catalog == postgres
    assert open_store(tmp_path / "other").catalog == ""
    lit.run_notebook("look.ipynb")
    executed = json.loads((store.run_folder("look") / "notebook.ipynb").read_text())
    outputs = [out for cell in executed["cells"] for out in cell.get("outputs", [])]
    assert "1 postgresql" in json.dumps(outputs)


def test_mirrors_on_two_machines_share_a_catalog(tmp_path: Path, postgres: str):
    ours = fill(tmp_path / "ours", postgres)
    facts = from_json((ours.folder / "store.json").read_bytes())
    write_atomic(ours.folder / "store.json", to_json({**facts, "remote": "s3://acme-ml"}))
    ignore = shutil.ignore_patterns("catalog.db*")
    theirs = Store(shutil.copytree(ours.folder, tmp_path / "theirs", ignore=ignore), postgres)
    for run in (theirs.folder / "runs").iterdir():
        (run / ".seen").touch()  # Copies of what the other machine keeps in the bucket
    own = add_run(ours, "not yet uploaded")
    before = rows(current_catalog(ours.folder, postgres))
    assert len(before["runs"]) == 9
    # The other machine could not pull: it takes nothing away, replaces nothing, and finds nothing to write.
    ids = {row[3]: row[0] for row in before["runs"]}
    shutil.rmtree(theirs.folder / "runs" / ids["b"])
    old = theirs.folder / "runs" / ids["a"]
    write_record(old, {**read_record(old), "tags": ["old"]})
    assert rows(current_catalog(theirs.folder, postgres, complete=False)) == before
    add_run(theirs, "theirs alone")
    current_catalog(theirs.folder, postgres, complete=False)
    names = {row[3] for row in rows(open_catalog(ours.folder, postgres))["runs"]}
    assert {"not yet uploaded", "theirs alone", "b"} <= names
    # Once its view is complete, what is not there is gone.
    current_catalog(theirs.folder, postgres)
    ids = {row[0] for row in rows(open_catalog(ours.folder, postgres))["runs"]}
    assert own.name not in ids


def test_stores_share_a_database_and_not_their_rows(tmp_path: Path, postgres: str):
    one, other = fill(tmp_path / "one", postgres), Store(tmp_path / "other", postgres)
    add_run(other, "alone")
    assert (len(one.records()), len(other.records())) == (8, 1)
    assert (len(one.lineage()), len(other.lineage())) == (6, 0)


def test_server_sorts_otherwise_than_the_catalog(postgres: str):
    "Else the tests of the order would show nothing."
    running = server()
    assert running is not None
    with sa.create_engine(postgres, poolclass=sa.NullPool).connect() as connection:
        query = "SELECT string_agg(x, '' ORDER BY x) FROM (VALUES ('a'), ('B'), ('_')) AS t (x)"
        assert connection.scalar(sa.text(query)) == "_aB"


def test_run_in_a_store_that_is_not_there_writes_nothing(tmp_path: Path, url: str):
    store = Store(tmp_path / ".mlops", url)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert store.records() == []
        assert store.lineage() == []
    assert not store.folder.exists()


def test_unreadable_files_are_left_to_verify(tmp_path: Path, url: str):
    store = fill(tmp_path / ".mlops", url)
    before = rows(current_catalog(store.folder, url))
    broken = create_run_folder(store.folder / "runs", {"name": "broken", "status": "finished"})
    (broken / "run.json").write_text("{")
    (store.folder / "artifacts" / "loans" / "v2.json").write_text("{")
    (store.folder / "artifacts" / "loans" / "v3.json").write_text('{"format": 99}')
    catalog = current_catalog(store.folder, url)
    assert rows(catalog) == before
    refresh(catalog, store.folder)
    assert rows(catalog) == before
    assert len(store.verify()) == 3
