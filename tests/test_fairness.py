"""Group counts, criteria and trade-offs against fairlearn, scikit-learn and resampled rows, and the edges of tables."""

from __future__ import annotations

import math
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from fairlearn import metrics as theirs
from sklearn.metrics import accuracy_score, precision_score, recall_score, roc_auc_score

from mlops_lit.errors import InputError
from mlops_lit.evaluate.calibration import calibration_in_the_large, expected_calibration_error
from mlops_lit.govern.calibration import group_auc, group_calibration
from mlops_lit.govern.criteria import incompatibility
from mlops_lit.govern.fairness import CRITERIA, audit, audit_counts, audits, resampled_cells
from mlops_lit.govern.findings import criterion_finding
from mlops_lit.govern.groups import count_groups, crossings, group_names, tally

EXACT = {"abs": 1e-9, "rel": 1e-9}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    "5,000 made-up decisions with a score, a weight, and missing values in both sensitive columns."
    rng = np.random.default_rng(5)
    n = 5000
    frame = pd.DataFrame(
        {
            "race": rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
            "age": rng.choice([20.0, 30.0, np.nan], n, p=[0.5, 0.45, 0.05]),
        }
    )
    frame.loc[rng.random(n) < 0.02, "race"] = None
    frame["y"] = (rng.random(n) < 0.3 + 0.2 * (frame["race"] == "a")).astype(int)
    frame["score"] = np.clip(rng.beta(2, 3, n) + 0.25 * frame["y"], 0, 1)
    frame["weight"] = rng.lognormal(0, 0.7, n)
    frame["unused"] = "x"
    return frame


def decided(table: pd.DataFrame) -> pd.Series:
    "The decisions at one half."
    return (table["score"] >= 0.5).astype(int)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("columns", [["race"], ["age"], ["race", "age"]])
def test_every_rate_agrees_with_fairlearn(table: pd.DataFrame, columns: list[str], weighted: bool):
    def predictive(label):
        return lambda y_true, y_pred, sample_weight: precision_score(
            y_true, y_pred, pos_label=label, sample_weight=sample_weight, zero_division=np.nan
        )

    functions = {
        "selection_rate": theirs.selection_rate,
        "true_positive_rate": theirs.true_positive_rate,
        "false_positive_rate": theirs.false_positive_rate,
        "true_negative_rate": theirs.true_negative_rate,
        "false_negative_rate": theirs.false_negative_rate,
        "precision": predictive(1),
        "negative_predictive_value": predictive(0),
        "accuracy": accuracy_score,
        "base_rate": lambda y, p, sample_weight: np.average(y, weights=sample_weight),
    }
    weight = table["weight"] if weighted else pd.Series(np.ones(len(table)))
    found = theirs.MetricFrame(
        metrics=functions,
        y_true=table["y"],
        y_pred=decided(table),
        sensitive_features=group_names(table, columns),
        sample_params={name: {"sample_weight": weight} for name in functions},
    ).by_group
    name = "weight" if weighted else None
    counted = tally(table, ["race", "age"], outcome="y", score="score", sample_weight=name)
    ours = audit_counts(counted.counts(columns)).frame()
    for metric in functions:
        values = ours[metric].loc[found.index]
        there = values.notna()  # fairlearn writes 0 where a group has nothing to divide by
        assert values[there].tolist() == pytest.approx(
            found[metric][there].astype(float).tolist(), **EXACT
        )
        assert there.sum() >= len(there) - 1
    assert (1 - ours["precision"]).tolist() == pytest.approx(
        ours["false_discovery_rate"].tolist(), nan_ok=True, **EXACT
    )
    assert (1 - ours["negative_predictive_value"]).tolist() == pytest.approx(
        ours["false_omission_rate"].tolist(), nan_ok=True, **EXACT
    )


def test_differences_and_ratios_agree_with_fairlearn(table: pd.DataFrame):
    table = table[table["race"].notna()]
    given = {
        "y_true": table["y"],
        "y_pred": decided(table),
        "sensitive_features": table["race"],
    }
    (result,) = audits(tally(table, ["race"], outcome="y", score="score"))
    pairs = {
        "demographic_parity": (
            theirs.demographic_parity_difference(**given),
            theirs.demographic_parity_ratio(**given),
        ),
        "equalized_odds": (
            theirs.equalized_odds_difference(**given),
            theirs.equalized_odds_ratio(**given),
        ),
        "equal_opportunity": (
            theirs.equal_opportunity_difference(**given),
            theirs.equal_opportunity_ratio(**given),
        ),
    }
    plain = {
        "predictive_parity": precision_score,
        "overall_accuracy": accuracy_score,
        "predictive_equality": theirs.false_positive_rate,
    }
    for criterion, metric in plain.items():
        frame = theirs.MetricFrame(metrics=metric, **given)
        pairs[criterion] = (frame.difference(), frame.ratio())
    for criterion, (difference, ratio) in pairs.items():
        gap = result.gap(criterion)
        assert (gap.estimate.value, gap.ratio.value) == pytest.approx((difference, ratio), **EXACT)


def test_treatment_equality_orders_groups_as_the_ratio_of_mistakes_does(table: pd.DataFrame):
    counts = tally(table, ["race"], outcome="y", score="score").counts()
    share = audit_counts(counts).frame()["false_negative_share"]
    ratio = counts["false_negatives"] / counts["false_positives"]
    assert (share / (1 - share)).tolist() == pytest.approx(ratio.tolist(), **EXACT)


def test_intervals_are_those_of_resampled_rows(table: pd.DataFrame):
    table = table[table["race"].notna()].reset_index(drop=True)
    result = audit(table, ["race"], decided(table), table["y"])
    rng, n = np.random.default_rng(0), len(table)
    code, y, d = pd.factorize(table["race"])[0], table["y"].to_numpy(), decided(table).to_numpy()
    drawn: dict[str, list[float]] = {name: [] for name in CRITERIA}
    for _ in range(1000):
        rows = rng.integers(0, n, n)
        cells = np.bincount(code[rows] * 4 + y[rows] * 2 + d[rows], minlength=12).reshape(3, 4)
        tn, fp, fn, tp = cells.T
        rates = {
            "selection_rate": (fp + tp) / cells.sum(1),
            "true_positive_rate": tp / (tp + fn),
            "false_positive_rate": fp / (fp + tn),
            "precision": tp / (tp + fp),
            "negative_predictive_value": tn / (tn + fn),
            "accuracy": (tn + tp) / cells.sum(1),
            "false_negative_share": fn / (fn + fp),
        }
        for name, criterion in CRITERIA.items():
            drawn[name].append(max(np.ptp(rates[rate]) for rate in criterion.rates))
    for name, values in drawn.items():
        estimate = result.gap(name).estimate
        lower, upper = np.quantile(values, [0.025, 0.975])
        tolerance = 0.12 * (upper - lower)  # Both ends vary by their own resampling
        assert (estimate.lower, estimate.upper) == pytest.approx((lower, upper), abs=tolerance)


def test_weighted_draws_vary_as_resampled_rows_do(table: pd.DataFrame):
    table = table[table["race"].notna()].reset_index(drop=True)
    given = count_groups(table["race"], decided(table), table["y"], table["weight"])
    cells = resampled_cells(given, list(given.index), 2000)
    rng, n = np.random.default_rng(1), len(table)
    codes = pd.Categorical(table["race"], list(given.index)).codes.astype(int)
    where = codes * 4 + table["y"].to_numpy() * 2 + decided(table).to_numpy()
    weight = table["weight"].to_numpy()
    rows = (rng.integers(0, n, n) for _ in range(2000))
    direct = np.array([np.bincount(where[r], weight[r], 12).reshape(3, 4) for r in rows])
    spread = direct.std(0)
    assert np.allclose(cells.mean(0), direct.mean(0), atol=0.15 * spread.max(), rtol=0.02)
    assert np.allclose(cells.std(0), spread, rtol=0.1)


def test_weighted_intervals_are_wider_than_the_rows_would_say(table: pd.DataFrame):
    plain = audit(table, ["race"], decided(table), table["y"])
    heavy = audit(table, ["race"], decided(table), table["y"], sample_weight=table["weight"])
    width = [(r.rates["upper"] - r.rates["lower"]).median() for r in (plain, heavy)]
    assert width[1] > 1.1 * width[0]
    assert heavy.equalized_odds.estimate.upper > heavy.equalized_odds.estimate.lower
    assert heavy.comparisons[0].p_value > 0


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", "duckdb", "parquet", "csv", "glob"])
def test_any_table_gives_the_same_counts(table: pd.DataFrame, kind: str, tmp_path: Path):
    table.to_parquet(tmp_path / "t.parquet")
    table.to_csv(tmp_path / "t.csv", index=False)
    table[:2000].to_parquet(tmp_path / "part-1.parquet")
    table[2000:].to_parquet(tmp_path / "part-2.parquet")
    data = {
        "pandas": table,
        "polars": pl.from_pandas(table),
        "arrow": pa.Table.from_pandas(table),
        "duckdb": duckdb.from_df(table),
        "parquet": tmp_path / "t.parquet",
        "csv": tmp_path / "t.csv",
        "glob": str(tmp_path / "part-*.parquet"),
    }[kind]
    counted = tally(data, ["race", "age"], outcome="y", score="score")
    for columns in crossings(["race", "age"]):
        expected = count_groups(group_names(table, columns), decided(table), table["y"])
        pd.testing.assert_frame_equal(
            counted.counts(columns).sort_index(), expected.sort_index(), check_names=False
        )


def test_a_missing_value_is_a_group_and_never_a_subtotal(table: pd.DataFrame):
    counted = tally(table, ["race", "age"], outcome="y", score="score")
    both = counted.counts()
    assert both["n"].sum() == len(table)
    missing = table["race"].isna()
    assert counted.counts(["race"]).loc["(missing)", "n"] == missing.sum()
    for age, text in ((20.0, "20"), (30.0, "30")):
        assert both.loc[f"(missing) × {text}", "n"] == (missing & (table["age"] == age)).sum()
    assert both.loc["(missing) × (missing)", "n"] == (missing & table["age"].isna()).sum()


@pytest.mark.parametrize("weighted", [False, True])
def test_calibration_of_a_group_is_that_of_its_rows(table: pd.DataFrame, weighted: bool):
    name = "weight" if weighted else None
    counted = tally(table, ["race"], outcome="y", score="score", sample_weight=name)
    found = group_calibration(counted)
    for group, row in found.groups.iterrows():
        rows = table[group_names(table, ["race"]) == group]
        weight = rows["weight"] if weighted else None
        alone = calibration_in_the_large(rows["y"], rows["score"], weight)
        assert row[["gap", "lower", "upper"]].tolist() == pytest.approx(
            [alone.value, alone.lower, alone.upper], **EXACT
        )
        if not weighted:
            error = expected_calibration_error(rows["y"], rows["score"], 10, "uniform", 500)
            assert row["error"] == pytest.approx(error.value, **EXACT)
            assert row["by_chance"] == pytest.approx(error.by_chance, rel=0.1)


def test_auc_of_a_group_agrees_with_scikit_learn(table: pd.DataFrame):
    found = group_auc(table, ["race", "age"], table["y"], table["score"])
    names = group_names(table, ["race", "age"])
    for group, row in found.iterrows():
        rows = table[names == group]
        if rows["y"].nunique() < 2:
            assert math.isnan(row["roc_auc"])
            continue
        assert row["roc_auc"] == pytest.approx(roc_auc_score(rows["y"], rows["score"]), **EXACT)
        assert row["lower"] <= row["roc_auc"] <= row["upper"]


def test_what_must_give_is_what_the_identity_says(table: pd.DataFrame):
    table = table[table["race"].notna()]
    result = audit(table, ["race"], decided(table), table["y"])
    found = incompatibility(result)
    y, d = table["y"], decided(table)
    ppv, tpr = precision_score(y, d), recall_score(y, d)
    expected = {}
    for group, p in table.groupby("race")["y"].mean().items():
        expected[group] = p / (1 - p) * (1 - ppv) / ppv * tpr
    first = found.trade_offs[0]
    assert first.implied["value"].to_dict() == pytest.approx(expected, **EXACT)
    assert first.gap.value == pytest.approx(max(expected.values()) - min(expected.values()))
    assert first.gap.lower <= first.gap.value <= first.gap.upper
    assert found.p_value < 0.001
    assert len(found.findings()) > 1


def test_a_million_groups_are_refused_by_name(tmp_path: Path):
    frame = pd.DataFrame({"id": np.arange(1_000_000), "selected": 1, "group": "a"})
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="'id' has 1,000,000 different values, more than"):
        tally(tmp_path / "t.parquet", ["group", "id"], decision="selected")
    with pytest.raises(InputError, match="'id' has 1,000,000 different values"):
        tally(frame, ["group"], decision="selected", outcome="id", favourable=3)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"g": ["a", "b"] * 50, "y": 0, "d": [1, 0, 0, 1] * 25}),  # No positive label
        pd.DataFrame({"g": ["a"] * 100, "y": [0, 1] * 50, "d": [1, 0, 0, 1] * 25}),  # One group
        pd.DataFrame({"g": [None] * 100, "y": [0, 1] * 50, "d": 1}),  # No group is recorded
        pd.DataFrame({"g": [np.nan] * 100, "y": [0, 1] * 50, "d": 0}),
        pd.DataFrame({"g": ["a"], "y": [1], "d": [1]}),  # One row
        pd.DataFrame({"g": ["a"] * 50 + ["b"] * 50, "y": [1] * 50 + [0] * 50, "d": [1, 0] * 50}),
        pd.DataFrame({"g": np.arange(900), "y": [0, 1] * 450, "d": [0, 1, 1] * 300}),
    ],
    ids=["no positive", "one group", "none", "nan", "one row", "one class each", "all tiny"],
)
def test_edges_give_a_result_without_false_numbers(frame: pd.DataFrame):
    frame = frame.assign(s=0.5)
    counted = tally(frame, ["g"], outcome="y", decision="d", score="s")
    (result,) = audits(counted)
    rates = result.frame().drop(columns="n")
    assert ((rates >= 0) & (rates <= 1) | rates.isna()).all(axis=None)
    for gap in result.gaps.values():
        low, value, high = gap.estimate.lower, gap.estimate.value, gap.estimate.upper
        assert math.isnan(value) or low <= value <= high
    texts = [*result.findings(), *(criterion_finding(result, name) for name in CRITERIA)]
    texts += incompatibility(result).findings() + group_calibration(counted).findings()
    assert all(texts)
    assert "nan" not in " ".join(texts).lower()
    for check in result.checks():
        assert check.passed is None or not math.isnan(float(check.value or 0))


def test_a_group_without_a_positive_has_no_true_positive_rate():
    frame = pd.DataFrame({"g": ["a", "b"] * 50, "y": [0, 1] * 50, "d": [1, 1, 0, 1] * 25})
    rates = audits(tally(frame, ["g"], outcome="y", decision="d"))[0].frame()
    assert math.isnan(rates.loc["a", "true_positive_rate"])
    assert math.isnan(rates.loc["b", "false_positive_rate"])
    assert rates.loc["b", "true_positive_rate"] == 1


def test_rows_without_outcome_or_decision_are_left_out_and_counted():
    frame = pd.DataFrame({"g": ["a", "b", "a"], "y": [1, None, 0], "d": [1, 1, None]})
    counted = tally(frame, ["g"], outcome="y", decision="d")
    assert (counted.n, counted.n_unknown) == (1, 2)
