"""The data room against SciPy, scikit-learn and pandas, and on tables nobody would send on purpose."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from mlops_lit.data.columns import Column, column_kind, convert_columns, describe_columns
from mlops_lit.data.expectations import (
    check_expectations,
    expectation_findings,
    failing_rows,
    general_findings,
    read_expectations,
)
from mlops_lit.data.profile import (
    associations,
    auc,
    contingency,
    cramers_v,
    histogram,
    missingness,
    outcome_along,
    profile,
    q_values,
    rank_correlation,
    rank_ratio,
    read_outcome,
)
from mlops_lit.data.split import check_split_overlap, hash_fractions, hash_split, stratified_split
from mlops_lit.errors import InputError


def sample(n: int, seed: int, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    "A truth value and a number per row, with or without ties."
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.3
    x = rng.normal(size=n) + y
    return y, (x.round() if ties else x)


CASES = [(n, seed, ties) for n in (12, 200) for seed in (0, 1) for ties in (False, True)]


@pytest.mark.parametrize(("n", "seed", "ties"), CASES)
def test_auc_is_that_of_scikit_learn(n: int, seed: int, ties: bool) -> None:
    from sklearn.metrics import roc_auc_score

    y, x = sample(n, seed, ties)
    assert auc(y, x) == pytest.approx(roc_auc_score(y, x), abs=1e-12)


@pytest.mark.parametrize(("n", "seed", "ties"), CASES)
def test_rank_correlation_is_spearman(n: int, seed: int, ties: bool) -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(seed)
    _, x = sample(n, seed, ties)
    z = x + rng.normal(size=n)
    expected = spearmanr(x, z)
    assert rank_correlation(x, z) == pytest.approx(expected.statistic, abs=1e-12)
    table = associations(pd.DataFrame({"x": x}), read_outcome(pd.Series(z, name="z")))
    assert table["p_value"][0] == pytest.approx(expected.pvalue, rel=1e-6)


@pytest.mark.parametrize(("n", "seed", "ties"), [case for case in CASES if case[0] > 12])
def test_rank_ratio_is_epsilon_squared_of_kruskal(n: int, seed: int, ties: bool) -> None:
    from scipy.stats import kruskal

    rng = np.random.default_rng(seed)
    _, x = sample(n, seed, ties)
    groups = rng.choice(["a", "b", "c"], n)
    test = kruskal(*[x[groups == name] for name in "abc"])
    assert rank_ratio(groups, x) == pytest.approx(math.sqrt(test.statistic / (n - 1)), abs=1e-12)
    table = associations(pd.DataFrame({"x": x}), read_outcome(pd.Series(groups)))
    assert table["p_value"][0] == pytest.approx(test.pvalue, rel=1e-9)


def test_p_value_of_a_number_and_a_binary_outcome_is_mann_whitney() -> None:
    from scipy.stats import mannwhitneyu

    y, x = sample(200, 3, ties=True)
    test = mannwhitneyu(x[y], x[~y], use_continuity=False, method="asymptotic")
    table = associations(pd.DataFrame({"x": x}), read_outcome(pd.Series(y)))
    assert table["p_value"][0] == pytest.approx(test.pvalue, rel=1e-9)
    assert table["value"][0] == pytest.approx(test.statistic / (y.sum() * (~y).sum()), abs=1e-12)


@pytest.mark.parametrize("levels", [2, 3, 7])
def test_cramers_v_is_bergsma_over_scipys_chi_squared(levels: int) -> None:
    from scipy.stats import chi2_contingency

    rng = np.random.default_rng(levels)
    a = rng.integers(0, levels, 300)
    b = np.where(rng.random(300) < 0.4, a % 3, rng.integers(0, 3, 300))
    counts = pd.crosstab(a, b).to_numpy()
    n, (r, k) = counts.sum(), counts.shape
    test = chi2_contingency(counts, correction=False)
    phi = max(0, test.statistic / n - (r - 1) * (k - 1) / (n - 1))
    smaller = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1))
    assert cramers_v(a, b) == pytest.approx(math.sqrt(phi / (smaller - 1)), abs=1e-12)
    assert sorted(contingency(a, b).ravel()) == sorted(counts.ravel())
    words = pd.DataFrame({"a": pd.Series(a).map(lambda value: f"level {value}")})
    table = associations(words, read_outcome(pd.Series(b).map(lambda value: f"class {value}")))
    assert table["p_value"][0] == pytest.approx(test.pvalue, rel=1e-9)


def test_small_two_by_two_tables_get_fishers_exact_p() -> None:
    from scipy.stats import fisher_exact

    rng = np.random.default_rng(5)
    for _ in range(20):
        a, b = rng.random(14) < 0.3, rng.random(14) < 0.4
        counts = contingency(a, b)
        if counts.shape != (2, 2):
            continue
        table = associations(pd.DataFrame({"a": a}), read_outcome(pd.Series(b)))
        assert table["p_value"][0] == pytest.approx(fisher_exact(counts).pvalue, rel=1e-6)


def test_q_values_are_benjamini_hochberg() -> None:
    from scipy.stats import false_discovery_control

    p = np.random.default_rng(0).random(30) ** 3
    assert q_values(p) == pytest.approx(false_discovery_control(p), abs=1e-12)
    holes = np.insert(p, [0, 10], math.nan)
    assert q_values(holes)[~np.isnan(holes)] == pytest.approx(q_values(p), abs=1e-12)


def test_the_corrected_v_of_independent_columns_is_near_zero_where_the_plain_one_is_not() -> None:
    rng = np.random.default_rng(1)
    corrected = [cramers_v(rng.integers(0, 30, 200), rng.random(200) < 0.5) for _ in range(50)]
    assert np.mean(corrected) < 0.1  # The plain V averages 0.38


def test_profile_is_that_of_pandas() -> None:
    rng = np.random.default_rng(0)
    values = pd.Series(rng.lognormal(size=301)).where(rng.random(301) > 0.1)
    row = profile(pd.DataFrame({"x": values})).iloc[0]
    described = values.describe(percentiles=[0.05, 0.25, 0.5, 0.75, 0.95])
    ours = row[["mean", "std", "min", "q05", "q25", "median", "q75", "q95", "max"]].astype(float)
    theirs = described[["mean", "std", "min", "5%", "25%", "50%", "75%", "95%", "max"]]
    assert ours.to_numpy() == pytest.approx(theirs.to_numpy(), abs=1e-12)
    assert row["n_missing"] == values.isna().sum()
    assert row["n_distinct"] == values.nunique()


def test_histogram_is_that_of_numpy_and_loses_nothing() -> None:
    values = pd.Series(np.random.default_rng(0).standard_cauchy(5000))
    whole = histogram(values, n_bins=30, tail=0)
    assert list(whole.counts) == np.histogram(values, 30)[0].tolist()
    cut = histogram(values, n_bins=30)
    assert cut.n_below > 0
    assert cut.n_above > 0
    assert cut.n_below + cut.n_above + sum(cut.counts) == 5000
    assert max(cut.counts) < max(whole.counts)


def test_outcome_along_has_the_means_of_pandas() -> None:
    y, x = sample(200, 0, ties=False)
    table = outcome_along(pd.Series(x), read_outcome(pd.Series(y)), n_groups=5)
    expected = pd.Series(y).groupby(pd.qcut(x, 5)).agg(["count", "mean"])
    assert table["n"].tolist() == expected["count"].tolist()
    assert table["mean"].tolist() == pytest.approx(expected["mean"].tolist())


def odd_frames() -> dict[str, pd.DataFrame]:
    "Tables that should give an answer, not a traceback."
    good = pd.DataFrame({"x": [1.5, 2.5, 3.5], "word": ["a", "b", "a"]})
    return {
        "nothing": pd.DataFrame(),
        "no rows": good.head(0),
        "one row": good.head(1),
        "all missing": pd.DataFrame({"x": [np.nan] * 3, "word": [None] * 3}),
        "constant": pd.DataFrame({"x": [1.0] * 30, "word": ["a"] * 30}),
        "ties": pd.DataFrame({"x": [1.0] * 29 + [2.0], "word": ["a"] * 29 + ["b"]}),
        "mixed": pd.DataFrame({"x": [1, "2", None, 4.5], "word": ["a", 1, True, None]}),
        "lists": pd.DataFrame({"x": [[1], [2]], "word": [{"a": 1}, {"a": 1}]}),
        "infinite": pd.DataFrame({"x": [np.inf, -np.inf, 1.0], "word": ["a", "b", "c"]}),
        "nullable": good.convert_dtypes().assign(x=pd.array([1.5, None, 2.5], dtype="Float64")),
        "categories": good.assign(word=good["word"].astype("category")),
        "dates": good.assign(x=pd.to_datetime(["2024-01-01", None, "2024-03-01"], utc=True)),
        "same name twice": pd.concat([good, good], axis=1),
        "numbers for names": good.set_axis([0, 1], axis=1),
        "index twice": good.set_index(pd.Index([7, 7, 7])),
    }


RULES = {
    "table": {"min_rows": 1, "unique": [["x"], ["x", "word"]], "allow_other_columns": False},
    "columns": {
        "x": {"type": "number", "min": 0, "max": 3, "unique": True, "max_null_fraction": 0.1},
        "word": {"type": "category", "allowed": ["a", "b"], "pattern": "[a-z]", "required": False},
    },
}


@pytest.mark.parametrize("name", odd_frames())
def test_no_table_makes_it_crash(name: str) -> None:
    frame = odd_frames()[name]
    assert len(profile(frame)) == len(describe_columns(frame)) == frame.shape[1]
    expectations = read_expectations(RULES)
    found = expectation_findings(frame, expectations)
    assert len(found) == 13
    for finding in [*found, *general_findings(frame)]:
        assert finding.check.verdict in ("passed", "failed", "not judged")
        assert (finding.check.value is None) == (finding.check.passed is None)
        assert len(failing_rows(frame, finding)) <= 5
        if finding.check.passed:
            assert not len(finding.rows)
    for place in range(frame.shape[1]):
        kind = column_kind(frame.iloc[:, place])
        if kind in ("number", "boolean", "date"):
            shown = histogram(frame.iloc[:, place])
            counted = sum(shown.counts) + shown.n_below + shown.n_above
            assert counted <= frame.iloc[:, place].notna().sum()
    truth = pd.Series([row % 2 == 0 for row in range(max(len(frame), 2))], dtype=bool)
    outcome = read_outcome(truth)
    if len(frame) == len(truth):
        table = associations(frame, outcome)
        assert (table["strength"].notna() | (table["note"] != "")).all()
        assert table["strength"].isna().all() or table["strength"].max() <= 1 + 1e-12
        missingness(frame, outcome)


def test_failed_expectations_name_the_rows() -> None:
    frame = pd.DataFrame({"x": [1.0, -2.0, 7.0, np.nan]}, index=[10, 11, 12, 13])
    rules = {"columns": {"x": {"min": 0, "max": 5, "max_null_fraction": 0}}}
    _, null, low, high = check_expectations(frame, rules)
    assert (null.passed, null.value) == (False, 0.25)
    assert (low.passed, low.value, low.detail) == (False, 1, "1 of 4 rows, e.g. row 11: -2")
    assert high.detail.endswith("row 12: 7")


def test_expectations_from_a_file_and_from_dicts_are_the_same(tmp_path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('[columns.x]\nmin = 2024-01-31\n[columns."a b"]\nallowed = [1, 2]\n')
    given = {"columns": {"x": {"min": "2024-01-31"}, "a b": {"allowed": [1, 2]}}}
    assert read_expectations(path) == read_expectations(str(path)) == read_expectations(given)


def test_the_hash_split_is_the_same_in_another_process_and_row_order() -> None:
    keys = pd.Series([f"person {i}" for i in range(500)], name="person")
    code = (
        "import pandas as pd; from mlops_lit.data.split import hash_split;"
        "print(''.join(hash_split(pd.Series([f'person {i}' for i in range(500)])).str[1]))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = hash_split(keys)
    assert "".join(here.str[1]) == there.stdout.strip()
    shuffled = hash_split(keys.sample(frac=1, random_state=0))
    assert shuffled.sort_index().equals(here)
    assert check_split_overlap(keys, here).passed


def test_hash_fractions_are_uniform() -> None:
    from scipy.stats import kstest

    for state in (0, 1, 2):
        assert kstest(hash_fractions(range(5000), state), "uniform").pvalue > 0.001


def test_rows_with_one_key_stay_together_and_the_split_follows_the_key() -> None:
    keys = pd.Series(np.random.default_rng(0).integers(0, 50, 1000), name="customer")
    split = hash_split(keys)
    assert split.groupby(keys).nunique().max() == 1
    assert hash_split(keys.astype(float)).equals(split)
    assert hash_split(keys.astype(str)).equals(split)


@pytest.mark.parametrize("seed", range(5))
def test_strata_are_within_one_row_of_their_share(seed: int) -> None:
    rng = np.random.default_rng(seed)
    outcome = pd.Series(rng.choice(list("abcdef"), rng.integers(1, 400)))
    fractions = {"train": 0.7, "valid": 0.1, "test": 0.2}
    counts = pd.crosstab(outcome, stratified_split(outcome, fractions, seed))
    for part, fraction in fractions.items():
        got = counts.get(part, pd.Series(0, counts.index))
        assert ((got - outcome.value_counts() * fraction).abs() < 1).all()


def test_typed_columns_survive_parquet(tmp_path) -> None:
    frame = pd.DataFrame({"n": ["1", None], "ok": ["yes", "no"], "on": ["2024-01-31", None]})
    typed = convert_columns(
        frame, [Column("n", "integer"), Column("ok", "boolean"), Column("on", "date")]
    )
    typed.to_parquet(tmp_path / "x.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "x.parquet"), typed)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: hash_split(pd.Series([1]), {"train": 0.5, "test": 0.6}),
        lambda: read_expectations({"columns": {"x": {"mim": 1}}}),
        lambda: read_outcome(pd.Series([1, 1, None], name="y")),
        lambda: convert_columns(pd.DataFrame({"a": ["x"]}), [Column("a", "number")]),
    ],
)
def test_bad_input_is_an_input_error(wrong: Callable[[], object]) -> None:
    with pytest.raises(InputError):
        wrong()
