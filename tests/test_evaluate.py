"""The numbers of the room `evaluate` against scikit-learn, SciPy, statsmodels and direct computations."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_lit.evaluate.calibration import (
    brier_decomposition,
    expected_calibration_error,
    reliability_table,
)
from mlops_lit.evaluate.comparison import (
    accuracy_difference,
    brier_difference,
    mcnemar,
    roc_auc_difference,
)
from mlops_lit.evaluate.confusion import CELLS, confusion, decisions
from mlops_lit.evaluate.discrimination import (
    average_precision,
    brier_score,
    delong,
    log_loss,
    roc_auc,
    roc_curve,
)
from mlops_lit.evaluate.intervals import bootstrap_counts, difference, ratio, wilson
from mlops_lit.evaluate.slices import metrics_by_slice

REPORT = Path(__file__).parents[1] / "nbs/reports/evaluation.ipynb"
EXACT = {"rel": 1e-9, "abs": 1e-12}


def sample(seed: int, n: int = 300, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    "Outcomes and probabilities that go together, with many ties if asked for."
    rng = np.random.default_rng(seed)
    score = rng.beta(2, 1.5, n)
    y_true = (rng.random(n) < score).astype(int)
    return y_true, score.round(1) if ties else score


SAMPLES = [(seed, ties) for seed in range(4) for ties in (False, True)]


@pytest.mark.parametrize(("seed", "ties"), SAMPLES)
@pytest.mark.parametrize("weighted", [False, True])
def test_discrimination_agrees_with_scikit_learn(seed: int, ties: bool, weighted: bool) -> None:
    from sklearn import metrics

    y, score = sample(seed, ties=ties)
    weight = np.random.default_rng(seed).gamma(2, 1, len(y)) if weighted else None
    ours = {
        "auc": roc_auc(y, score, weight),
        "ap": average_precision(y, score, weight, n_resamples=0),
        "brier": brier_score(y, score, weight),
        "log": log_loss(y, score, weight),
    }
    theirs = {
        "auc": metrics.roc_auc_score(y, score, sample_weight=weight),
        "ap": metrics.average_precision_score(y, score, sample_weight=weight),
        "brier": metrics.brier_score_loss(y, score, sample_weight=weight),
        "log": metrics.log_loss(y, score, sample_weight=weight),
    }
    assert {name: estimate.value for name, estimate in ours.items()} == pytest.approx(
        theirs, **EXACT
    )


@pytest.mark.parametrize(("seed", "ties"), SAMPLES)
def test_the_roc_curve_has_the_points_of_scikit_learn(seed: int, ties: bool) -> None:
    from sklearn import metrics

    y, score = sample(seed, ties=ties)
    fpr, tpr, threshold = metrics.roc_curve(y, score, drop_intermediate=False)
    ours = roc_curve(y, score, keep_straight=True)
    assert ours["false_positive_rate"].to_numpy() == pytest.approx(fpr, **EXACT)
    assert ours["true_positive_rate"].to_numpy() == pytest.approx(tpr, **EXACT)
    assert ours["threshold"].to_numpy() == pytest.approx(threshold)
    fpr, tpr, _ = metrics.roc_curve(y, score, drop_intermediate=True)
    thinned = roc_curve(y, score)
    area = np.trapezoid(thinned["true_positive_rate"], thinned["false_positive_rate"])
    assert area == pytest.approx(metrics.auc(fpr, tpr), **EXACT)


def delong_by_pairs(y: np.ndarray, *scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    "DeLong's areas and covariance as the paper defines them, over all pairs."
    psi = [
        np.sign(s[y == 1][:, None] - s[y == 0][None, :]) / 2 + 0.5 for s in map(np.asarray, scores)
    ]
    v10 = np.array([p.mean(axis=1) for p in psi])
    v01 = np.array([p.mean(axis=0) for p in psi])
    covariance = (
        np.atleast_2d(np.cov(v10)) / v10.shape[1] + np.atleast_2d(np.cov(v01)) / (v01.shape[1])
    )
    return np.array([p.mean() for p in psi]), covariance


@pytest.mark.parametrize(("seed", "ties"), SAMPLES)
def test_delong_agrees_with_the_computation_over_all_pairs(seed: int, ties: bool) -> None:
    from scipy.stats import norm

    y, model = sample(seed, ties=ties)
    baseline = np.clip(model + np.random.default_rng(seed).normal(0, 0.3, len(y)), 0, 1).round(2)
    areas, covariance = delong_by_pairs(y, model, baseline)
    ours, our_covariance = delong(y, model, baseline)
    assert ours == pytest.approx(areas, **EXACT)
    assert our_covariance == pytest.approx(covariance, **EXACT)

    error = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    test = roc_auc_difference(y, model, baseline, confidence=0.9)
    gap = areas[0] - areas[1]
    assert test.p_value == pytest.approx(2 * norm.sf(abs(gap) / error), **EXACT)
    assert test.difference.upper == pytest.approx(gap + norm.ppf(0.95) * error, **EXACT)


def test_the_interval_of_the_area_keeps_its_promise() -> None:
    rng = np.random.default_rng(0)
    truth = 0.7602499389065233  # Two normal distributions one standard deviation apart
    held = 0
    for _ in range(400):
        y = (rng.random(150) < 0.4).astype(int)
        auc = roc_auc(y, rng.normal(y, 1))
        held += auc.lower <= truth <= auc.upper
    assert 0.91 <= held / 400 <= 0.98


@pytest.mark.parametrize("counts", [(0, 7), (1, 9), (5, 10), (133, 197), (7, 7), (1527, 1681)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_wilson_agrees_with_statsmodels(counts: tuple[int, int], confidence: float) -> None:
    from statsmodels.stats.proportion import proportion_confint

    ours = wilson(*counts, confidence)
    theirs = proportion_confint(*counts, alpha=1 - confidence, method="wilson")
    assert (ours.lower, ours.upper) == pytest.approx(theirs, **EXACT)


@pytest.mark.parametrize("counts", [(133, 197, 1527, 1681), (5, 10, 8, 12), (56, 70, 48, 80)])
def test_difference_and_ratio_agree_with_statsmodels(counts: tuple[int, int, int, int]) -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep

    newcombe = confint_proportions_2indep(*counts, compare="diff", method="newcomb")
    gap = difference(*counts)
    assert (gap.lower, gap.upper) == pytest.approx(newcombe, **EXACT)
    katz = confint_proportions_2indep(*counts, compare="ratio", method="log")
    impact = ratio(*counts)
    assert (impact.lower, impact.upper) == pytest.approx(katz, **EXACT)


@pytest.mark.parametrize(("seed", "ties"), SAMPLES)
@pytest.mark.parametrize("strategy", ["quantile", "uniform"])
def test_reliability_has_the_points_of_scikit_learn(seed: int, ties: bool, strategy: str) -> None:
    from sklearn.calibration import calibration_curve

    y, score = sample(seed, ties=ties)
    observed, predicted = calibration_curve(y, score, n_bins=10, strategy=strategy)
    table = reliability_table(y, score, 10, strategy)
    assert table["observed_rate"].to_numpy() == pytest.approx(observed, **EXACT)
    assert table["mean_predicted"].to_numpy() == pytest.approx(predicted, **EXACT)
    assert table["n"].sum() == len(y)

    error = np.average(np.abs(observed - predicted), weights=table["n"])
    ours = expected_calibration_error(y, score, 10, strategy)
    assert ours.value == pytest.approx(error, **EXACT)
    assert f"10 {strategy} bins" in str(ours)


@pytest.mark.parametrize(("seed", "ties"), SAMPLES)
def test_the_brier_parts_add_up(seed: int, ties: bool) -> None:
    y, score = sample(seed, ties=ties)
    parts = brier_decomposition(y, score, 7)
    total = parts.reliability - parts.resolution + parts.uncertainty + parts.within_bins
    assert total == pytest.approx(parts.brier, **EXACT)
    if ties:
        exact = brier_decomposition(y, score, 100, "uniform")
        assert exact.n_bins == len(np.unique(score))
        assert exact.within_bins == pytest.approx(0, abs=1e-12)


def test_a_calibrated_model_exceeds_chance_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(1)
    above = 0
    for i in range(200):
        p = rng.beta(2, 2, 150)
        y = (rng.random(150) < p).astype(int)
        error = expected_calibration_error(y, p, n_resamples=200, random_state=i)
        above += error.value > error.by_chance
    assert 2 <= above <= 20


@pytest.mark.parametrize(("seed", "ties"), SAMPLES)
def test_rates_agree_with_scikit_learn(seed: int, ties: bool) -> None:
    from sklearn import metrics

    y, score = sample(seed, ties=ties)
    decided = (score >= 0.6).astype(int)
    counts = confusion(y, decisions(score, 0.6))
    cells = metrics.confusion_matrix(y, decided).ravel().tolist()
    tn, fp, fn, tp = cells
    assert counts.cells().tolist() == cells
    ours = counts.rates().set_index("rate")["value"].to_dict()
    assert ours == pytest.approx(
        {
            "true_positive_rate": metrics.recall_score(y, decided),
            "false_positive_rate": fp / (fp + tn),
            "false_negative_rate": fn / (fn + tp),
            "true_negative_rate": metrics.recall_score(y, decided, pos_label=0),
            "precision": metrics.precision_score(y, decided),
            "negative_predictive_value": metrics.precision_score(y, decided, pos_label=0),
            "false_discovery_rate": 1 - metrics.precision_score(y, decided),
            "false_omission_rate": 1 - metrics.precision_score(y, decided, pos_label=0),
            "false_negative_share": fn / (fn + fp),
            "accuracy": metrics.accuracy_score(y, decided),
            "selection_rate": decided.mean(),
            "base_rate": y.mean(),
            "f1": metrics.f1_score(y, decided),
        },
        **EXACT,
    )


def test_the_interval_of_f1_is_close_to_the_bootstrap() -> None:
    y, score = sample(0, n=2000)
    counts = confusion(y, decisions(score, 0.6))

    def f1(cells: np.ndarray) -> np.ndarray:
        fp, fn, tp = (cells[..., CELLS.index(name)] for name in CELLS[1:])
        return 2 * tp / (2 * tp + fp + fn)

    resampled, ours = bootstrap_counts(f1, counts.cells(), 4000), counts.rate("f1")
    assert ours.value == pytest.approx(resampled.value, **EXACT)
    assert (ours.lower, ours.upper) == pytest.approx((resampled.lower, resampled.upper), abs=0.003)


@pytest.mark.parametrize("seed", range(6))
def test_mcnemar_agrees_with_statsmodels(seed: int) -> None:
    from statsmodels.stats.contingency_tables import mcnemar as reference

    rng = np.random.default_rng(seed)
    y, model, baseline = (rng.random((3, 80)) < [[0.6], [0.7], [0.5]]).astype(int)
    right, other = model == y, baseline == y
    table = [
        [(right & other).sum(), (right & ~other).sum()],
        [(~right & other).sum(), (~right & ~other).sum()],
    ]
    ours = accuracy_difference(y, model, baseline)
    assert ours.p_value == pytest.approx(reference(table, exact=True).pvalue, **EXACT)
    assert ours.p_value == mcnemar(table[0][1], table[1][0])
    assert ours.difference.value == pytest.approx(right.mean() - other.mean(), **EXACT)
    assert ours.difference.lower <= ours.difference.value <= ours.difference.upper


def test_the_brier_difference_is_a_paired_z_test() -> None:
    from statsmodels.stats.weightstats import DescrStatsW

    y, model = sample(2)
    baseline = np.full(len(y), y.mean())
    gain = (model - y) ** 2 - (baseline - y) ** 2
    ours = brier_difference(y, model, baseline)
    reference = DescrStatsW(gain)
    assert ours.p_value == pytest.approx(reference.ztest_mean()[1], **EXACT)
    assert (ours.difference.lower, ours.difference.upper) == pytest.approx(
        reference.zconfint_mean(), **EXACT
    )


def test_every_metric_of_a_slice_is_that_of_its_rows_alone() -> None:
    y, score = sample(3)
    frame = pd.DataFrame(
        {
            "region": np.random.default_rng(0).choice(["north", "south", None], len(y)),
            "age": np.random.default_rng(1).normal(40, 12, len(y)),
        },
        index=np.arange(len(y)) % 7,  # An index that says nothing
    )
    table = metrics_by_slice(frame, y, score, ["region", "age"])
    assert table.groupby("column")["slice"].nunique().to_dict() == {"": 1, "age": 4, "region": 3}
    missing = frame["region"].isna().to_numpy()
    alone = metrics_by_slice(frame[missing], y[missing], score[missing], [])
    found = table[table["slice"] == "(missing)"]
    assert found["metric"].tolist() == alone["metric"].tolist()
    assert found["value"].to_numpy() == pytest.approx(alone["value"].to_numpy(), **EXACT)
    assert found["slice_n"].unique().tolist() == [missing.sum()]


SCORED = [roc_auc, average_precision, brier_score, log_loss, expected_calibration_error]


@pytest.mark.parametrize("measure", SCORED)
def test_missing_scores_and_outcomes_are_refused_clearly(measure) -> None:
    with pytest.raises(ValueError, match=r"1 of 3 values of .* are missing or infinite"):
        measure([1, 0, 1], [0.2, math.nan, 0.3])
    with pytest.raises(ValueError, match="1 of 3 values of 'y_true' are missing"):
        measure([1, None, 1], [0.2, 0.5, 0.3])
    with pytest.raises(ValueError, match="there are 3 rows"):
        measure([1, 0, 1], [0.2, 0.5])
    with pytest.raises(ValueError, match="nothing says which is positive"):
        measure(["yes", "no", "no"], [0.2, 0.5, 0.4])


@pytest.mark.parametrize("measure", SCORED)
def test_no_rows_is_undefined_and_gives_no_warning(measure) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nothing = measure([], [])
        measure([1], [0.5])
        measure([0, 0], [0.5, 0.5])
    assert math.isnan(nothing.value)
    assert nothing.n == 0


def test_the_report_evaluates_any_table_with_scores(tmp_path: Path) -> None:
    import nbformat

    import mlops_lit as lit
    from mlops_lit.notebook.execution import run_notebook

    y, score = sample(5)
    clinic = np.random.default_rng(0).choice(["<b>north</b>", "a|b*c*", None], len(y))
    frame = pd.DataFrame({"p": score, "finding": np.where(y, "ill", "well"), "clinic": clinic})
    frame.loc[:4, "finding"] = None
    frame.to_csv(tmp_path / "patients.csv", index=False)
    params = {
        "data": str(tmp_path / "patients.csv"),
        "outcome": "finding",
        "positive": "ill",
        "score": "p",
        "slices": ["clinic"],
        "threshold": 0.6,
        "min_roc_auc": 0.99,
    }
    done = run_notebook(REPORT, params, store=tmp_path / "store")

    record = lit.open_store(tmp_path / "store").run(done.run_id)
    summary = record["summary"]
    assert record["status"] == "finished"
    assert summary["n_rows"] == len(y) - 5
    assert summary["roc_auc"] == pytest.approx(roc_auc(y[5:], score[5:]).value, **EXACT)
    counts = confusion(y[5:], decisions(score[5:], 0.6))
    assert summary["precision"] == pytest.approx(counts.rate("precision").value, **EXACT)
    assert "slice/clinic/(missing)/roc_auc" in summary
    verdicts = {check["name"]: check["verdict"] for check in record["checks"]}
    assert verdicts["ROC AUC"] == "failed"
    assert verdicts["evaluated on rows kept from training"] == "not judged"

    executed = nbformat.read(done.notebook, as_version=4)
    outputs = [
        output.get("data", {}) for cell in executed.cells for output in cell.get("outputs", [])
    ]
    prose = "\n".join(output.get("text/markdown", "") for output in outputs)
    judged = len(record["checks"])
    failed = [check["name"] for check in record["checks"] if check["verdict"] == "failed"]
    assert f"**{len(failed)} of {judged} checks failed** ({', '.join(failed)})" in prose
    assert "5 rows have no outcome" in prose
    assert "<b>" not in prose
    assert sum(any("vegalite" in kind for kind in output) for output in outputs) >= 6
