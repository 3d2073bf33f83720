"""Tables against pandas: random frames come back, joins are those of merge, differences those of a plain loop, modes of logging as W&B has them."""

from __future__ import annotations

import datetime
import math
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mlops_lit as lit
from mlops_lit.errors import InputError
from mlops_lit.track.media import as_media
from mlops_lit.track.table import Table

SEEDS = range(6)
WORDS = np.array(["cat", "dog", "owl", "", "é\U0001f600", "nan", "None"], dtype=object)


def random_columns(rng: np.random.Generator, n: int) -> dict[str, Any]:
    "Columns of all types that frames are made of, missing values among them."
    hit = rng.random(n) < 0.2
    times = np.datetime64("2026-11-23", "s") + rng.integers(-(10**9), 10**9, n)
    whole = rng.integers(-100, 100, n)
    words = pd.Series(rng.choice(WORDS, n), dtype="str")
    return {
        **{kind: whole.astype(kind) for kind in ("int8", "int16", "int32", "int64")},
        **{kind: np.abs(whole).astype(kind) for kind in ("uint8", "uint32", "uint64")},
        "far": rng.integers(-(2**62), 2**62, n),
        "float32": np.where(hit, np.nan, rng.normal(size=n)).astype("float32"),
        "float64": np.where(
            hit, rng.choice([np.nan, np.inf, -np.inf, -0.0], n), rng.normal(size=n)
        ),
        "bool": hit,
        "str": words,
        "text or none": words.mask(hit),
        "string": pd.array(words.mask(hit), dtype="string"),
        "category": pd.Categorical(words.mask(hit), categories=WORDS, ordered=bool(n % 2)),
        "Int64": pd.array(np.where(hit, None, whole), dtype="Int64"),
        "Float64": pd.array(np.where(hit, None, whole / 2), dtype="Float64"),
        "boolean": pd.array(np.where(hit, None, whole > 0), dtype="boolean"),
        "seconds": np.where(hit, np.datetime64("NaT"), times),
        "nanoseconds": times.astype("datetime64[ns]") + rng.integers(0, 10**9, n),
        "zone": pd.Series(times).dt.tz_localize("UTC").dt.tz_convert("Europe/Vienna"),
        "duration": rng.integers(-(10**12), 10**12, n).astype("timedelta64[us]"),
        "objects": pd.Series([rng.choice(WORDS) if x else None for x in hit], dtype=object),
        "decimal": pd.Series([Decimal(int(x)) / 8 for x in whole], dtype=object),
        "date": pd.Series([datetime.date(2026, 11, 1 + int(x) % 28) for x in whole], dtype=object),
        "lists": pd.Series([[int(x), None] for x in whole], dtype=object),
        "dicts": pd.Series([{"x": int(x), str(x): (1, 2)} for x in whole], dtype=object),
    }


def expected_cell(value: Any, dtype: Any) -> Any:
    "The cell that a value of a frame is promised to become."
    if isinstance(value, (list, dict)):
        return value
    if value is pd.NA or value is pd.NaT or value is None:
        return None
    if isinstance(value, float) and math.isnan(value):
        return value if isinstance(dtype, np.dtype) and dtype.kind == "f" else None
    return value.item() if isinstance(value, np.bool_) else value


def same(a: Any, b: Any) -> bool:
    "Whether two cells are the same, NaN the same as NaN but not as None."
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    return isinstance(a, bool) == isinstance(b, bool) and (a is None) == (b is None) and a == b


@pytest.mark.parametrize("seed", SEEDS)
def test_random_frames_come_back(seed: int, tmp_path: Path):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 60))
    frame = pd.DataFrame(random_columns(rng, n), index=rng.permutation(n))
    table = Table(dataframe=frame)
    before = {name: [expected_cell(v, frame[name].dtype) for v in frame[name]] for name in frame}
    for which in (table, Table.from_record(tmp_path, table.to_record(tmp_path, "t"))):
        assert which == table
        assert len(which) == n
        for name in frame:
            found = which.get_column(name)
            assert len(found) == n
            assert all(map(same, found, before[name])), name
            kinds = {type(cell).__module__.partition(".")[0] for cell in found}
            assert kinds <= {"builtins", "datetime", "decimal", "pandas"}, name
        exact = [c for c in frame if isinstance(frame[c].dtype, np.dtype) and frame[c].dtype != "O"]
        exact += ["str", "category"]
        found = which.get_dataframe()[exact].astype({"seconds": "M8[s]"})  # Parquet has no seconds
        pd.testing.assert_frame_equal(found, frame[exact].reset_index(drop=True))
        rows = which.data
        assert all(
            same(cell, which.get_column(name)[i])
            for i, row in enumerate(rows)
            for name, cell in zip(frame, row, strict=True)
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_below_a_frame_and_columns_beside_it_come_back(seed: int, tmp_path: Path):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    columns = random_columns(rng, n)
    frame = pd.DataFrame({name: columns[name] for name in ("int8", "float32", "str", "category")})
    table, rows = Table(dataframe=frame), [list(row) for row in frame.itertuples(index=False)]
    for i in range(7):
        row = [2**40 + i, 0.1 * i, None if i % 2 else f"word {i}", "cat"]
        table.add_data(*row)
        rows.append(row)
    table.add_column("more", np.arange(n + 7))
    table.add_data(1, 2.0, "x", "dog", 3)
    expected = [[*row, i] for i, row in enumerate(rows)] + [[1, 2.0, "x", "dog", 3]]
    back = Table.from_record(tmp_path, table.to_record(tmp_path, "t"))
    for which in (table, back):
        for found, row in zip((r for _, r in which.iterrows()), expected, strict=True):
            cells = [
                None if isinstance(v, float) and v != v and i > 1 else v for i, v in enumerate(row)
            ]
            assert all(map(same, found, cells)), (found, cells)


@pytest.mark.parametrize("how", ["inner", "left", "outer"])
@pytest.mark.parametrize("seed", SEEDS)
def test_joins_are_those_of_merge(seed: int, how: str):
    rng = np.random.default_rng(seed)
    n_left, n_right = rng.integers(0, 40, 2)
    keys = [["int64"], ["str"], ["category", "int8"], ["nanoseconds"], ["text or none", "Int64"]]
    key = keys[seed % len(keys)]
    left = pd.DataFrame(random_columns(rng, n_left)).drop(columns=["lists", "dicts"])
    right = pd.DataFrame(random_columns(rng, n_right))[[*key, "float64", "objects", "bool"]]
    shared = left[key].sample(frac=0.5, random_state=seed).reset_index(drop=True)[:n_right]
    right = right.astype({name: left[name].dtype for name in key})
    for name in key:
        right[name] = pd.concat([shared[name], right[name][len(shared) :]], ignore_index=True)
    right = right.drop_duplicates(key)
    right, right["only"] = right.reset_index(drop=True), range(len(right))
    left["row"] = range(len(left))
    table = Table(dataframe=left).join(Table(dataframe=right), key, how=how)
    merged = left.merge(right, on=key, how=how).sort_values(["row", "only"], na_position="last")
    assert set(table.columns) == set(merged.columns)
    assert len(table) == len(merged)
    for name in merged:
        cells, dtype = merged[name].tolist(), merged[name].dtype
        for found, value in zip(table.get_column(name), cells, strict=True):
            if pd.isna(value):
                assert found is None or found != found, name
            else:
                assert same(found, value) or float(found) == float(value), (
                    name,
                    found,
                    value,
                    dtype,
                )


def differences(before: Table, after: Table, key: list[str], atol: float) -> dict[str, Any]:
    "Keys of rows added, removed and changed, and cells that differ per column, found one by one."

    def by_key(table: Table) -> dict[tuple[Any, ...], dict[str, Any]]:
        rows = [dict(zip(table.columns, row, strict=True)) for _, row in table.iterrows()]
        return {tuple(repr(row[name]) for name in key): row for row in rows}

    def differs(a: Any, b: Any) -> bool:
        numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (a, b))
        return not same(a, b) and not (numbers and atol and abs(b - a) <= atol)

    old, new = by_key(before), by_key(after)
    names = [name for name in before.columns if name in after.columns and name not in key]
    both = [k for k in old if k in new]
    cells = {n: [k for k in both if differs(old[k][n], new[k][n])] for n in names}
    return {
        "added": len(new.keys() - old.keys()),
        "removed": len(old.keys() - new.keys()),
        "changed": len({k for found in cells.values() for k in found}),
        "cells": {name: len(found) for name, found in cells.items()},
        "deltas": {
            name: [new[k][name] - old[k][name] for k in both if finite(old[k][name], new[k][name])]
            for name in names
        },
    }


def finite(*cells: Any) -> bool:
    "Whether all of them are numbers that can be subtracted."
    return all(
        isinstance(c, (int, float)) and not isinstance(c, bool) and math.isfinite(c) for c in cells
    )


@pytest.mark.parametrize("atol", [0.0, 0.3])
@pytest.mark.parametrize("seed", SEEDS)
def test_differences_are_those_of_a_plain_loop(seed: int, atol: float, tmp_path: Path):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 50)) if seed else 0
    frame = pd.DataFrame(random_columns(rng, n)).assign(
        id=rng.permutation(n), part=rng.random(n) < 0.5
    )
    other = pd.DataFrame(random_columns(np.random.default_rng(seed + 100), n))
    changed = frame.copy()
    for name in other:
        changed[name] = (
            changed[name].where(rng.random(n) > 0.3, other[name]).astype(frame[name].dtype)
        )
    changed["float64"] += rng.choice([0, 0.2, 0.4], n)
    changed = changed.sample(frac=0.8, random_state=seed)
    changed.loc[len(changed) :, "id"] += 1000
    changed = changed.drop(columns="bool").assign(new=1)
    key = ["id", "part"] if seed % 2 else ["id"]
    tables = [Table(dataframe=frame), Table(dataframe=changed)]
    kept = [Table.from_record(tmp_path, t.to_record(tmp_path, "t")) for t in tables]
    listed = [Table(t.columns, t.data, allow_mixed_types=True) for t in kept]
    for before, after in (tables, kept, listed, (kept[0], listed[1])):
        found = before.diff(after, key, atol=atol)
        expected = differences(before, after, key, atol)
        assert (found.n_added, found.n_removed) == (expected["added"], expected["removed"])
        assert {name: c.n_changed for name, c in found.columns.items()} == expected["cells"]
        assert found.n_changed == expected["changed"]
        assert found.n_before == found.n_same + found.n_changed + found.n_removed
        assert (found.only_before, found.only_after) == (("bool",), ("new",))
        for name, column in found.columns.items():
            if column.mean_delta is not None:
                deltas = np.array(expected["deltas"][name], dtype=float)
                assert column.mean_delta == pytest.approx(deltas.mean(), rel=1e-6, abs=1e-9)
                assert column.max_abs_delta == pytest.approx(np.abs(deltas).max(), rel=1e-6)
        rows = found.frame()
        assert len(rows) == found.n_changed + found.n_added + found.n_removed
        assert rows["change"].value_counts().to_dict() == {
            kind: count
            for kind in ("changed", "added", "removed")
            if (count := getattr(found, f"n_{kind}"))
        }
        assert len(found.added) == found.n_added
        assert len(found.removed) == found.n_removed
        assert f"{found.n_changed:,} changed" in repr(found)
        assert "<table" in found.html()


def test_a_key_that_repeats_is_refused_on_either_side():
    once, twice = Table(["k"], [[1], [2]]), Table(["k"], [[3], [2], [1], [2]])
    with pytest.raises(InputError, match="k=2 stands in rows 1 and 3 of the other table"):
        once.diff(twice, "k")
    with pytest.raises(InputError, match="k=2 stands in rows 1 and 3 of this table"):
        twice.diff(once, "k")
    missing = Table(["k"], [[None], [1.0], [None], [math.nan], [math.nan]])
    with pytest.raises(InputError, match=r"k=None stands in rows 0 and 2 of this table\. 1 more"):
        missing.diff(once, "k")
    assert twice.join(once, "k").get_column("k") == [2, 1, 2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    "An empty project as the working directory."
    (tmp_path / "settings.ini").write_text("[DEFAULT]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table_records(run: Any, name: str) -> list[dict[str, Any]]:
    "What the history has of the table, in order."
    from mlops_lit.store.history import history_lines

    return [line[name] for line in history_lines(run.folder) if name in line]


def test_a_run_logs_a_growing_table_and_sql_sees_all_rows(project: Path):
    with lit.init(project="p") as run:
        table = lit.Table(["step", "loss"], log_mode="INCREMENTAL")
        for step in range(5):
            table.add_data(step, step / 2)
            run.log({"valid/rows": table})
        run.log({"valid/rows": table})
        records = table_records(run, "valid/rows")
        assert [record["n_rows"] for record in records] == [1, 2, 3, 4, 5, 5]
        files = list((run.folder / "media" / "table").iterdir())
        assert len(files) == 5
        assert records[-1] == records[-2]
    question = 'SELECT count(*) AS n, sum(loss) AS total FROM "valid/rows"'
    assert lit.query(question).to_dict("list") == {"n": [5], "total": [5.0]}
    with lit.init(project="p", id=run.id, resume="must") as again:
        more = lit.Table(["step", "loss"], log_mode="INCREMENTAL")
        more.add_data(5, 2.5)
        again.log({"valid/rows": more})
        summary = again.summary["valid/rows"]
    assert summary["n_rows"] == 6
    assert summary["n_parts"] == 6
    assert Table.from_record(run.folder, summary).get_column("step") == [0, 1, 2, 3, 4, 5]
    assert lit.query(question)["n"].tolist() == [6]


def test_an_unchanged_table_is_written_once_and_a_changed_one_as_its_mode_says(project: Path):
    with lit.init(project="p") as run:
        frame = pd.DataFrame({"a": [1, 2]})
        for _ in range(2):
            run.log({"frame": frame})
        assert len(list((run.folder / "media" / "table").iterdir())) == 1
        for mode, n_rows in (("IMMUTABLE", 2), ("MUTABLE", 3), ("INCREMENTAL", 3)):
            table = lit.Table(dataframe=frame, log_mode=mode)
            run.log({mode: table})
            table.add_data(3)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                run.log({mode: table})
            assert len(caught) == (mode == "IMMUTABLE")
            back = Table.from_record(run.folder, table_records(run, mode)[-1])
            assert (len(back), back.log_mode) == (n_rows, mode)


def test_a_growing_table_in_an_artifact_is_whole(project: Path):
    with lit.init(project="p") as run:
        table = lit.Table(["a"], log_mode="INCREMENTAL")
        for value in range(3):
            table.add_data(value)
            run.log({"rows": table})
        run.log_artifact(lit.Artifact("results").add(table, "rows"))
    with lit.init(project="p") as run:
        back = run.use_artifact("results:latest").get("rows")
    assert back == table
    assert back.get_column("a") == [0, 1, 2]


def test_no_cell_of_a_large_table_becomes_an_object_before_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import mlops_lit.track.column as column

    made = []
    cells = column._array_cells

    def counted(array: Any, is_json: bool) -> list[Any]:
        made.append(len(array))
        return cells(array, is_json)

    monkeypatch.setattr(column, "_array_cells", counted)
    n = 50_000
    frame = pd.DataFrame(
        {"id": np.arange(n), "x": np.linspace(0, 1, n), "s": ["a", "b"] * (n // 2)}
    )
    table = as_media(frame)
    back = Table.from_record(tmp_path, table.to_record(tmp_path, "t"))
    changed = Table(dataframe=frame.assign(x=frame["x"] + (frame["id"] == 7)))
    assert back == table
    assert back.diff(changed, "id").n_changed == 1
    assert len(back.join(changed, "id")) == len(back.get_dataframe()) == n
    assert not made
    back.html()
    assert sum(made) <= 3 * 1000
    assert back.data[7][0] == 7
