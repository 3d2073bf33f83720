"""The evidence for the seven sources of harm, against scipy, statsmodels, scikit-learn and brute force."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.api as sm
from scipy.stats import chi2, chi2_contingency, chisquare, ks_2samp, mannwhitneyu, ttest_ind
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from mlops_lit.errors import InputError
from mlops_lit.govern.aggregation import (
    calibration_by_group,
    design_matrix,
    folds,
    interaction_test,
    learning_variants,
    own_models,
)
from mlops_lit.govern.deployment import near_threshold, overrides_by_group, shift
from mlops_lit.govern.harms import (
    BY_PEOPLE,
    CONCERN,
    NO_EVIDENCE,
    NOT_ANSWERABLE,
    SOURCES,
    Answer,
    assess,
    assess_all,
    independence_test,
    not_judged,
    shares_by_group,
)
from mlops_lit.govern.history import base_rates, proxies, trend
from mlops_lit.govern.labels import (
    conflicts_by_group,
    disagreement_by_group,
    missing_by_group,
    rounding_by_group,
    stand_in_by_group,
)
from mlops_lit.govern.learning import fit_gap_by_group, loss_by_group, row_losses
from mlops_lit.govern.representation import (
    coverage,
    crossed_coverage,
    group_sizes,
    post_stratified,
    rows_needed,
)
from mlops_lit.govern.sources import Case, evidence_of


@pytest.fixture
def people() -> pd.DataFrame:
    "1,200 made-up persons in three groups."
    rng = np.random.default_rng(21)
    n = 1200
    group = rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1])
    x, z = rng.normal(size=n), rng.normal(size=n)
    slope = np.where(group == "b", -0.5, 1.0)
    y = (rng.random(n) < 1 / (1 + np.exp(-(0.3 + slope * x)))).astype(int)
    frame = pd.DataFrame({"group": group, "x": x, "z": z, "age": rng.integers(18, 80, n), "y": y})
    frame["score"] = 1 / (1 + np.exp(-(0.3 + 0.7 * x)))
    return frame


def test_shares_have_the_intervals_and_the_test_of_others():
    found = shares_by_group("n", "w", ["a", "b", "c"], [30, 55, 9], [100, 120, 60], 0.1)
    for row in found.table.itertuples():
        expected = proportion_confint(row.count, row.of, method="wilson")
        assert (row.lower, row.upper) == pytest.approx(expected, abs=1e-12)
    table = np.array([[30, 70], [55, 65], [9, 51]])
    p, _ = independence_test(table)
    assert p == pytest.approx(chi2_contingency(table, correction=False).pvalue, abs=1e-15)


def test_permutation_test_is_close_to_fisher():
    from scipy.stats import fisher_exact

    table = [[2, 20], [7, 9]]
    p, name = independence_test(table)
    assert name.startswith("permutation")
    assert p == pytest.approx(fisher_exact(table).pvalue, abs=0.02)


def test_coverage_is_observed_over_expected(people):
    shares = {"a": 0.5, "b": 0.3, "c": 0.2}
    found = coverage(group_sizes(people, ["group"]), shares)
    n = people["group"].value_counts()
    for row in found.table.itertuples():
        assert row.ratio == pytest.approx(n[row.group] / 1200 / shares[row.group], abs=1e-12)
        expected = np.array(proportion_confint(n[row.group], 1200, method="wilson"))
        assert (row.lower, row.upper) == pytest.approx(expected / shares[row.group], abs=1e-12)
    goodness = chisquare([n[g] for g in "abc"], [600, 360, 240])
    assert found.p_value == pytest.approx(goodness.pvalue, abs=1e-15)
    weight = people["group"].map({g: shares[g] / n[g] for g in "abc"})
    assert found.n_effective == pytest.approx(weight.sum() ** 2 / (weight**2).sum(), abs=1e-9)
    assert found.rare == ["c"]


def test_group_sizes_are_the_same_from_every_kind_of_table(people, tmp_path):
    people.to_parquet(tmp_path / "p.parquet")
    expected = people.groupby(["group", "y"]).size()
    for data in (people, pl.from_pandas(people), str(tmp_path / "p.parquet")):
        found = group_sizes(data, ["group", "y"])
        assert found.to_dict() == {f"{g} × {y}": n for (g, y), n in expected.items()}


def test_post_stratified_is_a_weighted_mean(people):
    right = ((people["score"] >= 0.5) == people["y"]).astype(float)
    shares = {"a": 0.2, "b": 0.3, "c": 0.5}
    found = post_stratified(right, people["group"], shares)
    n = people["group"].value_counts()
    weight = people["group"].map({g: shares[g] / n[g] for g in "abc"})
    assert found.population.value == pytest.approx(DescrStatsW(right, weight).mean, abs=1e-12)
    assert found.measured.value == pytest.approx(right.mean(), abs=1e-12)
    spread = right.groupby(people["group"]).var(ddof=1)
    error = math.sqrt(sum(shares[g] ** 2 * spread[g] / n[g] for g in "abc"))
    assert found.population.upper - found.population.value == pytest.approx(
        1.959963984540054 * error, abs=1e-12
    )
    assert rows_needed(0.05) == math.ceil(0.25 * 1.959963984540054**2 / 0.05**2)


def test_the_trend_has_the_error_of_a_robust_regression(people):
    when = np.arange(1200)
    two = people[people["group"] != "c"]
    found = trend(two["y"], two["group"], when[: len(two)], min_rows=10)
    late = (when[: len(two)] > np.median(when[: len(two)])).astype(float)
    rates = two.groupby("group")["y"].mean()
    high = (two["group"] == rates.idxmax()).to_numpy(float)
    X = np.column_stack([np.ones(len(two)), late, high, late * high])
    fit = sm.OLS(two["y"].to_numpy(float), X).fit(cov_type="HC0")
    growth, error = fit.params[3], fit.bse[3]
    text = f"change {growth:+.3f}, 95% interval {growth - 1.96 * error:+.3f} to {growth + 1.96 * error:+.3f}"
    assert text in found.finding


def test_base_rates_are_those_of_pandas(people):
    table = base_rates(people["y"], people["group"]).table.set_index("group")
    expected = people.groupby("group")["y"].mean()
    assert table["share"].to_dict() == pytest.approx(expected.to_dict(), abs=1e-12)


def test_proxies_find_what_tells_the_group_and_nothing_else(people):
    rng = np.random.default_rng(1)
    people["tells"] = np.where(rng.random(1200) < 0.9, people["group"], "a")
    table = proxies(people, ["x", "z", "tells"], people["group"]).table.set_index("feature")
    assert table.loc["tells", "lower"] > 0.8
    assert table.loc["z", "auc"] < 0.6  # The largest of three, each near one half
    assert table.loc["all features", "lower"] > 0.8
    plain = [
        proxies(people.sample(frac=1, random_state=s), ["z"], people["group"], jointly=False).table[
            "auc"
        ][0]
        for s in range(5)
    ]
    assert max(plain) < 0.62


def test_missing_values_are_counted_as_pandas_does(people):
    rng = np.random.default_rng(2)
    people.loc[rng.random(1200) < np.where(people["group"] == "c", 0.3, 0.02), "x"] = np.nan
    people["t"] = np.where(rng.random(1200) < 0.1, None, "v")
    found = missing_by_group(people, "group", ["x", "z", "t"])
    table = found.table.set_index("column")
    by = people.assign(m=people["x"].isna()).groupby("group")["m"]
    assert table.loc["x", "highest_share"] == by.mean().max()
    counts = np.column_stack([by.sum(), by.size() - by.sum()])
    expected = chi2_contingency(counts, correction=False).pvalue
    assert table.loc["x", "p_value"] == pytest.approx(expected, rel=1e-9)
    assert found.concern
    assert (
        missing_by_group(pl.from_pandas(people), "group", ["x", "z", "t"]).finding == found.finding
    )


def test_rounding_and_disagreement_and_conflicts(people):
    people["age"] = np.where(people["group"] == "b", people["age"] // 5 * 5, people["age"])
    table = rounding_by_group(people, "group", ["age", "x", "y"]).table.set_index("column")
    assert list(table.index) == ["age"]
    assert table.loc["age", "highest"] == "b"
    assert table.loc["age", "highest_share"] == 1
    other = np.where(
        (people["group"] == "c") & (people.index % 3 == 0), 1 - people["y"], people["y"]
    )
    shares = disagreement_by_group(people["y"], other, people["group"]).table.set_index("group")
    differs = (other != people["y"]).groupby(people["group"]).mean()
    assert shares["share"].to_dict() == pytest.approx(differs.to_dict(), abs=1e-12)
    people["half"] = (people["x"] > 0).astype(int)
    found = conflicts_by_group(people, "group", "y", ["half"]).table.set_index("group")
    assert (found["share"] == 1).all()  # Every cell holds both outcomes


def test_the_stand_in_is_mann_whitney(people):
    table = stand_in_by_group(people["score"], people["y"], people["group"]).table
    for row in table.itertuples():
        part = people[people["y"] == row.outcome]
        u = mannwhitneyu(
            part.loc[part["group"] == row.group, "score"],
            part.loc[part["group"] == row.against, "score"],
        )
        sizes = part["group"].value_counts()
        assert row.auc == pytest.approx(
            u.statistic / sizes[row.group] / sizes[row.against], abs=1e-12
        )


def test_the_interaction_test_is_that_of_statsmodels(people):
    X, _ = design_matrix(people, ["x", "z", "age"])
    found = interaction_test(X, people["y"], people["group"]).table.iloc[0]
    dummies = pd.get_dummies(people["group"]).to_numpy(float)
    crossed = np.column_stack([dummies[:, [g]] * X for g in range(3)])
    plain = sm.Logit(people["y"], np.column_stack([dummies, X])).fit(disp=0, tol=1e-12)
    apart = sm.Logit(people["y"], np.column_stack([dummies, crossed])).fit(disp=0, tol=1e-12)
    assert found["log_likelihood_common"] == pytest.approx(plain.llf, abs=1e-9)
    assert found["log_likelihood_by_group"] == pytest.approx(apart.llf, abs=1e-9)
    assert found["degrees_of_freedom"] == 6
    statistic = 2 * (apart.llf - plain.llf)
    assert found["p_value"] == pytest.approx(chi2.sf(statistic, 6), abs=1e-12)


def test_collinear_features_cost_no_degree_of_freedom(people):
    X, _ = design_matrix(people, ["x", "z"])
    twice = np.column_stack([X, X[:, 0] * 2])
    one, two = (interaction_test(m, people["y"], people["group"]).table for m in (X, twice))
    assert one["degrees_of_freedom"][0] == two["degrees_of_freedom"][0] == 4
    assert one["statistic"][0] == pytest.approx(two["statistic"][0], abs=1e-9)


def test_own_models_are_scikit_learns_out_of_fold(people):
    X, _ = design_matrix(people, ["x", "z"])
    table = own_models(X, people["y"], people["group"]).table.set_index("group")
    order = {g: i for i, g in enumerate(people["group"].value_counts().index)}
    codes, y = people["group"].map(order).to_numpy(), people["y"].to_numpy()
    fold, own = folds(y, codes), np.zeros(1200)
    for k in range(5):
        for g in range(3):
            learn, judge = (fold != k) & (codes == g), (fold == k) & (codes == g)
            model = LogisticRegression(solver="newton-cholesky", tol=1e-8).fit(X[learn], y[learn])
            own[judge] = model.predict_proba(X[judge])[:, 1]
    for name, g in order.items():
        slow = cross_val_predict(
            LogisticRegression(tol=1e-10), X[codes == g], y[codes == g], method="predict_proba",
            cv=PredefinedSplit(fold[codes == g]),
        )[:, 1]  # fmt: skip
        assert np.allclose(slow, own[codes == g], atol=1e-5)  # Another solver, the same optimum
        assert table.loc[name, "own_loss"] == pytest.approx(
            log_loss(y[codes == g], own[codes == g]), abs=1e-12
        )
    assert table.loc["b", "lower"] > 0
    assert learning_variants(X, people["y"], people["group"]).table["n"].sum() == 2400


def test_calibration_is_a_mean_with_its_interval(people):
    table = calibration_by_group(people["y"], people["score"], people["group"]).table.set_index(
        "group"
    )
    gap = people["y"] - people["score"]
    z = 2.3939797998185104  # 0.95 shared by three groups
    for name, part in gap.groupby(people["group"]):
        assert table.loc[name, "mean"] == pytest.approx(part.mean(), abs=1e-12)
        half = z * part.std(ddof=1) / math.sqrt(len(part))
        assert table.loc[name, "upper"] == pytest.approx(part.mean() + half, abs=1e-9)


def test_losses_are_compared_as_welch_does(people):
    losses, name = row_losses(people["y"], people["score"])
    assert name == "log loss"
    assert losses.mean() == pytest.approx(log_loss(people["y"], people["score"]), abs=1e-12)
    table = loss_by_group(losses, people["group"]).table.set_index("group")
    for g in "abc":
        own, rest = losses[people["group"] == g], losses[people["group"] != g]
        welch = ttest_ind(own, rest, equal_var=False)
        assert table.loc[g, "difference"] == pytest.approx(own.mean() - rest.mean(), abs=1e-12)
        half = (table.loc[g, "upper"] - table.loc[g, "lower"]) / 2
        error = (own.mean() - rest.mean()) / welch.statistic
        assert half == pytest.approx(2.3939797998185104 * error, rel=1e-9)
    gap = fit_gap_by_group(losses * 0.5, people["group"], losses, people["group"]).table
    assert gap["gap"].to_numpy() == pytest.approx(gap["loss_new"] * 0.5, abs=1e-12)


def test_shift_is_that_of_scipy(people):
    now = people.sample(400, random_state=1).assign(x=lambda f: f["x"] + 0.5)
    table = shift(people, now, ["x", "group"]).table.set_index("column")
    expected = ks_2samp(people["x"], now["x"], method="asymp")
    assert table.loc["x", "distance"] == pytest.approx(expected.statistic, abs=1e-12)
    assert table.loc["x", "p_value"] == pytest.approx(expected.pvalue, rel=1e-9)
    parts = people["group"].value_counts(normalize=True), now["group"].value_counts(normalize=True)
    assert table.loc["group", "distance"] == pytest.approx(
        (parts[0] - parts[1]).abs().sum() / 2, abs=1e-12
    )
    counts = np.array(
        [
            people["group"].value_counts(),
            now["group"].value_counts().reindex(people["group"].value_counts().index),
        ]
    )
    assert table.loc["group", "p_value"] == pytest.approx(
        chi2_contingency(counts, correction=False).pvalue, abs=1e-12
    )


def test_near_the_threshold_and_overrides_are_counted(people):
    found = near_threshold(people["score"], 0.5, people["group"]).table.set_index("group")
    near = (people["score"] - 0.5).abs() <= 0.05
    assert found["share"].to_dict() == pytest.approx(near.groupby(people["group"]).mean().to_dict())
    changed = pd.Series(np.where(people.index % 4 == 0, None, (people.index % 5 == 0) * 1.0))
    overall, by = overrides_by_group(changed, people["group"])
    assert overall.table["n"][0] == 900
    assert by.table["of"].sum() == 900


@pytest.mark.parametrize("source", list(SOURCES))
def test_an_open_question_keeps_every_source_from_being_clear(source):
    fine = shares_by_group("n", "w", ["a", "b"], [10, 10], [100, 100], 0.1)
    every = {(source, key): Answer("yes", "someone") for key in SOURCES[source].questions}
    some = dict(list(every.items())[1:])
    assert assess(source, [fine], every).verdict == NO_EVIDENCE
    assert assess(source, [fine], some).verdict == NOT_ANSWERABLE
    assert assess(source, [not_judged("x", "y")], every).verdict == BY_PEOPLE
    worried = {**every, next(iter(every)): Answer("no", "someone", concern=True)}
    assert assess(source, [fine], worried).verdict == CONCERN
    assert [assess(source, [fine], a).check().passed for a in (every, some, worried)] == [
        True,
        None,
        False,
    ]


def edge_cases() -> dict[str, pd.DataFrame]:
    "Tables that audits meet."
    rng = np.random.default_rng(0)
    n = 300
    base = pd.DataFrame(
        {"group": rng.choice(["a", "b"], n), "x": rng.normal(size=n), "y": rng.integers(0, 2, n)}
    )
    return {
        "no positive label": base.assign(y=0),
        "one group": base.assign(group="a"),
        "all features missing": base.assign(x=np.nan),
        "no group recorded": base.assign(group=None),
        "one row": base.head(1),
        "a group per row": base.assign(group=np.arange(n).astype(str)),
        "constant feature": base.assign(x=1.0),
    }


@pytest.mark.parametrize("name", list(edge_cases()))
def test_edge_cases_have_a_clear_answer(name):
    frame = edge_cases()[name]
    score = np.full(len(frame), 0.4)
    case = Case(frame, "y", frame["y"].to_numpy(), ["group"], ["x"], y_score=score, threshold=0.5)
    found = evidence_of(case)
    for evidence in (e for several in found.values() for e in several):
        assert evidence.finding
        assert "nan" not in evidence.finding.lower().replace("explanation", "")
        assert evidence.concern in (True, False, None)
    assert len(assess_all(found).checks()) == 7


def test_a_million_categories_are_counted_and_not_judged():
    frame = pd.DataFrame({"g": np.arange(1_000_000), "x": 1.0, "y": 0})
    sizes = group_sizes(frame, ["g"])
    assert len(sizes) == 1_000_000
    assert base_rates(frame["y"], frame["g"]).concern is None
    found = coverage(sizes, {"0": 0.5, "1": 0.5})
    assert found.n == 2
    assert len(found.unknown) == 999_998
    assert len(found.evidence().finding) < 500
    assert "too many" in crossed_coverage(frame.assign(h=frame["g"] % 5), ["g", "h"]).finding


def test_wrong_arguments_say_so(people):
    with pytest.raises(InputError, match="are missing"):
        base_rates([1, None], ["a", "b"])
    with pytest.raises(InputError, match="Did you mean 'group'"):
        evidence_of(Case(people, "y", people["y"].to_numpy(), ["grup"], ["x"]))
