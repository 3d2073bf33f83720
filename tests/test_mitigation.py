"""Thresholds per group and reweighing, against brute force, fairlearn and the published table."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import (
    demographic_parity_difference,
    equal_opportunity_difference,
    equalized_odds_difference,
)
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score
from statsmodels.stats.contingency_tables import mcnemar

from mlops_lit.errors import InputError
from mlops_lit.govern.mitigation import (
    GAP_CRITERIA,
    LEGAL_NOTE,
    MAX_GROUPS,
    changes_by_group,
    mitigation_effect,
    reweighing_effect,
    reweighing_table,
    reweighing_weights,
)
from mlops_lit.govern.thresholds import group_thresholds, judged_thresholds, threshold_frontier

FAIRLEARN_GAP = {
    "demographic_parity": demographic_parity_difference,
    "equal_opportunity": equal_opportunity_difference,
    "equalized_odds": equalized_odds_difference,
}
FAIRLEARN_NAME = {
    "demographic_parity": "demographic_parity",
    "equal_opportunity": "true_positive_rate_parity",
    "equalized_odds": "equalized_odds",
}


def rows(n: int, n_groups: int, digits: int, seed: int = 0, n_each: bool = False):
    "Outcomes, scores with ties, and groups whose scores and base rates differ."
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % n_groups if n_each else rng.integers(0, n_groups, n)
    y = (rng.random(n) < 0.45 + 0.1 * codes).astype(int)
    score = np.round(0.4 + 0.25 * y - 0.08 * codes + 0.2 * rng.normal(size=n), digits)
    return y, score, np.array(["a", "b", "c", "d"])[codes]


def plain_gap(criterion, y, decided, groups):
    "The gap, written once more from its definition."
    rates = {
        "demographic_parity": [np.ones_like(y)],
        "equal_opportunity": [y],
        "equalized_odds": [y, 1 - y],
    }
    gaps = []
    for among in rates[criterion]:
        of = [decided[(groups == g) & (among == 1)].mean() for g in np.unique(groups)]
        gaps.append(max(of) - min(of))
    return max(gaps)


def brute_force(y, score, groups, criterion, max_gap, worth):
    "The best value over all combinations of thresholds whose gap is small enough."
    names = np.unique(groups)
    options = [[*np.unique(score[groups == name]), math.inf] for name in names]
    best = -math.inf
    for bars in itertools.product(*options):
        decided = (score >= np.array(bars)[np.searchsorted(names, groups)]).astype(int)
        value = worth[2 * y + decided].mean()
        if value > best and plain_gap(criterion, y, decided, groups) <= max_gap + 1e-12:
            best = value
    return best


@pytest.mark.parametrize("criterion", list(GAP_CRITERIA))
@pytest.mark.parametrize("max_gap", [0.0, 0.06, 0.3])
@pytest.mark.parametrize("values", [None, {"true_positives": 3, "false_positives": -5}])
def test_thresholds_are_the_best_of_all_combinations(criterion, max_gap, values):
    y, score, groups = rows(90, 2, 1)
    worth = np.array([1.0, 0, 0, 1] if values is None else [0.0, -5, 0, 3])
    found = group_thresholds(
        y, score, groups, criterion, max_gap=max_gap, values=values, min_group_size=1
    )
    decided = found.selected(score, groups)
    assert found.gap == pytest.approx(
        FAIRLEARN_GAP[criterion](y, decided, sensitive_features=groups), abs=1e-12
    )
    assert found.gap <= max_gap + 1e-12
    assert found.value == pytest.approx(worth[2 * y + decided].mean(), abs=1e-12)
    assert found.value == pytest.approx(
        brute_force(y, score, groups, criterion, max_gap, worth), abs=1e-12
    )


def test_three_groups_are_solved_exactly():
    y, score, groups = rows(50, 3, 1, seed=4)
    for criterion in GAP_CRITERIA:
        found = group_thresholds(y, score, groups, criterion, max_gap=0.15, min_group_size=1)
        best = brute_force(y, score, groups, criterion, 0.15, np.array([1.0, 0, 0, 1]))
        assert found.value == pytest.approx(best, abs=1e-12)


@pytest.mark.filterwarnings("ignore:The value of `prefit`")
@pytest.mark.parametrize("criterion", list(GAP_CRITERIA))
def test_what_lots_would_reach_is_what_fairlearn_reaches(criterion):
    y, score, groups = rows(200, 2, 2, seed=2, n_each=True)  # 100 rows each
    for g in "ab":  # and 50 with each outcome: every rate lies on fairlearn's grid
        y[np.flatnonzero(groups == g)] = np.tile([0, 1], 50)
    rng = np.random.default_rng(9)
    score = np.round(0.4 + 0.2 * y - 0.1 * (groups == "b") + 0.2 * rng.normal(size=200), 2)

    class Scores(BaseEstimator):
        "A model whose only feature is its score."

        def fit(self, X, y):
            return self

        def predict(self, X):
            return np.asarray(X).ravel()

    theirs = ThresholdOptimizer(
        estimator=Scores(),
        constraints=FAIRLEARN_NAME[criterion],
        objective="accuracy_score",
        grid_size=20_000,
        prefit=True,
        predict_method="predict",
    ).fit(score[:, None], y, sensitive_features=groups)
    chance = theirs._pmf_predict(score[:, None], sensitive_features=groups)[:, 1]
    accuracy = np.mean(np.where(y == 1, chance, 1 - chance))
    found = group_thresholds(y, score, groups, criterion, max_gap=0.0, min_group_size=1)
    assert found.value_randomised == pytest.approx(accuracy, abs=1e-4)  # Their grid has steps
    assert found.value <= found.value_randomised + 1e-12


@pytest.mark.parametrize("criterion", list(GAP_CRITERIA))
def test_gaps_and_accuracy_are_those_of_fairlearn_and_sklearn(criterion):
    y, score, groups = rows(3000, 3, 3)
    choose, judge = slice(0, 1500), slice(1500, 3000)
    rule = group_thresholds(y[choose], score[choose], groups[choose], criterion)
    effect = judged_thresholds(rule, y[judge], score[judge], groups[judge], n_resamples=50)
    after = rule.selected(score[judge], groups[judge])
    before = (score[judge] >= 0.5).astype(int)
    measures = effect.measures.set_index("measure")
    for name, gap in FAIRLEARN_GAP.items():
        theirs = [
            gap(y[judge], decided, sensitive_features=groups[judge]) for decided in (before, after)
        ]
        assert measures.loc[name, ["before", "after"]].tolist() == pytest.approx(theirs, abs=1e-12)
        assert measures.loc[name, "change"] == pytest.approx(theirs[1] - theirs[0], abs=1e-12)
    assert measures.loc["accuracy", "after"] == accuracy_score(y[judge], after)
    assert rule.criterion == criterion
    assert LEGAL_NOTE in effect.findings()


def test_changes_count_every_person_once():
    y, score, groups = rows(500, 3, 2)
    before, after = (score >= 0.5).astype(int), (score >= 0.4).astype(int)
    effect = mitigation_effect(y, before, after, groups, n_resamples=20)
    frame = pd.DataFrame({"y": y, "b": before, "a": after, "g": groups})
    for row in effect.groups.itertuples():
        part = frame[frame["g"] == row.group]
        assert row.n == len(part)
        assert row.gained == ((part["b"] == 0) & (part["a"] == 1)).sum()
        assert row.lost == ((part["b"] == 1) & (part["a"] == 0)).sum()
        deserving = part[part["y"] == 1]
        assert row.gained_deserving == ((deserving["b"] == 0) & (deserving["a"] == 1)).sum()
        assert row.true_positive_rate_after == deserving["a"].mean()
    assert changes_by_group(y, before, after, groups)[0].sum() == 500


def test_paired_intervals_are_narrower_than_their_parts_and_close_to_the_normal_one():
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, 4000), rng.random(4000)
    effect = mitigation_effect(y, score >= 0.5, score >= 0.45, ["a", "b"] * 2000)
    row = effect.measures.set_index("measure").loc["accuracy"]
    change = ((score >= 0.45) == y).astype(float) - ((score >= 0.5) == y)
    half = 1.96 * change.std() / math.sqrt(4000)
    assert row["upper"] - row["lower"] == pytest.approx(2 * half, rel=0.1)
    assert row["upper"] - row["lower"] < row["after_upper"] - row["after_lower"]
    lost, gained = int((change < 0).sum()), int((change > 0).sum())
    p = mcnemar([[0, lost], [gained, 0]], exact=False, correction=False).pvalue
    assert (p < 0.05) == (row["lower"] > 0 or row["upper"] < 0)


def test_the_frontier_costs_less_the_more_is_allowed():
    y, score, groups = rows(4000, 3, 3)
    for criterion in GAP_CRITERIA:
        frame = threshold_frontier(y, score, groups, criterion, n_steps=8).frame()
        assert frame["value"].is_monotonic_increasing
        assert frame["max_gap"].iloc[0] == 0
        assert (frame["gap"] <= frame["max_gap"] + 1e-12).all()
        assert (frame["value"].iloc[-1] >= frame["value_before"]).all()


def test_reweighing_is_the_table_of_kamiran_and_calders():
    sex, hired = ["m"] * 5 + ["f"] * 5, [1, 1, 1, 1, 0, 1, 1, 0, 0, 0]
    weight = reweighing_table(hired, sex).set_index(["group", "outcome"])["weight"]
    published = {("m", 1): 0.75, ("m", 0): 2.0, ("f", 1): 1.5, ("f", 0): 2 / 3}
    assert weight.to_dict() == pytest.approx(published, abs=1e-12)


def test_reweighing_makes_group_and_outcome_independent():
    y, _, groups = rows(3000, 4, 2)
    given = np.random.default_rng(1).random(3000)
    weight = reweighing_weights(y, groups, given)
    assert weight.sum() == pytest.approx(given.sum())
    rates = [np.average(y[groups == g], weights=weight[groups == g]) for g in "abcd"]
    assert rates == pytest.approx([np.average(y, weights=given)] * 4, abs=1e-12)
    for g in "abcd":  # As AIF360 writes it: n_group * n_outcome / (n * n_group_outcome)
        for value in (0, 1):
            cell = (groups == g) & (y == value)
            share = given[groups == g].sum() * given[y == value].sum() / given.sum()
            assert weight[cell] == pytest.approx(given[cell] * share / given[cell].sum(), abs=1e-12)


def test_reweighing_refits_with_exactly_these_weights():
    y, score, groups = rows(400, 2, 3)
    seen = []

    def fit(X, outcome, sample_weight):
        seen.append(sample_weight)
        return lambda rows: rows

    effect = reweighing_effect(fit, (score, y, groups), (score, y, groups), n_resamples=10)
    assert seen[0] == pytest.approx(np.ones(400))
    assert seen[1] == pytest.approx(reweighing_weights(y, groups))
    assert not effect.uses_group
    assert effect.groups[["gained", "lost"]].to_numpy().sum() == 0


def test_many_rows_and_many_groups_have_a_clear_answer():
    n = 50_000
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, n), rng.random(n)
    each = group_thresholds(y, score, np.arange(n), "demographic_parity")
    assert each.thresholds == {}
    assert len(each.left_out) == n
    effect = judged_thresholds(each, y, score, np.arange(n), n_resamples=20)
    assert effect.change("accuracy").value == 0
    assert math.isnan(effect.change("equalized_odds").value)
    many = np.arange(n) % (MAX_GROUPS + 1)
    with pytest.raises(InputError, match="1,001 groups"):
        group_thresholds(y, score, many, "demographic_parity")
    with pytest.raises(InputError, match="1,001 groups"):
        mitigation_effect(y, y, y, many)


def test_large_samples_keep_the_gap_though_cuts_are_thinned():
    y, score, groups = rows(30_000, 4, 9)
    for criterion in GAP_CRITERIA:
        found = group_thresholds(y, score, groups, criterion, max_gap=0.01)
        decided = found.selected(score, groups)
        assert found.gap <= 0.01
        gap = FAIRLEARN_GAP[criterion](y, decided, sensitive_features=groups)
        assert found.gap == pytest.approx(gap, abs=1e-12)
        if criterion != "equalized_odds":
            assert found.value > found.value_randomised - 0.004
