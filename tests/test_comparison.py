"""Comparisons of models agree with statsmodels, SciPy, scikit-learn and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mlops_lit.errors import InputError
from mlops_lit.evaluate.baselines import simple_rule
from mlops_lit.evaluate.comparison import (
    accuracy_difference,
    average_precision_difference,
    brier_difference,
    equivalence,
    error_difference,
    log_loss_difference,
    log_losses,
    loss_difference,
    mcnemar,
    rate_difference,
    roc_auc_difference,
    statistic_difference,
)
from mlops_lit.evaluate.disagreement import difference_by_slice
from mlops_lit.evaluate.intervals import holm
from mlops_lit.evaluate.leaderboard import compare_scores
from mlops_lit.evaluate.leakage import (
    check_missingness,
    check_single_columns,
    check_target_copies,
)
from mlops_lit.evaluate.method_warnings import (
    method_warnings,
    optimism_of_the_best,
    required_training_rows,
)

EXACT = {"rel": 1e-9, "abs": 1e-12}


def two_models(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    "Outcome, two scores with ties, and weights."
    rng = np.random.default_rng(seed)
    signal, more = rng.normal(size=n), rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(-signal - more))).astype(int)
    model = np.round(1 / (1 + np.exp(-signal - 0.7 * more)), 2)
    baseline = np.round(1 / (1 + np.exp(-signal)), 2)
    return y, model, baseline, rng.integers(1, 4, n).astype(float)


@pytest.mark.parametrize("seed", range(3))
def test_delong_agrees_with_all_pairs(seed: int):
    y, model, baseline, _ = two_models(seed)
    kernels = []
    for score in (model, baseline):
        gap = score[y == 1][:, None] - score[y == 0][None, :]
        kernels.append((gap > 0) + 0.5 * (gap == 0))
    one, two = kernels
    diff = one - two
    variance = diff.mean(axis=1).var(ddof=1) / (y == 1).sum()
    variance += diff.mean(axis=0).var(ddof=1) / (y == 0).sum()
    found = roc_auc_difference(y, model, baseline)
    half = 1.959963984540054 * math.sqrt(variance)
    assert found.model == pytest.approx(one.mean(), **EXACT)
    assert found.difference.value == pytest.approx(diff.mean(), **EXACT)
    assert found.difference.upper == pytest.approx(diff.mean() + half, **EXACT)


def test_weighted_values_agree_with_scikit_learn():
    from sklearn.metrics import (
        average_precision_score,
        brier_score_loss,
        f1_score,
        log_loss,
        precision_score,
        recall_score,
        roc_auc_score,
    )

    y, model, baseline, weight = two_models(3)
    inside = np.clip(model, 0.01, 0.99), np.clip(baseline, 0.01, 0.99)
    by_score = {
        roc_auc_difference: roc_auc_score,
        average_precision_difference: average_precision_score,
        brier_difference: brier_score_loss,
        log_loss_difference: log_loss,
    }
    for ours, theirs in by_score.items():
        found = ours(y, *inside, sample_weight=weight)
        expected = [theirs(y, score, sample_weight=weight) for score in inside]
        assert [found.model, found.baseline] == pytest.approx(expected, **EXACT), ours
    decided = [(score >= 0.5).astype(int) for score in inside]
    by_rate = {"precision": precision_score, "true_positive_rate": recall_score, "f1": f1_score}
    for rate, theirs in by_rate.items():
        found = rate_difference(y, *decided, rate, sample_weight=weight)
        expected = [theirs(y, each, sample_weight=weight) for each in decided]
        assert [found.model, found.baseline] == pytest.approx(expected, **EXACT), rate


def test_many_classes_agree_with_scikit_learn():
    from sklearn.metrics import log_loss

    rng = np.random.default_rng(4)
    y = rng.choice(["a", "b", "c"], 200)
    probabilities = [rng.dirichlet([1, 1, 1], 200) for _ in range(2)]
    found = log_loss_difference(y, *probabilities)
    expected = [log_loss(y, p) for p in probabilities]
    assert [found.model, found.baseline] == pytest.approx(expected, **EXACT)
    assert log_losses(["a"], [[0.2, 0.8]], ["a", "b"]) == pytest.approx([-math.log(0.2)])


@pytest.mark.parametrize("error", ["squared", "absolute"])
def test_errors_of_numbers_are_a_paired_t_test(error: str):
    from scipy.stats import ttest_rel

    rng = np.random.default_rng(5)
    y = rng.normal(size=25)
    one, two = y + rng.normal(0, 0.5, 25), y + rng.normal(0, 0.8, 25)
    losses = [np.abs(p - y) if error == "absolute" else (p - y) ** 2 for p in (one, two)]
    theirs = ttest_rel(*losses)
    interval = theirs.confidence_interval(0.9)
    ours = error_difference(y, one, two, error, confidence=0.9)
    assert ours.p_value == pytest.approx(theirs.pvalue, **EXACT)
    assert (ours.difference.lower, ours.difference.upper) == pytest.approx(tuple(interval), **EXACT)


def test_the_root_follows_the_bootstrap():
    rng = np.random.default_rng(6)
    y = rng.normal(size=800)
    one, two = y + rng.normal(0, 0.5, 800), y + rng.normal(0, 0.55, 800)
    ours = error_difference(y, one, two, "root")
    resampled = statistic_difference(
        lambda truth, p: math.sqrt(np.mean((truth - p) ** 2)), y, one, two, higher_is_better=False
    )
    assert ours.difference.value == pytest.approx(resampled.difference.value, **EXACT)
    assert ours.difference.lower == pytest.approx(resampled.difference.lower, abs=0.008)
    assert ours.difference.upper == pytest.approx(resampled.difference.upper, abs=0.008)


def test_weights_are_those_of_a_weighted_mean():
    from statsmodels.stats.weightstats import DescrStatsW

    y, model, baseline, weight = two_models(7)
    ours = loss_difference((y - model) ** 2, (y - baseline) ** 2, weight)
    gap = (y - model) ** 2 - (y - baseline) ** 2
    assert ours.difference.value == pytest.approx(DescrStatsW(gap, weight).mean, **EXACT)
    n = len(gap)  # The linearised variance of a ratio, by hand
    spread = np.sum((weight * (gap - ours.difference.value)) ** 2) * n / (n - 1) / weight.sum() ** 2
    error = (ours.difference.upper - ours.difference.lower) / 2 / 1.9679296690653114
    assert error == pytest.approx(math.sqrt(spread), rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_mcnemar_and_mid_p_agree_with_statsmodels_and_scipy(seed: int):
    from scipy.stats import binom
    from statsmodels.stats.contingency_tables import mcnemar as reference

    b, c = np.random.default_rng(seed).integers(0, 40, 2).tolist()
    assert mcnemar(b, c) == pytest.approx(reference([[9, b], [c, 9]], exact=True).pvalue, **EXACT)
    mid = 2 * binom.cdf(min(b, c), b + c, 0.5) - binom.pmf(min(b, c), b + c, 0.5)
    assert mcnemar(b, c, mid_p=True) == pytest.approx(min(1, mid), **EXACT)


def test_rates_of_the_positives_are_mcnemar_among_them():
    y, model, baseline, _ = two_models(8)
    one, two = (model >= 0.5).astype(int), (baseline >= 0.5).astype(int)
    found = rate_difference(y, one, two, "true_positive_rate")
    among = accuracy_difference(y[y == 1], one[y == 1], two[y == 1])
    assert found.p_value == among.p_value
    assert found.difference == among.difference
    false = rate_difference(y, one, two, "false_positive_rate")
    right = rate_difference(y, one, two, "true_negative_rate")
    assert false.difference.value == pytest.approx(-right.difference.value, **EXACT)
    assert false.gain.lower == pytest.approx(right.gain.lower, **EXACT)


def test_precision_follows_the_bootstrap():
    y, model, baseline, _ = two_models(9, 2000)
    one, two = (model >= 0.6).astype(int), (baseline >= 0.4).astype(int)
    ours = rate_difference(y, one, two, "precision").difference
    theirs = statistic_difference(lambda t, p: t[p == 1].mean(), y, one, two).difference
    assert ours.value == pytest.approx(theirs.value, **EXACT)
    assert (ours.lower, ours.upper) == pytest.approx((theirs.lower, theirs.upper), abs=0.006)


def test_equivalence_agrees_with_statsmodels():
    from statsmodels.stats.weightstats import ttost_paired

    rng = np.random.default_rng(10)
    one, two = rng.normal(1, 1, 40), rng.normal(1.05, 1, 40)
    found = equivalence(loss_difference(one, two), 0.5)
    p_value, lower, upper = ttost_paired(one, two, -0.5, 0.5)
    assert found.p_equivalent == pytest.approx(p_value, **EXACT)
    # A loss: the gain is baseline minus model, so "not worse" is the upper test of the difference
    assert found.p_not_worse == pytest.approx(upper[1], **EXACT)
    assert lower[1] <= p_value


def test_holm_agrees_with_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(11).random(20) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], **EXACT)
    with_gap = holm([*p, math.nan])
    assert with_gap[:-1] == pytest.approx(holm(p))
    assert math.isnan(with_gap[-1])


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng, hits = np.random.default_rng(12), 0
    for _ in range(400):
        x = rng.normal(size=(2, 200))
        y = (rng.random(200) < 1 / (1 + np.exp(-x.sum(axis=0)))).astype(int)
        found = average_precision_difference(y, x[0], x[1]).difference
        hits += found.lower <= 0 <= found.upper  # The two are equally good
    assert 0.92 < hits / 400 < 0.98


@pytest.mark.parametrize(
    "compare",
    [roc_auc_difference, average_precision_difference, brier_difference, log_loss_difference],
)
def test_edges_are_defined(compare):
    y, model, baseline, _ = two_models(13)
    same = compare(y, model, model)
    assert same.difference.value == 0
    assert same.verdict == "not compared"
    assert "on every row" in same.difference.method
    assert math.isnan(compare([1], [0.4], [0.6]).difference.lower)
    assert math.isnan(compare([], [], []).difference.value)
    perfect = compare(y, y.astype(float), baseline)
    assert perfect.verdict == "better"
    assert min(abs(perfect.model), abs(perfect.model - 1)) < 1e-12
    with pytest.raises(InputError, match="missing or infinite"):
        compare(y, np.where(model > 0.9, np.nan, model), baseline)
    with pytest.raises(InputError, match="has shape"):
        compare(y, model[1:], baseline)
    swapped = compare(y, baseline, model)
    forth = compare(y, model, baseline)
    assert swapped.difference.upper == pytest.approx(-forth.difference.lower, **EXACT)
    assert swapped.p_value == pytest.approx(forth.p_value, **EXACT)


def test_rows_without_weight_do_not_count():
    y, model, baseline, weight = two_models(14)
    weight[::3] = 0
    kept = weight > 0
    for compare in (roc_auc_difference, average_precision_difference, brier_difference):
        all_rows = compare(y, model, baseline, sample_weight=weight).difference
        some = compare(y[kept], model[kept], baseline[kept], sample_weight=weight[kept]).difference
        assert (all_rows.value, all_rows.upper) == pytest.approx((some.value, some.upper), **EXACT)


def test_the_leaderboard_agrees_with_its_parts_and_with_any_kind_of_table(tmp_path):
    import duckdb
    import pandas as pd
    import polars as pl
    from sklearn.metrics import average_precision_score, roc_auc_score

    y, model, baseline, weight = two_models(15)
    table = pd.DataFrame({"y": y, "model": model, "baseline": baseline, "w": weight})
    table.to_parquet(tmp_path / "scores.parquet")
    relation = duckdb.from_df(table)
    kinds = [table, pl.from_pandas(table), tmp_path / "scores.parquet", relation]
    boards = [compare_scores(data, "y", ["model", "baseline"]) for data in kinds]
    assert all(board == boards[0] for board in boards[1:])
    assert boards[0].pairs[0].difference == roc_auc_difference(y, model, baseline).difference
    weighted = compare_scores(table, "y", ["model", "baseline"], sample_weight="w")
    for metric, theirs in {"roc_auc": roc_auc_score, "average_precision": average_precision_score}.items():  # fmt: skip
        expected = theirs(y, model, sample_weight=weight)
        assert weighted.estimates[metric]["model"].value == pytest.approx(expected, **EXACT)


def test_a_simple_rule_on_numbers_is_a_stump_of_scikit_learn():
    import pandas as pd
    from sklearn.tree import DecisionTreeRegressor

    rng = np.random.default_rng(16)
    frame = pd.DataFrame({"x": rng.integers(0, 60, 900), "z": rng.integers(0, 60, 900)})
    frame["y"] = 2.0 * (frame["x"] > 22) + rng.normal(0, 0.5, 900)
    rule = simple_rule(frame, "y", ["x", "z"])
    tree = DecisionTreeRegressor(max_depth=1, min_samples_leaf=20).fit(frame[["x"]], frame["y"])
    assert rule.rule["column"] == "x"
    assert rule.rule["at"] == math.floor(tree.tree_.threshold[0])
    assert rule.apply(frame) == pytest.approx(tree.predict(frame[["x"]]), **EXACT)


def test_slices_are_tests_of_their_own_rows():
    import pandas as pd
    from scipy.stats import norm

    y, model, baseline, _ = two_models(17, 900)
    frame = pd.DataFrame({"part": np.random.default_rng(0).choice(list("abc"), 900)})
    losses = (model - y) ** 2, (baseline - y) ** 2
    table = difference_by_slice(frame, *losses, ["part"]).frame().set_index("slice")
    for part in "abc":
        rows = (frame["part"] == part).to_numpy()
        alone = brier_difference(y[rows], model[rows], baseline[rows])
        assert table.loc[part, "gain"] == pytest.approx(alone.gain.value, **EXACT)
        assert table.loc[part, "lower"] == pytest.approx(alone.gain.lower, **EXACT)
        assert table.loc[part, "p_value"] == pytest.approx(alone.p_value, **EXACT)
        gain = losses[1] - losses[0]
        apart = gain[rows].mean() - gain[~rows].mean()
        error = math.hypot(*(gain[r].std(ddof=1) / math.sqrt(r.sum()) for r in (rows, ~rows)))
        assert table.loc[part, "p_special"] == pytest.approx(2 * norm.sf(abs(apart / error)), **EXACT)  # fmt: skip


def test_real_data_raises_no_false_alarm():
    import pandas as pd
    from sklearn.datasets import load_breast_cancer, load_diabetes

    cancer = load_breast_cancer(as_frame=True).frame
    assert check_single_columns(cancer, "target").passed  # "worst perimeter" alone reaches 0.97
    assert check_target_copies(cancer, "target").passed is not False  # All columns are measurements
    assert check_missingness(cancer, "target").passed
    diabetes = load_diabetes(as_frame=True).frame
    assert check_single_columns(diabetes, "target").passed
    assert check_target_copies(diabetes, "target").passed
    shuffled = cancer.sample(frac=1, random_state=0)
    train, test = shuffled[:400], shuffled[400:]
    features = [name for name in cancer if name != "target"]
    found = method_warnings(test, "target", features, train=train)
    assert [check.name for check in found.found if check.passed is False] == []
    told = cancer.assign(
        copy=cancer["target"] * 3 - 1, words=cancer["target"].map({0: "b", 1: "m"})
    )
    caught = check_target_copies(told, "target")
    assert "copy" in caught.detail
    assert "words" in caught.detail
    assert check_single_columns(pd.DataFrame(told[["copy", "target"]]), "target").passed is False


def test_rows_needed_agree_with_riley_et_al():
    assert required_training_rows(30, 0.05, 0.05)["shrinkage"] == 5249
    # Their other example: 24 parameters and an R² of 0.288
    assert required_training_rows(24, 0.174, 0.288)["shrinkage"] == 623


@pytest.mark.parametrize("k", [2, 5, 40])
def test_the_optimism_of_the_best_agrees_with_scipy(k: int):
    from scipy.integrate import quad
    from scipy.stats import norm

    expected, _ = quad(lambda z: z * k * norm.pdf(z) * norm.cdf(z) ** (k - 1), -12, 12)
    assert optimism_of_the_best(k, 0.02) == pytest.approx(0.02 * expected, rel=1e-6)
