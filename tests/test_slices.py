"""Slices, the search for them, worst rows and pins agree with brute force, SciPy and scikit-learn."""

from __future__ import annotations

import json
import tracemalloc
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from mlops_lit.data.profile import q_values
from mlops_lit.data.source import open_source
from mlops_lit.errors import InputError
from mlops_lit.evaluate.discrimination import roc_auc
from mlops_lit.evaluate.errors import contradictions, worst_rows
from mlops_lit.evaluate.intervals import difference, mean
from mlops_lit.evaluate.pins import check_pins, pin_row, read_pins
from mlops_lit.evaluate.slice_search import (
    _Loss,
    _summary,
    _tables,
    find_slices,
    row_loss,
)
from mlops_lit.evaluate.slices import column_slices, mean_by_slice, metrics_by_slice, slice_labels

CLOSE = {"rtol": 1e-9, "atol": 1e-12}


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Three thousand rows of every kind of column, with holes."""
    rng = np.random.default_rng(0)
    n = 3000
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 12, n).round(1),
            "region": rng.choice(["n", "s", "w", "it's"], n, p=[0.4, 0.3, 0.2, 0.1]),
            "flag": rng.random(n) < 0.3,
            "debts": np.where(rng.random(n) < 0.6, 0, rng.exponential(10, n)),
            "town": rng.choice([f"t{i}" for i in range(40)], n),
        }
    )
    frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    frame.loc[rng.random(n) < 0.05, "region"] = None
    return frame


@pytest.fixture(scope="module")
def loss(people: pd.DataFrame) -> np.ndarray:
    """A loss that is larger in one conjunction."""
    rng = np.random.default_rng(1)
    bad = (people["region"] == "n") & people["flag"]
    return rng.exponential(1, len(people)) * np.where(bad, 2.0, 1.0)


def all_conjunctions(frame: pd.DataFrame, depth: int) -> dict[frozenset, np.ndarray]:
    """Every conjunction with its rows, one mask at a time."""
    labels = {name: slice_labels(frame[name]) for name in frame}
    found = {}
    for size in range(1, depth + 1):
        for names in combinations(frame, size):
            for values in product(*(labels[name].categories for name in names)):
                rows = np.ones(len(frame), bool)
                for name, value in zip(names, values, strict=True):
                    rows &= np.asarray(labels[name] == value)
                found[frozenset(zip(names, values, strict=True))] = rows
    return found


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_every_conjunction_agrees_with_brute_force(people, loss, depth):
    """Counts, means, p-values, adjusted p-values and intervals of all slices with enough rows."""
    search = find_slices(people, list(people), loss, depth=depth, min_rows=5, max_p=1, prune=False, top=10**6)  # fmt: skip
    expected = {
        conditions: rows
        for conditions, rows in all_conjunctions(people, depth).items()
        if 5 <= rows.sum() < len(people)
    }
    tests = {k: stats.ttest_ind(loss[rows], loss[~rows], equal_var=False) for k, rows in expected.items()}  # fmt: skip
    adjusted = dict(zip(expected, stats.false_discovery_control([t.pvalue for t in tests.values()]), strict=True))  # fmt: skip
    assert search.n_tested == len(expected)
    worse = {k for k, rows in expected.items() if loss[rows].mean() > loss[~rows].mean()}
    assert {frozenset(one.conditions) for one in search.found} == worse
    for one in search.found:
        rows, test = expected[frozenset(one.conditions)], tests[frozenset(one.conditions)]
        interval = test.confidence_interval(0.95)
        assert one.n == rows.sum()
        np.testing.assert_allclose(
            [one.loss, one.loss_rest, one.p_value, one.p_adjusted, one.lower, one.upper],
            [loss[rows].mean(), loss[~rows].mean(), test.pvalue, adjusted[frozenset(one.conditions)], interval.low, interval.high],
            **CLOSE,
        )  # fmt: skip
        np.testing.assert_allclose(one.excess, rows.sum() * (loss[rows].mean() - loss.mean()), rtol=1e-8)  # fmt: skip
        np.testing.assert_allclose(one.excess_share, one.excess / loss.sum(), rtol=1e-8)
        score = 0.95 * (loss[rows].mean() / loss.mean() - 1) - 0.05 * (len(people) / rows.sum() - 1)
        np.testing.assert_allclose(one.score, score, **CLOSE)


def test_a_loss_of_two_values_is_tested_as_a_proportion(people, loss):
    """The pooled test is the chi-square test, the interval is Newcombe's."""
    error = (loss > 1.5).astype(float)
    for scale, shift in ((1, 0), (3, 2)):
        search = find_slices(people, list(people), error * scale + shift, max_p=1, prune=False, top=10**6)  # fmt: skip
        rows_of = all_conjunctions(people, 2)
        assert search.test.startswith("two proportions")
        for one in search.found:
            rows = rows_of[frozenset(one.conditions)]
            a, n, b, m = error[rows].sum(), rows.sum(), error[~rows].sum(), (~rows).sum()
            p = stats.chi2_contingency([[a, n - a], [b, m - b]], correction=False).pvalue
            gap = difference(int(a), int(n), int(b), int(m))
            np.testing.assert_allclose([one.p_value, one.lower, one.upper], [p, gap.lower * scale, gap.upper * scale], **CLOSE)  # fmt: skip
            np.testing.assert_allclose(one.loss, a / n * scale + shift, **CLOSE)


def test_a_slice_that_is_always_wrong_is_not_infinitely_sure():
    """Welch's test would divide by the variance of the rest alone."""
    frame = pd.DataFrame({"g": ["a"] * 30 + ["b"] * 30})
    error = np.r_[np.ones(30), np.zeros(15), np.ones(15)]
    found = find_slices(frame, ["g"], error, min_rows=2).found[0]
    p = stats.chi2_contingency([[30, 0], [15, 15]], correction=False).pvalue
    np.testing.assert_allclose(found.p_value, p, **CLOSE)


def test_weights_are_those_of_a_weighted_mean(people, loss):
    """Means and standard errors follow `evaluate.intervals.mean`."""
    weight = np.random.default_rng(2).exponential(1, len(people))
    search = find_slices(people, list(people), loss, weight, max_p=1, prune=False, top=10**6)
    rows_of = all_conjunctions(people, 2)
    for one in search.found:
        rows = rows_of[frozenset(one.conditions)]
        a, b = mean(loss[rows], weight[rows]), mean(loss[~rows], weight[~rows])
        errors = [(m.upper - m.value) / stats.norm.ppf(0.975) for m in (a, b)]
        sizes = [rows.sum(), (~rows).sum()]
        freedom = np.hypot(*errors) ** 4 / sum(e**4 / (n - 1) for e, n in zip(errors, sizes, strict=True))  # fmt: skip
        half = stats.t.ppf(0.975, freedom) * np.hypot(*errors)
        np.testing.assert_allclose([one.loss, one.loss_rest, one.upper - one.lower], [a.value, b.value, 2 * half], rtol=1e-8)  # fmt: skip
        np.testing.assert_allclose(one.share, weight[rows].sum() / weight.sum(), **CLOSE)


def test_one_weight_for_all_changes_nothing(people, loss):
    """Weights of 3 give the unweighted means, intervals and p-values."""
    plain, weighted = (
        find_slices(people, list(people), loss, w, depth=3).frame()
        for w in (None, np.full(len(people), 3.0))
    )
    assert plain["slice"].tolist() == weighted["slice"].tolist()
    np.testing.assert_allclose(plain[["loss", "lower", "p_value"]], weighted[["loss", "lower", "p_value"]], rtol=1e-8)  # fmt: skip


def test_adjusted_p_values_are_those_of_scipy():
    """With ties, with one, and with none."""
    rng = np.random.default_rng(3)
    for p in (rng.random(1000) ** 3, rng.integers(0, 5, 50) / 5, [0.3], []):
        expected = stats.false_discovery_control(p) if len(p) else []
        np.testing.assert_allclose(q_values(p), expected, **CLOSE)
    assert np.isnan(q_values([np.nan])).all()


def test_the_planted_conjunction_is_found_alone(people, loss):
    """Everything that only echoes it is left out, and counted."""
    search = find_slices(people, list(people), loss, depth=3)
    assert search.found[0].conditions == (("region", "n"), ("flag", "True"))
    assert len(search.found) <= 2
    assert search.n_worse > 4
    left_out = search.n_refinements + search.n_explained + search.n_same_rows
    assert left_out + len(search.found) == search.n_worse


def test_two_planted_slices_are_both_found(people):
    """Also when one is a single condition and the other one is not."""
    rng = np.random.default_rng(4)
    bad = people["age"].isna() | ((people["region"] == "s") & people["flag"])
    values = rng.exponential(1, len(people)) + 1.5 * bad
    found = {one.conditions for one in find_slices(people, list(people), values, depth=3).found}
    assert {(("age", "(missing)"),), (("region", "s"), ("flag", "True"))} <= found


@pytest.mark.parametrize("kind", ["pandas", "polars", "parquet", "csv"])
def test_any_table_gives_the_same_slices_and_sql_that_selects_them(people, loss, kind, tmp_path):
    """The condition of every slice selects as many rows as it was found in."""
    table = people.assign(loss=loss)
    data: object = table
    if kind == "polars":
        data = pl.from_pandas(table)
    elif kind != "pandas":
        data = tmp_path / f"people.{kind}"
        table.to_parquet(data) if kind == "parquet" else table.to_csv(data, index=False)
    search = find_slices(data, list(people), "loss", max_p=1, prune=False, top=10**6)
    expected = find_slices(people, list(people), loss, max_p=1, prune=False, top=10**6)
    assert search.frame()["slice"].tolist() == expected.frame()["slice"].tolist()
    with open_source(data) as source:
        counts = ", ".join(f"count(*) FILTER (WHERE {one.sql}) AS c{i}" for i, one in enumerate(search.found))  # fmt: skip
        assert source.sql(f"SELECT {counts} FROM data").iloc[0].tolist() == [one.n for one in search.found]  # fmt: skip


def test_rows_kept_apart_are_measured_alone(people, loss):
    """The confirming numbers are those of a test on exactly these rows, and the seed says which."""
    search = find_slices(people, list(people), loss, confirm_share=0.4, random_state=7)
    order = np.random.default_rng(7).permutation(len(people))
    apart, seen = order[: round(0.4 * len(people))], order[round(0.4 * len(people)) :]
    assert (search.n_rows, search.n_confirm) == (len(seen), len(apart))
    one = search.found[0]
    rows = all_conjunctions(people, 2)[frozenset(one.conditions)]
    inside, outside = loss[apart][rows[apart]], loss[apart][~rows[apart]]
    test = stats.ttest_ind(inside, outside, equal_var=False)
    assert one.n == rows[seen].sum()
    assert one.confirmed["n"] == len(inside)
    np.testing.assert_allclose(
        [one.confirmed["difference"], one.confirmed["lower"], one.confirmed["p_value"]],
        [inside.mean() - outside.mean(), test.confidence_interval().low, test.pvalue],
        **CLOSE,
    )


def test_the_search_does_not_cry_wolf():
    """Of 60 data sets without any problem, about 1 in 20 may have a finding; 10 would be a fault."""
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(60):
        frame = pd.DataFrame(rng.integers(0, 4, (800, 6))).add_prefix("c")
        alarms += bool(find_slices(frame, list(frame), rng.exponential(1, 800)).found)
    assert alarms < 10


def test_sums_keep_their_digits_far_from_zero(people):
    """A loss of a billion with a spread of one is measured as well as one around zero."""
    values = np.random.default_rng(6).normal(size=len(people)) + 1e9
    for one in find_slices(people, list(people), values, max_p=1, prune=False, top=10**6).found:
        rows = all_conjunctions(people[[c for c, _ in one.conditions]], len(one.conditions))[frozenset(one.conditions)]  # fmt: skip
        np.testing.assert_allclose(one.p_value, stats.ttest_ind(values[rows], values[~rows], equal_var=False).pvalue, rtol=1e-5)  # fmt: skip


def test_all_tables_are_exact_however_they_are_grouped():
    """Tables derived from larger ones are those counted on their own."""
    rng = np.random.default_rng(7)
    levels = [2, 3, 4, 5, 2, 7, 3, 4, 11]
    codes = [rng.integers(0, k, 5000).astype(np.uint8) for k in levels]
    prepared = _Loss.of(rng.normal(size=5000), None)
    tables = _tables(codes, levels, 3, prepared)
    assert len(tables) == 9 + 36 + 84
    for columns, table in tables.items():
        index = np.ravel_multi_index([codes[i] for i in columns], [levels[i] for i in columns])
        for sums, weights in zip(table, prepared.summed(), strict=True):
            np.testing.assert_allclose(sums.ravel(), np.bincount(index, weights, sums.size), rtol=1e-9, atol=1e-9)  # fmt: skip
    assert _summary(prepared.sums())[1] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([None] * 200, dtype=object),
        pd.Series(np.full(200, np.nan)),
        pd.Series(["same"] * 200),
        pd.Series([1.5] * 200),
        pd.Series([f"id{i}" for i in range(200)]),
        pd.Series([np.inf, -np.inf] * 100),
        pd.Series([[i] for i in range(200)]),
        pd.Series(pd.date_range("2020-01-01", periods=200)),
        pd.Series(pd.Categorical(["a", None] * 100)),
        pd.Series([True, None] * 100, dtype="boolean"),
    ],
)
def test_odd_columns_give_a_clear_result(column):
    """No exception, no slice of all rows, and sentences without nan."""
    frame = pd.DataFrame({"odd": column, "g": ["a", "b"] * 100})
    values = np.random.default_rng(8).exponential(1, 200)
    search = find_slices(frame, ["odd", "g"], values, min_rows=10, max_p=1, prune=False)
    assert all(one.n < 200 for one in search.found)
    assert "nan" not in " ".join(search.findings())
    assert sum(np.bincount(column_slices(frame["odd"]).codes)) == 200


def test_a_million_categories_are_gathered_in_little_memory():
    """The frequent ones stay, the rest is one slice."""
    n = 1_000_000
    frame = pd.DataFrame({"id": np.arange(n).astype(str), "g": np.tile(["a", "b"], n // 2)})
    frame.loc[:99, "id"] = "often"
    values = np.r_[np.full(100, 5.0), np.ones(n - 100)] + np.tile([0, 0.1, 0.2, 0.1, 0.3], n // 5)
    tracemalloc.start()
    search = find_slices(frame, ["id", "g"], values, min_rows=50)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (search.found[0].conditions, search.found[0].n) == ((("id", "often"),), 100)
    assert peak < 400 * 2**20


def test_loss_columns_and_wrong_input_are_refused():
    """A missing loss has no meaning, and a search says so."""
    frame = pd.DataFrame({"g": ["a", "b"], "loss": [1.0, np.nan]})
    with pytest.raises(InputError, match="1 of 2 values of 'loss' are missing"):
        find_slices(frame, ["g"], "loss")
    with pytest.raises(InputError, match="no column 'lost'"):
        find_slices(frame, ["g"], "lost")
    with pytest.raises(InputError, match="sample_weight has negative values"):
        find_slices(frame, ["g"], [1, 2], [-1, 1])


# Slices of given columns


def test_areas_and_rates_by_slice_agree_with_scikit_learn(people):
    """One sort for all slices gives what each slice alone gives, ties and all."""
    rng = np.random.default_rng(9)
    score = rng.random(len(people)).round(2)
    y = (rng.random(len(people)) < score).astype(int)
    table = metrics_by_slice(people, y, score, list(people))
    for name in people:
        labels = slice_labels(people[name])
        for value in labels.categories:
            rows = np.asarray(labels == value)
            of_slice = table[(table["column"] == name) & (table["slice"] == value)].set_index("metric")  # fmt: skip
            expected = roc_auc(y[rows], score[rows])
            area = of_slice.loc["roc_auc"]
            np.testing.assert_allclose(area["value"], roc_auc_score(y[rows], score[rows]), **CLOSE)
            np.testing.assert_allclose([area["lower"], area["upper"]], [expected.lower, expected.upper], **CLOSE)  # fmt: skip
            np.testing.assert_allclose(of_slice.loc["accuracy", "value"], np.mean((score >= 0.5)[rows] == y[rows]), **CLOSE)  # fmt: skip
    weight = rng.exponential(1, len(people))
    weighted = metrics_by_slice(people, y, score, ["flag"], sample_weight=weight)
    rows = people["flag"].to_numpy()
    area = weighted[(weighted["slice"] == "True") & (weighted["metric"] == "roc_auc")]["value"].iloc[0]  # fmt: skip
    np.testing.assert_allclose(area, roc_auc_score(y[rows], score[rows], sample_weight=weight[rows]), **CLOSE)  # fmt: skip


def test_perfect_and_constant_scores_have_an_area_without_an_interval():
    """As `roc_auc` says for all rows."""
    frame = pd.DataFrame({"g": list("aabbccdd")})
    table = metrics_by_slice(frame, [0, 1, 0, 1, 1, 1, 0, 1], [0.1, 0.9, 0.5, 0.5, 0.2, 0.3, 0.8, 0.1], ["g"], rates=())  # fmt: skip
    areas = table[table["column"] == "g"].set_index("slice")
    np.testing.assert_array_equal(areas["value"], [1, 0.5, np.nan, 0])
    assert areas["lower"].isna().all()


def test_means_by_slice_are_those_of_mean(people, loss):
    """With and without weights."""
    weight = np.random.default_rng(10).exponential(1, len(people))
    for w in (None, weight):
        table = mean_by_slice(people, loss, ["region"], sample_weight=w)
        labels = slice_labels(people["region"])
        for row in table[table["column"] == "region"].itertuples():
            rows = np.asarray(labels == row.slice)
            one = mean(loss[rows], None if w is None else w[rows])
            np.testing.assert_allclose([row.value, row.lower, row.upper], [one.value, one.lower, one.upper], **CLOSE)  # fmt: skip


# Worst rows


@pytest.mark.parametrize("kind", ["log_loss", "squared_error", "absolute_error", "zero_one"])
def test_worst_rows_are_those_of_a_sort(people, kind):
    """Of a file, in the order of the loss, then of the rows."""
    rng = np.random.default_rng(11)
    table = people.assign(y=rng.integers(0, 2, len(people)), p=rng.random(len(people)).round(3))
    if kind == "zero_one":
        table["p"] = (table["p"] > 0.5).astype(int)
    losses = row_loss(table["y"], table["p"], kind)
    worst = worst_rows(pl.from_pandas(table), "y", "p", kind, top=40)
    np.testing.assert_allclose(worst.rows["loss"], np.sort(losses)[::-1][:40], **CLOSE)
    np.testing.assert_allclose(worst.rows["loss"], losses[worst.rows["row"]], **CLOSE)
    np.testing.assert_allclose(worst.total_loss, losses.sum(), **CLOSE)
    assert worst.rows["row"].is_unique
    ties = worst.rows.groupby("loss")["row"].apply(lambda rows: rows.is_monotonic_increasing)
    assert ties.all()


def test_twins_and_contradictions_agree_with_pandas():
    """Rows with equal features and another outcome, with missing values among the features."""
    rng = np.random.default_rng(12)
    table = pd.DataFrame({"a": rng.integers(0, 4, 300), "b": rng.choice(["x", "y", None], 300)})
    y = rng.integers(0, 3, 300)
    found = contradictions(table, y)
    groups = table.assign(y=y).fillna({"b": "none"}).groupby(["a", "b"])["y"]
    counts = groups.apply(lambda values: values.value_counts().to_numpy())
    assert found.n_contradicting == sum(c.sum() for c in counts if len(c) > 1)
    assert found.min_errors == sum(c.sum() - c.max() for c in counts)
    y = (y > 0).astype(int)
    worst = worst_rows(table, y, rng.random(300), top=5)
    filled = table.fillna({"b": "none"})
    for row in worst.rows.itertuples():
        same = (filled == filled.iloc[row.row]).all(axis=1)
        n = int((same & (y != row.outcome)).sum())
        assert row.why.endswith(f"; {n} rows with the same features had another outcome")


# Pins


def test_pins_survive_a_writer_that_dies(tmp_path, monkeypatch):
    """The old file is whole, and nothing half-written stays."""
    path = tmp_path / "pins.jsonl"
    pin_row(path, {"x": 1}, at_least=0.5)
    before = path.read_bytes()
    monkeypatch.setattr("mlops_lit.evaluate.pins.os.fsync", lambda handle: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pin_row(path, {"x": 2}, at_least=0.5)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["pins.jsonl"]


def test_each_expectation_holds_and_fails_where_it_should(tmp_path):
    """At the limit it holds, beyond it fails."""
    path = tmp_path / "pins.jsonl"
    pin_row(path, {"x": 0.5, "c": 0}, at_least=0.5, at_most=0.6)
    pin_row(path, {"x": 0.5, "c": 0}, decision=True)
    pin_row(path, {"x": 0.25, "c": 0}, near=0.5, within=0.25)
    pin_row(path, {"x": 0.25, "c": 0}, unchanged_when={"c": [1, 2]}, within=0)
    assert all(json.loads(line)["row"] for line in path.read_text().splitlines())
    holds = [check.passed for check in check_pins(path, lambda frame: frame["x"])]
    moved = [check.passed for check in check_pins(path, lambda frame: frame["x"] - 0.1)]
    by_c = [check.passed for check in check_pins(path, lambda frame: frame["x"] + frame["c"] / 100)]
    assert (holds, moved, by_c) == ([True] * 4, [False] * 3 + [True], [True] * 3 + [False])
    assert len(read_pins(Path(path))) == 4
