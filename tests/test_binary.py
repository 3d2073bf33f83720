"""The evaluation of a binary outcome against scikit-learn, statsmodels and brute force, with weights, ties and at the edges."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_lit.errors import InputError
from mlops_lit.evaluate.binary import METRICS, binary_evaluation, evaluate_binary
from mlops_lit.evaluate.calibration import (
    bin_edges,
    brier_decomposition,
    calibration_line,
    expected_calibration_error,
    reliability_table,
)
from mlops_lit.evaluate.confusion import (
    balanced_accuracy,
    confusion,
    confusion_at,
    matthews_correlation,
    threshold_table,
)
from mlops_lit.evaluate.discrimination import (
    average_precision,
    brier_over_base_rate,
    brier_score,
    delong,
    gain_table,
    ks_statistic,
    log_loss,
    pr_curve,
    roc_auc,
    roc_curve,
)
from mlops_lit.evaluate.intervals import z_value
from mlops_lit.evaluate.ordering import ranked
from mlops_lit.evaluate.recalibration import Calibrator, fit_calibrator, recalibration

EXACT = {"rel": 1e-9, "abs": 1e-11}
Rows = tuple[np.ndarray, np.ndarray, np.ndarray | None]


def rows(seed: int, ties: bool, weights: str | None, n: int = 400) -> Rows:
    "Outcomes, probabilities and weights, perhaps with many ties, perhaps with weights of 0."
    rng = np.random.default_rng(seed)
    score = rng.beta(2, 1.5, n)
    y_true = (rng.random(n) < score).astype(int)
    drawn = rng.gamma(1, 1, n)
    weight = {None: None, "positive": drawn, "zeros": drawn * (rng.random(n) < 0.7)}[weights]
    return y_true, score.round(1) if ties else score, weight


CASES = [
    pytest.param(seed, ties, weights, id=f"{seed}-{'ties' if ties else 'distinct'}-{weights}")
    for seed in range(3)
    for ties in (False, True)
    for weights in (None, "positive", "zeros")
]


@pytest.mark.parametrize(("seed", "ties", "weights"), CASES)
def test_metrics_agree_with_scikit_learn(seed: int, ties: bool, weights: str | None) -> None:
    from sklearn import metrics

    y, score, weight = rows(seed, ties, weights)
    decided = (score >= 0.6).astype(int)
    found = binary_evaluation(y, score, weight, threshold=0.6).values()
    fpr, tpr, _ = metrics.roc_curve(y, score, sample_weight=weight)
    kept = {"sample_weight": weight}
    theirs = {
        "roc_auc": metrics.roc_auc_score(y, score, **kept),
        "average_precision": metrics.average_precision_score(y, score, **kept),
        "ks_statistic": (tpr - fpr).max(),
        "brier_score": metrics.brier_score_loss(y, score, **kept),
        "log_loss": metrics.log_loss(y, score, **kept),
        "accuracy": metrics.accuracy_score(y, decided, **kept),
        "precision": metrics.precision_score(y, decided, **kept),
        "true_positive_rate": metrics.recall_score(y, decided, **kept),
        "f1": metrics.f1_score(y, decided, **kept),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, decided, **kept),
        "matthews_correlation": metrics.matthews_corrcoef(y, decided, **kept),
        "calibration_in_the_large": np.average(y - score, weights=weight),
        "selection_rate": np.average(decided, weights=weight),
    }
    assert {name: found[name] for name in theirs} == pytest.approx(theirs, **EXACT)


@pytest.mark.parametrize(("seed", "ties", "weights"), CASES)
def test_curves_have_the_points_of_scikit_learn(seed: int, ties: bool, weights: str | None) -> None:
    from sklearn import metrics

    y, score, weight = rows(seed, ties, weights)
    if weights == "zeros":  # scikit-learn keeps thresholds that only rows without weight have
        kept = weight > 0
        y, score, weight = y[kept], score[kept], weight[kept]
    fpr, tpr, at = metrics.roc_curve(y, score, sample_weight=weight, drop_intermediate=False)
    ours = roc_curve(y, score, weight, keep_straight=True)
    assert ours["false_positive_rate"].to_numpy() == pytest.approx(fpr, **EXACT)
    assert ours["true_positive_rate"].to_numpy() == pytest.approx(tpr, **EXACT)
    assert ours["threshold"].to_numpy() == pytest.approx(at)

    precision, recall, at = metrics.precision_recall_curve(y, score, sample_weight=weight)
    curve = pr_curve(y, score, weight)[::-1]
    assert curve["precision"].to_numpy() == pytest.approx(precision[:-1], **EXACT)
    assert curve["recall"].to_numpy() == pytest.approx(recall[:-1], **EXACT)
    assert curve["threshold"].to_numpy() == pytest.approx(at)

    every = threshold_table(ranked(y, score, weight), None).iloc[1:]
    assert every["true_positive_rate"].to_numpy() == pytest.approx(tpr[1:], **EXACT)
    assert every["precision"].to_numpy() == pytest.approx(precision[:-1][::-1], **EXACT)
    f1 = [metrics.f1_score(y, score >= t, sample_weight=weight) for t in every["threshold"]]
    assert every["f1"].to_numpy() == pytest.approx(f1, **EXACT)


@pytest.mark.parametrize(("seed", "ties", "weights"), CASES)
def test_a_ranking_and_its_rows_give_the_same(seed: int, ties: bool, weights: str | None) -> None:
    y, score, weight = rows(seed, ties, weights)
    ranking = ranked(y, score, weight)
    for measure in (roc_auc, average_precision, ks_statistic, brier_score, log_loss):
        assert measure(ranking) == measure(y, score, weight)
    assert confusion_at(ranking, 0.6).cells() == pytest.approx(
        confusion(y, score >= 0.6, weight).cells(), **EXACT
    )
    if weight is None:
        assert bin_edges(ranking).tolist() == bin_edges(score).tolist()
    for bins in (3, 7, 10):
        frame = reliability_table(ranking, n_bins=bins)
        assert frame["n"].sum() == pytest.approx(len(y) if weight is None else weight.sum())


def delong_by_pairs(
    y: np.ndarray, weight: np.ndarray, *scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    "Weighted areas and their covariance over all pairs of one positive and one negative."
    positive, negative = weight[y == 1], weight[y == 0]
    psi = [np.sign(s[y == 1][:, None] - s[y == 0]) / 2 + 0.5 for s in scores]
    above = np.array([p @ negative / negative.sum() for p in psi])
    below = np.array([positive @ p / positive.sum() for p in psi])
    areas = above @ positive / positive.sum()
    covariance = np.zeros((len(psi), len(psi)))
    for placed, w in ((above, positive), (below, negative)):
        moves = (placed - areas[:, None]) * w / w.sum()
        covariance += moves @ moves.T * len(w) / (len(w) - 1)
    return areas, covariance


@pytest.mark.parametrize(("seed", "ties", "weights"), CASES)
def test_delong_agrees_with_all_pairs(seed: int, ties: bool, weights: str | None) -> None:
    y, score, weight = rows(seed, ties, weights)
    other = np.clip(score + np.random.default_rng(seed).normal(0, 0.3, len(y)), 0, 1).round(2)
    w = np.ones(len(y)) if weight is None else weight
    kept = w > 0
    areas, covariance = delong_by_pairs(y[kept], w[kept], score[kept], other[kept])
    ours, our_covariance = delong(y, score, other, sample_weight=weight)
    assert ours == pytest.approx(areas, **EXACT)
    assert our_covariance == pytest.approx(covariance, **EXACT)
    area = roc_auc(y, score, weight)
    half = z_value(0.95) * math.sqrt(covariance[0, 0])
    assert (area.lower, area.upper) == pytest.approx((areas[0] - half, areas[0] + half), **EXACT)


def numeric_variance(statistic: Callable[[np.ndarray], float], weight: np.ndarray) -> float:
    "The infinitesimal jackknife by brute force: each row's weight a little more and a little less."
    total, step = 0.0, 1e-5
    for i in np.flatnonzero(weight > 0):
        move = np.zeros(len(weight))
        move[i] = step
        slope = (statistic(weight + move) - statistic(weight - move)) / (2 * step)
        total += (slope * weight[i]) ** 2
    n = int((weight > 0).sum())
    return total * n / (n - 1)


STATISTICS: dict[str, Callable] = {
    "average_precision": average_precision,
    "brier_score": brier_score,
    "log_loss": log_loss,
    "ks_statistic": ks_statistic,
    "slope": lambda y, s, w: calibration_line(y, s, w)["slope"],
    "intercept": lambda y, s, w: calibration_line(y, s, w)["intercept"],
}


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("weights", [None, "positive"])
@pytest.mark.parametrize("ties", [False, True])
def test_intervals_are_the_infinitesimal_jackknife(
    name: str, weights: str | None, ties: bool
) -> None:
    y, score, weight = rows(5, ties, weights, n=120)
    measure = STATISTICS[name]
    ours = measure(y, score, weight)
    w = np.ones(len(y)) if weight is None else weight
    error = math.sqrt(numeric_variance(lambda u: measure(y, score, u).value, w))
    if name == "average_precision":  # On the scale of log-odds
        sides = [math.log(x / (1 - x)) for x in (ours.lower, ours.value, ours.upper)]
        half = z_value(0.95) * error / (ours.value * (1 - ours.value))
    else:
        sides = [ours.lower, ours.value, ours.upper]
        half = z_value(0.95) * error
    assert np.diff(sides) == pytest.approx([half, half], rel=1e-5)


@pytest.mark.parametrize("weights", [None, "positive"])
def test_intervals_of_decisions_are_close_to_the_bootstrap(weights: str | None) -> None:
    y, score, weight = rows(2, False, weights, n=3000)
    w = np.ones(len(y)) if weight is None else weight
    rng, decided = np.random.default_rng(0), score >= 0.6
    draws = [w * rng.exponential(size=len(y)) for _ in range(600)]
    for measure in (
        matthews_correlation,
        balanced_accuracy,
        lambda c: c.rate("precision"),
        lambda c: c.rate("f1"),
    ):
        ours = measure(confusion(y, decided, weight))
        resampled = np.quantile(
            [measure(confusion(y, decided, draw)).value for draw in draws], [0.025, 0.975]
        )
        assert (ours.lower, ours.upper) == pytest.approx(tuple(resampled), abs=0.005)


@pytest.mark.parametrize(("seed", "ties", "weights"), CASES)
def test_the_base_rate_is_compared_in_pairs(seed: int, ties: bool, weights: str | None) -> None:
    from statsmodels.stats.weightstats import DescrStatsW

    y, score, weight = rows(seed, ties, weights)
    w = np.ones(len(y)) if weight is None else weight
    rate = np.average(y, weights=w)
    gaps = (score - y) ** 2 - (rate - y) ** 2
    found = brier_over_base_rate(y, score, weight)
    assert found.value == pytest.approx(np.average(gaps, weights=w), **EXACT)
    kept = gaps[w > 0], w[w > 0]
    n, mean = len(kept[0]), found.value
    error = math.sqrt(n / (n - 1) * np.sum((kept[1] * (kept[0] - mean)) ** 2)) / w.sum()
    if weight is None:
        assert error == pytest.approx(DescrStatsW(gaps).std_mean, **EXACT)
    assert found.upper - found.value == pytest.approx(z_value(0.95) * error, **EXACT)
    evaluation = binary_evaluation(y, score, weight)
    assert evaluation.over_base_rate == found
    said = next(text for text in evaluation.findings() if text.startswith("**Probabilities."))
    assert ("better than saying" in said) == (found.upper < 0) == bool(evaluation.checks(beats_base_rate=True)[0].passed)  # fmt: skip


def test_a_weak_model_beats_the_base_rate_in_pairs_and_not_unpaired() -> None:
    rng = np.random.default_rng(8)
    p = rng.uniform(0.75, 0.97, 3000)
    y = (rng.random(3000) < p).astype(int)
    rate = y.mean()
    found = binary_evaluation(y, p)
    alone = found.metrics["brier_score"]
    assert alone.lower < rate * (1 - rate) < alone.upper
    assert found.over_base_rate is not None
    assert found.over_base_rate.upper < 0
    assert found.checks(beats_base_rate=True)[0].passed


def test_equal_weights_change_no_interval() -> None:
    y, score, _ = rows(1, True, None)
    plain = binary_evaluation(y, score, threshold=0.6)
    heavy = binary_evaluation(y, score, np.full(len(y), 2.5), threshold=0.6)
    quantiles = {"expected_calibration_error"}  # Weighted quantiles lie on scores, not between them
    for name in METRICS.keys() - quantiles:
        ours, theirs = heavy.metrics[name], plain.metrics[name]
        assert (ours.value, ours.lower, ours.upper) == pytest.approx(
            (theirs.value, theirs.lower, theirs.upper), nan_ok=True, **EXACT
        ), name
    bands = ["lower", "upper", "lift", "gain"]
    assert heavy.gains[bands].to_numpy() == pytest.approx(plain.gains[bands].to_numpy(), **EXACT)


def test_the_interval_of_average_precision_keeps_its_promise() -> None:
    rng = np.random.default_rng(3)
    y = rng.random(400_000) < 0.2
    truth = average_precision(y, rng.normal(1.5 * y, 1)).value
    held = 0
    for _ in range(400):
        y = rng.random(400) < 0.2
        found = average_precision(y, rng.normal(1.5 * y, 1))
        held += found.lower <= truth <= found.upper
    assert 0.92 <= held / 400 <= 0.98


@pytest.mark.parametrize("weights", [None, "positive", "zeros"])
def test_calibration_agrees_with_direct_sums(weights: str | None) -> None:
    y, score, weight = rows(4, False, weights)
    w = np.ones(len(y)) if weight is None else weight
    bins = np.minimum((score * 10).astype(int), 9)
    parts = [(w[bins == b], y[bins == b], score[bins == b]) for b in range(10)]
    parts = [(u, v, p) for u, v, p in parts if u.sum() > 0]
    share = np.array([u.sum() for u, _, _ in parts]) / w.sum()
    observed = np.array([np.average(v, weights=u) for u, v, _ in parts])
    promised = np.array([np.average(p, weights=u) for u, _, p in parts])
    table = reliability_table(y, score, 10, "uniform", sample_weight=weight)
    assert table["observed_rate"].to_numpy() == pytest.approx(observed, **EXACT)
    assert table["mean_predicted"].to_numpy() == pytest.approx(promised, **EXACT)
    error = expected_calibration_error(y, score, 10, "uniform", sample_weight=weight)
    assert error.value == pytest.approx(share @ np.abs(observed - promised), **EXACT)
    brier = brier_decomposition(y, score, 10, "uniform", sample_weight=weight)
    rate = np.average(y, weights=w)
    assert brier.reliability == pytest.approx(share @ (observed - promised) ** 2, **EXACT)
    assert brier.resolution == pytest.approx(share @ (observed - rate) ** 2, **EXACT)
    assert brier.brier == pytest.approx(np.average((score - y) ** 2, weights=w), **EXACT)


def test_chance_is_the_same_for_few_and_for_many_scores() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(2, 2, 20_000)
    y = rng.random(20_000) < p
    drawn = expected_calibration_error(y, p, n_resamples=2000).by_chance
    normal = expected_calibration_error(y, p, sample_weight=np.ones(20_000))
    assert normal.by_chance == pytest.approx(drawn, rel=0.04)


@pytest.mark.parametrize("weights", [None, "positive"])
@pytest.mark.parametrize("ties", [False, True])
def test_the_calibration_line_is_that_of_statsmodels(weights: str | None, ties: bool) -> None:
    import statsmodels.api as sm

    y, score, weight = rows(3, ties, weights)
    score = np.clip(score, 0.02, 0.98)
    X = sm.add_constant(np.log(score / (1 - score)))
    model = sm.GLM(y, X, family=sm.families.Binomial(), freq_weights=weight)
    reference = model.fit(tol=1e-14, maxiter=200)
    line = calibration_line(y, score, weight)
    ours = (line["intercept"].value, line["slope"].value)
    assert ours == pytest.approx(tuple(reference.params), rel=1e-8, abs=1e-9)
    if weight is None:
        robust = model.fit(tol=1e-14, maxiter=200, cov_type="HC0")
        error = (line["slope"].upper - line["slope"].value) / z_value(0.95)
        n = len(y)
        assert error == pytest.approx(robust.bse[1] * math.sqrt(n / (n - 1)), rel=1e-6)


def test_a_long_ranking_has_the_line_of_its_rows() -> None:
    from sklearn.linear_model import LogisticRegression

    y, score, _ = rows(0, False, None, n=50_000)
    x = np.log(score / (1 - score))
    reference = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x[:, None], y)
    platt = fit_calibrator(ranked(y, score), "platt")
    assert platt.slope == pytest.approx(reference.coef_[0, 0], rel=1e-6)
    assert platt.intercept == pytest.approx(reference.intercept_[0], rel=1e-5, abs=1e-6)
    assert platt.apply(score) == pytest.approx(reference.predict_proba(x[:, None])[:, 1], abs=1e-6)


@pytest.mark.parametrize(("seed", "ties", "weights"), CASES)
def test_the_staircase_is_that_of_scikit_learn(seed: int, ties: bool, weights: str | None) -> None:
    from sklearn.isotonic import IsotonicRegression

    y, score, weight = rows(seed, ties, weights)
    reference = IsotonicRegression(out_of_bounds="clip").fit(score, y, weight)
    ours = fit_calibrator(ranked(y, score, weight))
    wanted = np.r_[np.linspace(-0.1, 1.1, 500), score]
    assert ours.apply(wanted) == pytest.approx(reference.predict(wanted), **EXACT)
    again = Calibrator(**json.loads(json.dumps(ours.as_dict())))
    assert (again.apply(wanted) == ours.apply(wanted)).all()


def test_cross_fitting_judges_no_row_by_its_own_map() -> None:
    rng = np.random.default_rng(0)
    y, noise = rng.random(2000) < 0.3, rng.random(2000)  # Nothing to learn
    own = fit_calibrator(ranked(y, noise)).apply(noise)
    honest = recalibration(y, noise)
    assert brier_score(y, own).value < y.var() < honest.after.metrics["brier_score"].value
    assert honest.after.metrics["roc_auc"].lower < 0.5


def test_gains_are_those_of_sorted_rows() -> None:
    y, score, _ = rows(2, False, None)
    best = y[np.argsort(-score)].reshape(10, -1)
    table = gain_table(y, score)
    assert table["positives"].to_numpy() == pytest.approx(best.sum(axis=1), **EXACT)
    assert table["gain"].to_numpy() == pytest.approx(best.sum(axis=1).cumsum() / y.sum(), **EXACT)
    assert table["lift"].to_numpy() == pytest.approx(best.mean(axis=1) / y.mean(), **EXACT)
    assert table["lowest_score"].to_numpy() == pytest.approx(np.sort(score)[::-1][39::40])
    tied = gain_table(y, score.round(1))
    shuffled = np.mean(
        [
            gain_table(y, score.round(1) + np.random.default_rng(i).random(400) / 100)["gain"]
            for i in range(300)
        ],
        axis=0,
    )
    assert tied["gain"].to_numpy() == pytest.approx(shuffled, abs=0.005)


def frame_of(seed: int = 7) -> pd.DataFrame:
    "A table with gaps in every column."
    y, score, weight = rows(seed, True, "positive")
    frame = pd.DataFrame({"finding": np.where(y, "ill", "well"), "p": score, "w": weight})
    frame.loc[:9, "finding"] = None
    frame.loc[5:24, "p"] = np.nan
    frame.loc[20:29, "w"] = np.nan
    return frame


def test_tables_of_every_kind_give_the_same(tmp_path: Path) -> None:
    import duckdb
    import polars as pl
    import pyarrow as pa

    frame = frame_of()
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    tables = [
        frame,
        pl.from_pandas(frame),
        pa.Table.from_pandas(frame),
        duckdb.from_df(frame),
        tmp_path / "t.parquet",
        str(tmp_path / "*.csv"),
    ]
    wanted = binary_evaluation(frame["finding"], frame["p"], frame["w"], positive="ill")
    assert wanted.n == 370
    assert wanted.n_missing == 30
    for table in tables:
        found = evaluate_binary(table, "finding", "p", positive="ill", sample_weight="w")
        assert found.values() == pytest.approx(wanted.values(), **EXACT)
        assert found.missing == {"finding": 10, "p": 20, "w": 10}
        assert found.n_missing == 30
    assert "30 rows of 400 are left out" in found.findings()[0]


def test_edges_are_defined_and_give_no_warning() -> None:
    nan = math.nan
    edges = {
        "no positive": ([0, 0, 0], [0.2, 0.3, 0.9]),
        "no negative": ([1, 1, 1], [0.2, 0.3, 0.9]),
        "one row": ([1], [0.7]),
        "no rows": ([], []),
        "equal scores": ([1, 0, 1, 0], [0.4] * 4),
        "all missing": ([1, 0], [nan, nan]),
        "perfect": ([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1]),
        "reversed": ([0, 0, 1, 1], [0.9, 0.8, 0.2, 0.1]),
        "certain": ([1, 0, 1, 0], [1.0, 0.0, 0.0, 1.0]),
        "margins": ([1, 0, 1, 0], [-3.0, 8.0, 2.0, 1.0]),
        "huge": ([1, 0, 1, 0], [1e300, -1e300, 5e-324, 0.0]),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, (y, score) in edges.items():
            for weight in (None, np.ones(len(y)), np.arange(len(y)) % 2.0, np.zeros(len(y))):
                found = binary_evaluation(y, score, weight)
                assert list(found.metrics) == list(METRICS), name
                assert all(text == text.strip() and "nan" not in text for text in found.findings())
                found.frame(), found.checks(0.5, 0.1, 0.1)
    no_positive = binary_evaluation(*edges["no positive"]).metrics
    assert no_positive["roc_auc"].method == "no positive rows"
    assert math.isnan(no_positive["true_positive_rate"].value)
    assert binary_evaluation(*edges["equal scores"]).metrics["roc_auc"].value == 0.5
    assert binary_evaluation(*edges["all missing"]).values() == {}


def test_what_cannot_be_a_score_or_a_weight_is_refused() -> None:
    with pytest.raises(InputError, match="1 of 2 values of 'y_score' are missing or infinite"):
        binary_evaluation([1, 0], [0.2, math.inf])
    with pytest.raises(InputError, match="sample_weight has negative values"):
        binary_evaluation([1, 0], [0.2, 0.3], [1, -1])
    with pytest.raises(InputError, match="'y_score' is not numeric"):
        binary_evaluation([1, 0], ["a", "b"])
    with pytest.raises(InputError, match="different lengths"):
        binary_evaluation([1, 0], [0.2])
    table = pd.DataFrame({"y": [0, 1, 2], "p": [0.1, 0.2, math.inf], "text": list("abc")})
    with pytest.raises(InputError, match="nothing says which is positive"):
        evaluate_binary(table, "y", "p")
    with pytest.raises(InputError, match="1 of 3 values of 'p' are missing or infinite"):
        evaluate_binary(table, "y", "p", positive=1)
    with pytest.raises(InputError, match="'text' is not numeric"):
        evaluate_binary(table, "y", "text", positive=1)
    with pytest.raises(InputError, match="is never 7"):
        evaluate_binary(table, "y", "p", positive=7)


@pytest.mark.parametrize("value", ["it's", 2, 2.5, True, pd.Timestamp("2020-01-02")])
def test_the_positive_value_may_be_of_any_kind(value: object) -> None:
    other = {"it's": "no", 2: 1, 2.5: 1.5, True: False}.get(value, pd.Timestamp("2021-01-01"))
    table = pd.DataFrame({"y": [value, other, value, other], "p": [0.9, 0.2, 0.7, 0.8]})
    found = evaluate_binary(table, "y", "p", positive=value)
    assert found.n_positive == 2
    assert found.values()["roc_auc"] == 0.75


def test_a_million_different_outcomes_are_one_clear_error() -> None:
    table = pd.DataFrame({"y": np.arange(1_000_000) / 7, "p": 0.5})
    with pytest.raises(InputError, match="nothing says which is positive") as refused:
        evaluate_binary(table, "y", "p")
    assert len(str(refused.value)) < 400


def test_names_of_columns_are_shown_and_not_obeyed() -> None:
    name = '<b>"p"; DROP TABLE data --'
    frame = frame_of().rename(columns={"p": name, "finding": "a*b"})
    found = evaluate_binary(frame, "a*b", name, positive="ill")
    prose = "\n".join(found.findings())
    assert "<b>" not in prose
    assert r"a\*b in 10" in prose
