"""Classes, numbers, rankings and forecasts against scikit-learn, SciPy, statsmodels and direct computations."""

from __future__ import annotations

import itertools
import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_lit.evaluate.comparison import Comparison
from mlops_lit.evaluate.discrimination import roc_auc
from mlops_lit.evaluate.forecast import (
    diebold_mariano,
    evaluate_forecast,
    forecast_evaluation,
    naive_scale,
)
from mlops_lit.evaluate.multiclass import (
    MEASURES,
    class_areas,
    evaluate_multiclass,
    multiclass_evaluation,
)
from mlops_lit.evaluate.ranking import evaluate_ranking, ranking_evaluation
from mlops_lit.evaluate.regression import (
    calibration_line,
    evaluate_regression,
    quantile_table,
    regression_evaluation,
    regression_metrics,
    spread_p_value,
)
from mlops_lit.evaluate.sums import ratio_of_sums

EXACT = {"rel": 1e-9, "abs": 1e-12}


# --- More than two classes ---


def classes(seed: int, n: int = 400, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    "True classes and probabilities that know something; the last class is rare and often missed."
    rng = np.random.default_rng(seed)
    y = rng.choice(k, n, p=[0.4, 0.3, 0.25, 0.05])
    raw = rng.gamma(1 + 1.5 * (y[:, None] == np.arange(k)))
    return y, raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weighted", [False, True])
def test_measures_of_classes_agree_with_scikit_learn(seed: int, weighted: bool) -> None:
    from sklearn import metrics

    y, prob = classes(seed)
    called = prob.argmax(axis=1)
    if seed == 0:
        called[called == 3] = 0  # A class that is never called
    w = np.random.default_rng(seed).gamma(2, 1, len(y)) if weighted else None
    ours = multiclass_evaluation(y, called, prob, sample_weight=w, top_k=2).metrics
    some = {"sample_weight": w, "zero_division": np.nan}
    theirs = {
        "accuracy": metrics.accuracy_score(y, called, sample_weight=w),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, called, sample_weight=w),
        "macro_precision": metrics.precision_score(y, called, average="macro", **some),
        "macro_f1": metrics.f1_score(y, called, average="macro", **some),
        "weighted_precision": metrics.precision_score(y, called, average="weighted", **some),
        "weighted_f1": metrics.f1_score(y, called, average="weighted", **some),
        "kappa": metrics.cohen_kappa_score(y, called, sample_weight=w),
        "matthews": metrics.matthews_corrcoef(y, called, sample_weight=w),
        "log_loss": metrics.log_loss(y, prob, sample_weight=w),
        "brier_score": metrics.brier_score_loss(y, prob, sample_weight=w),
        "top_2_accuracy": metrics.top_k_accuracy_score(y, prob, k=2, sample_weight=w),
        "roc_auc_ovr": metrics.roc_auc_score(y, prob, multi_class="ovr", sample_weight=w),
    }
    assert {name: ours[name].value for name in theirs} == pytest.approx(theirs, **EXACT)
    micro = metrics.f1_score(y, called, average="micro", sample_weight=w)
    assert micro == pytest.approx(ours["accuracy"].value, **EXACT)
    if not weighted:
        hand_till = metrics.roc_auc_score(y, prob, multi_class="ovo")
        assert ours["roc_auc_hand_till"].value == pytest.approx(hand_till, **EXACT)


def test_rates_of_classes_and_the_table_agree_with_scikit_learn() -> None:
    from sklearn import metrics
    from statsmodels.stats.proportion import proportion_confint

    y, prob = classes(5)
    called = prob.argmax(axis=1)
    found = multiclass_evaluation(y, called)
    table = found.by_class()
    recall = metrics.recall_score(y, called, average=None)
    assert table["recall"].to_numpy() == pytest.approx(recall, **EXACT)
    assert table["precision"].to_numpy() == pytest.approx(
        metrics.precision_score(y, called, average=None), **EXACT
    )
    assert found.table().to_numpy().tolist() == metrics.confusion_matrix(y, called).tolist()
    right, n = int(((y == 1) & (called == 1)).sum()), int((y == 1).sum())
    wilson = proportion_confint(right, n, method="wilson")
    assert table.loc[1, ["recall_lower", "recall_upper"]].tolist() == pytest.approx(wilson, **EXACT)


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_of_kappa_agrees_with_statsmodels(seed: int) -> None:
    from statsmodels.stats.inter_rater import cohens_kappa

    y, prob = classes(seed)
    found = multiclass_evaluation(y, prob.argmax(axis=1))
    theirs = cohens_kappa(found.table().to_numpy())
    ours = found.metrics["kappa"]
    assert ours.value == pytest.approx(theirs.kappa, **EXACT)
    assert (ours.lower, ours.upper) == pytest.approx((theirs.kappa_low, theirs.kappa_upp), **EXACT)


def test_intervals_of_classes_are_close_to_the_bootstrap() -> None:
    y, prob = classes(7, n=3000)
    called = prob.argmax(axis=1)
    found = multiclass_evaluation(y, called, prob).metrics
    rng, draws = np.random.default_rng(0), []
    for _ in range(300):
        rows = rng.integers(0, len(y), len(y))
        again = multiclass_evaluation(y[rows], called[rows])
        area, _ = class_areas(y[rows], prob[rows], np.ones(len(y)))
        both = {**again.metrics, **area}
        draws.append({name: both[name].value for name in (*MEASURES, *area)})
    spread = pd.DataFrame(draws).std()
    for name, deviation in spread.items():
        half = (found[str(name)].upper - found[str(name)].lower) / 2 / 1.96
        assert half == pytest.approx(deviation, rel=0.15), name


def test_areas_of_two_classes_are_those_of_delong() -> None:
    y, prob = classes(1)
    two, share = (y > 0).astype(int), prob[:, 0]
    areas, _ = class_areas(two, np.c_[share, 1 - share], np.ones(len(y)))
    binary = roc_auc(two, 1 - share)
    for area in areas.values():
        assert (area.value, area.lower, area.upper) == pytest.approx(
            (binary.value, binary.lower, binary.upper), **EXACT
        )


def test_a_million_classes_stay_sparse(tmp_path: Path) -> None:
    n = 1_000_000
    frame = pd.DataFrame({"item": np.arange(n), "guess": (np.arange(n) * 7) % n})
    frame.to_parquet(tmp_path / "items.parquet")
    found = evaluate_multiclass(str(tmp_path / "items.parquet"), "item", "guess")
    assert found.metrics["accuracy"].n == n
    assert found.table().shape == (20, 20)
    assert len(found.confusions()) == 10
    assert len(found.findings()) >= 2


# --- Regression ---


def numbers(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    "Outcomes, predictions and weights."
    rng = np.random.default_rng(seed)
    y = rng.gamma(3, 10, n)
    return y, y * rng.normal(1.05, 0.2, n) + rng.normal(0, 3, n), rng.gamma(2, 1, n)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weighted", [False, True])
def test_measures_of_errors_agree_with_scikit_learn(seed: int, weighted: bool) -> None:
    from sklearn import metrics

    y, f, w = numbers(seed)
    w = w if weighted else np.ones(len(y))
    ours = {name: estimate.value for name, estimate in regression_metrics(y, f, w).items()}
    some = {"sample_weight": w}
    theirs = {
        "mae": metrics.mean_absolute_error(y, f, **some),
        "rmse": metrics.root_mean_squared_error(y, f, **some),
        "r2": metrics.r2_score(y, f, **some),
        "bias": np.average(f - y, weights=w),
        "median_absolute_error": metrics.median_absolute_error(y, f, **some),
        "mape": metrics.mean_absolute_percentage_error(y, f, **some),
        "smape": np.average(2 * np.abs(f - y) / (np.abs(f) + np.abs(y)), weights=w),
        "wape": w @ np.abs(f - y) / (w @ np.abs(y)),
        "explained_variance": metrics.explained_variance_score(y, f, **some),
        "correlation": np.cov(y, f, aweights=w)[0, 1]
        / math.sqrt(np.cov(y, aweights=w) * np.cov(f, aweights=w)),
    }
    assert ours == pytest.approx(theirs, **EXACT)
    losses = quantile_table(y, {0.2: f, 0.7: f + 1}, w)["pinball_loss"]
    assert losses.to_numpy() == pytest.approx(
        [
            metrics.mean_pinball_loss(y, f, alpha=0.2, **some),
            metrics.mean_pinball_loss(y, f + 1, alpha=0.7, **some),
        ],
        **EXACT,
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_the_calibration_line_agrees_with_statsmodels(weighted: bool) -> None:
    import statsmodels.api as sm

    y, f, w = numbers(3)
    w = w if weighted else np.ones(len(y))
    fit = sm.WLS(y, sm.add_constant(f), weights=w).fit(cov_type="HC1")
    ours = calibration_line(y, f, w)
    assert [e.value for e in ours] == pytest.approx(fit.params, **EXACT)
    ends = [[e.lower, e.upper] for e in ours]
    assert np.array(ends) == pytest.approx(np.asarray(fit.conf_int()), **EXACT)


def test_unequal_spread_agrees_with_statsmodels() -> None:
    import statsmodels.api as sm
    from statsmodels.stats.diagnostic import het_breuschpagan

    y, f, _ = numbers(4)
    error = f - y
    _, p_value, *_ = het_breuschpagan(error - error.mean(), sm.add_constant(f))
    assert spread_p_value(y, f) == pytest.approx(p_value, **EXACT)


def test_intervals_of_errors_are_close_to_the_bootstrap() -> None:
    y, f, _ = numbers(5, n=2000)
    found, rng, draws = regression_metrics(y, f, np.ones(2000)), np.random.default_rng(0), []
    for _ in range(400):
        rows = rng.integers(0, 2000, 2000)
        again = regression_metrics(y[rows], f[rows], np.ones(2000))
        draws.append({name: estimate.value for name, estimate in again.items()})
    for name, deviation in pd.DataFrame(draws).std().items():
        half = (found[str(name)].upper - found[str(name)].lower) / 2 / 1.96
        assert half == pytest.approx(deviation, rel=0.15), name


def test_a_baseline_is_compared_row_by_row() -> None:
    from statsmodels.stats.weightstats import DescrStatsW

    y, f, _ = numbers(6)
    other = np.full(len(y), y.mean())
    compared = regression_evaluation(y, f, y_baseline=other).comparisons["mae"]
    reference = DescrStatsW(np.abs(f - y) - np.abs(other - y))
    assert compared.p_value == pytest.approx(reference.ztest_mean()[1], **EXACT)
    assert compared.difference.upper == pytest.approx(reference.zconfint_mean()[1], **EXACT)


# --- Ranking ---


def by_hand(relevance: np.ndarray, k: int) -> dict[str, float]:
    "The measures of one list in this order, straight from their definitions."
    hit, total = relevance > 0, (relevance > 0).sum()
    discount = 1 / np.log2(np.arange(len(relevance)) + 2)
    ideal = np.sort(relevance)[::-1]
    precision = np.cumsum(hit) / (np.arange(len(hit)) + 1)
    return {
        "ndcg": (relevance * discount)[:k].sum() / (ideal * discount)[:k].sum(),
        "average_precision": (precision * hit)[:k].sum() / min(k, total),
        "reciprocal_rank": 1 / (np.argmax(hit) + 1),
        "precision": hit[:k].sum() / k,
        "recall": hit[:k].sum() / total,
        "hit_rate": float(hit[:k].any()),
    }


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_ties_count_as_the_mean_over_all_their_orders(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    relevance = rng.choice([0.0, 0, 1, 2], 6)
    relevance[rng.integers(6)] = 1
    score = rng.choice([1.0, 2, 3], 6)
    orders = [
        by_hand(relevance[list(order)], k)
        for order in itertools.permutations(range(6))
        if (np.diff(score[list(order)]) <= 0).all()
    ]
    ours = ranking_evaluation(np.zeros(6), relevance, score, k=k).by_query.iloc[0, 3:]
    assert ours.to_dict() == pytest.approx(pd.DataFrame(orders).mean().to_dict(), **EXACT)


@pytest.mark.parametrize("gain", ["linear", "exponential"])
def test_ndcg_agrees_with_scikit_learn(gain: str) -> None:
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(0)
    relevance, score = rng.integers(0, 4, (50, 12)), rng.normal(size=(50, 12)).round(1)
    worth = relevance if gain == "linear" else 2.0**relevance - 1
    query = np.repeat(np.arange(50), 12)
    ours = ranking_evaluation(query, relevance.ravel(), score.ravel(), k=5, gain=gain)  # type: ignore[arg-type]
    assert ours.metrics["ndcg@5"].value == pytest.approx(ndcg_score(worth, score, k=5), **EXACT)


def test_average_precision_of_a_list_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(1)
    relevance, score = rng.integers(0, 2, 200), rng.normal(size=200)
    ours = ranking_evaluation(np.zeros(200), relevance, score, k=200).by_query
    theirs = average_precision_score(relevance, score)
    assert ours["average_precision"].item() == pytest.approx(theirs, **EXACT)


def test_rows_in_any_order_give_the_same_ranking() -> None:
    rng = np.random.default_rng(2)
    query, relevance = rng.integers(0, 30, 500), rng.choice([0, 0, 1], 500)
    score = rng.normal(size=500).round(1)
    frame = pd.DataFrame({"q": query, "r": relevance, "s": score})
    ours = evaluate_ranking(frame, "q", "r", "s").by_query.set_index("query").sort_index()
    mixed = evaluate_ranking(frame.sample(frac=1, random_state=0), "q", "r", "s").by_query
    other = mixed.set_index("query").sort_index()
    assert other.to_numpy() == pytest.approx(ours.to_numpy(), nan_ok=True, **EXACT)


# --- Forecasts ---


def series_table(seed: int, n_series: int = 25, n: int = 30) -> pd.DataFrame:
    "Outcomes, forecasts and another forecast, one and two steps ahead."
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "item": np.repeat(np.arange(n_series), 2 * n),
            "day": np.tile(np.repeat(np.arange(n), 2), n_series),
            "step": np.tile([1, 2], n * n_series),
        }
    )
    frame["sold"] = rng.gamma(3, 5, len(frame)) + frame["item"]
    shock = rng.normal(0, 2, n_series)[frame["item"]]
    frame["said"] = frame["sold"] + shock + rng.normal(0, 3, len(frame)) * frame["step"]
    frame["rule"] = frame["sold"] + rng.normal(1, 5, len(frame))
    return frame


def test_measures_of_forecasts_are_those_of_their_definitions() -> None:
    frame = series_table(0)
    rng = np.random.default_rng(9)
    past = pd.DataFrame(
        {"item": np.repeat(np.arange(25), 50), "day": np.tile(np.arange(-50, 0), 25)}
    )
    past["sold"] = rng.gamma(3, 5, len(past))
    found = evaluate_forecast(frame, "item", "day", "sold", "said", "step", past, season=7)
    scale = {
        item: (np.abs(x[7:] - x[:-7]).mean(), ((x[7:] - x[:-7]) ** 2).mean())
        for item, x in ((i, part["sold"].to_numpy()) for i, part in past.groupby("item"))
    }
    error = (frame["said"] - frame["sold"]).to_numpy()
    per_item = [
        math.sqrt((part["e"] ** 2).mean() / scale[item][1])
        for item, part in frame.assign(e=error).groupby("item")
    ]
    expected = {
        "mae": np.abs(error).mean(),
        "rmse": math.sqrt((error**2).mean()),
        "wape": np.abs(error).sum() / frame["sold"].sum(),
        "bias": error.mean(),
        "mase": np.mean(np.abs(error) / frame["item"].map(lambda i: scale[i][0])),
        "rmsse": np.mean(per_item),
    }
    ours = {name: found.metrics[name].value for name in expected}
    assert ours == pytest.approx(expected, **EXACT)
    near = frame["step"] == 1
    assert found.by_horizon["mae"][0] == pytest.approx(np.abs(error[near]).mean(), **EXACT)


def test_intervals_by_series_are_those_of_clustered_errors_in_statsmodels() -> None:
    import statsmodels.api as sm

    frame = series_table(1)
    size = (frame["said"] - frame["sold"]).abs()
    fit = sm.OLS(size, np.ones(len(size))).fit(
        cov_type="cluster", cov_kwds={"groups": frame["item"], "df_correction": False}
    )
    ours = forecast_evaluation(frame["item"], frame["day"], frame["sold"], frame["said"]).metrics
    half = (ours["mae"].upper - ours["mae"].lower) / 2
    assert half == pytest.approx(1.959963984540054 * fit.bse.item(), **EXACT)


@pytest.mark.parametrize("lags", [1, 4])
def test_intervals_in_time_are_those_of_newey_and_west_in_statsmodels(lags: int) -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(3)
    x = np.convolve(rng.normal(size=83), np.ones(4), "valid")
    ours = ratio_of_sums(x, 1, np.arange(80), lags)
    fit = sm.OLS(x, np.ones(80)).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    half = 1.959963984540054 * fit.bse.item() * math.sqrt(80 / 79)
    assert (ours.upper - ours.lower) / 2 == pytest.approx(half, **EXACT)


def test_intervals_by_series_keep_their_promise() -> None:
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        level = rng.normal(0, 1, 40)
        error = np.repeat(level, 12) + rng.normal(0, 1, 480)
        bias = forecast_evaluation(
            np.repeat(np.arange(40), 12), np.tile(np.arange(12), 40), np.zeros(480), error
        ).metrics["bias"]
        held += bias.lower <= 0 <= bias.upper
    assert 0.90 <= held / 200 <= 0.985


def dm_by_definition(d: np.ndarray, h: int) -> tuple[float, float]:
    "Statistic and p-value of Harvey, Leybourne and Newbold (1997), equations 3 to 9."
    from scipy.stats import t

    n, centre = len(d), d.mean()
    gamma = [
        sum((d[i] - centre) * (d[i - lag] - centre) for i in range(lag, n)) / n for lag in range(h)
    ]
    statistic = centre / math.sqrt((gamma[0] + 2 * sum(gamma[1:])) / n)
    statistic *= math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    return statistic, 2 * t.sf(abs(statistic), n - 1)


@pytest.mark.parametrize("horizon", [1, 2, 4])
def test_diebold_mariano_is_that_of_its_definition(horizon: int) -> None:
    rng = np.random.default_rng(horizon)
    a = np.convolve(rng.gamma(2, 1, 63), np.ones(horizon), "valid")
    b = np.convolve(rng.gamma(2.3, 1, 63), np.ones(horizon), "valid")
    ours = diebold_mariano(a, b, horizon)
    _, p_value = dm_by_definition(a - b, horizon)
    assert ours.p_value == pytest.approx(p_value, **EXACT)
    assert (ours.difference.upper < 0) == (p_value < 0.05 and a.mean() < b.mean())


def test_diebold_mariano_of_one_step_is_a_t_test() -> None:
    from scipy.stats import ttest_1samp

    rng = np.random.default_rng(5)
    d = rng.normal(0.2, 1, 40)
    ours = diebold_mariano(d, np.zeros(40))
    theirs = ttest_1samp(d, 0)
    assert ours.p_value == pytest.approx(theirs.pvalue, **EXACT)
    low, high = theirs.confidence_interval()
    assert (ours.difference.lower, ours.difference.upper) == pytest.approx((low, high), **EXACT)


def test_a_forecast_is_compared_moment_by_moment() -> None:
    frame = series_table(2)
    found = evaluate_forecast(frame, "item", "day", "sold", "said", "step", baseline="rule")
    far = frame[frame["step"] == 2]
    gap = (far["said"] - far["sold"]).abs() - (far["rule"] - far["sold"]).abs()
    _, p_value = dm_by_definition(gap.groupby(far["day"]).mean().to_numpy(), 2)
    assert found.comparisons[2].p_value == pytest.approx(p_value, **EXACT)
    assert isinstance(found.comparisons[1], Comparison)


def test_the_scale_agrees_with_a_loop() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=40)
    order = rng.permutation(40)
    scale = naive_scale(["a"] * 40, order, x[order], season=5)
    steps = [abs(x[i] - x[i - 5]) for i in range(5, 40)]
    assert scale["mae"].item() == pytest.approx(np.mean(steps), **EXACT)
    assert scale["n"].item() == 35


# --- Any table, and its edges ---


def all_ways(data: object) -> list[object]:
    "Each evaluation of one table, also when the table has nothing to say."
    return [
        evaluate_multiclass(data, "kind", "called"),
        evaluate_regression(
            data, "price", "said", quantiles={0.5: "said"}, interval=("low", "said")
        ),
        evaluate_ranking(data, "kind", "rank", "said", k=2),
        evaluate_forecast(data, "kind", "day", "price", "said", quantiles={0.5: "said"}),
    ]


def small_table(n: int) -> pd.DataFrame:
    "A table for every evaluation."
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "kind": rng.choice(["a", "b"], n),
            "called": rng.choice(["a", "b", "c"], n),
            "price": rng.normal(5, 1, n),
            "said": rng.normal(5, 1, n),
            "rank": rng.integers(0, 3, n),
            "day": np.arange(n),
        }
    )
    return frame.assign(low=frame["said"] - 1)


def test_any_kind_of_table_gives_the_same(tmp_path: Path) -> None:
    import duckdb
    import polars as pl
    import pyarrow as pa

    frame = small_table(200)
    frame.loc[3, "said"] = np.nan
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv", index=False)
    with duckdb.connect() as connection:
        tables = [
            pl.from_pandas(frame),
            pa.Table.from_pandas(frame),
            str(tmp_path / "*.parquet"),
            tmp_path / "a.csv",
            connection.from_df(frame),
        ]
        expected = [result.frame() for result in all_ways(frame)]  # type: ignore[attr-defined]
        for table in tables:
            for ours, theirs in zip(all_ways(table), expected, strict=True):
                values = ours.frame()["value"].to_numpy()  # type: ignore[attr-defined]
                assert values == pytest.approx(theirs["value"].to_numpy(), nan_ok=True, **EXACT)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_and_empty_tables_say_so_without_warnings(n: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tiny = small_table(2).iloc[:n]
        for result in all_ways(tiny) + all_ways(small_table(3).assign(said=np.nan)):
            sentences = result.findings()  # type: ignore[attr-defined]
            assert sentences
            assert not any("nan" in sentence for sentence in sentences)


def test_constant_columns_say_so() -> None:
    same = small_table(30).assign(price=1.0, kind="a", called="a", rank=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kinds, prices, ranks, days = all_ways(same)
    assert kinds.metrics["kappa"].method == "truth and predictions are all of one class"  # type: ignore[attr-defined]
    assert prices.metrics["r2"].method == "the outcome is constant"  # type: ignore[attr-defined]
    assert ranks.metrics["ndcg@2"].method == "no query has a relevant item"  # type: ignore[attr-defined]
    assert "moments related" in days.metrics["mae"].method  # type: ignore[attr-defined]


def test_only_the_columns_in_question_are_read(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "wide.parquet"
    with duckdb.connect() as connection:  # A column that cannot be read without an error
        connection.execute(f"COPY (SELECT 1.0 AS y, 2.0 AS f, 'x' AS t) TO '{path}'")
        relation = connection.sql(f"SELECT y, f, error('read') AS t FROM '{path}'")
        assert evaluate_regression(relation, "y", "f").metrics["mae"].value == 1


# --- The report ---

REPORT = Path(__file__).parents[1] / "nbs/reports/evaluation.ipynb"
TASKS = {
    "multiclass": {"outcome": "kind", "prediction": "called", "slices": ["rank"]},
    "regression": {"outcome": "price", "prediction": "said", "interval": ["low", "high"]},
    "ranking": {"outcome": "rank", "query": "kind", "score": "said", "k": 3, "task": "ranking"},
    "forecast": {"outcome": "price", "series": "kind", "time": "day", "prediction": "said"},
}


@pytest.mark.parametrize("task", TASKS)
def test_the_report_evaluates_every_task(tmp_path: Path, task: str) -> None:
    import nbformat

    import mlops_lit as lit
    from mlops_lit.notebook.execution import run_notebook

    frame = small_table(120).assign(high=lambda f: f["said"] + 1, unused="<b>")
    frame.loc[:2, ["kind", "price", "rank"]] = None
    frame.loc[5, "said"] = np.nan
    frame.to_csv(tmp_path / "table.csv", index=False)
    params = {"data": str(tmp_path / "table.csv"), **TASKS[task]}
    done = run_notebook(REPORT, params, store=tmp_path / "store")

    record = lit.open_store(tmp_path / "store").run(done.run_id)
    assert record["status"] == "finished"
    assert record["summary"]["n_rows"] == 117
    metric = {"multiclass": "accuracy", "ranking": "ndcg@3"}.get(task, "mae")
    assert 0 <= record["summary"][metric] <= 20
    assert len(record["checks"]) >= 2
    executed = nbformat.read(done.notebook, as_version=4)
    outputs = [out.get("data", {}) for cell in executed.cells for out in cell.get("outputs", [])]
    prose = "\n".join(out.get("text/markdown", "") for out in outputs)
    assert "3 rows have no outcome" in prose
    assert "nan" not in prose.split()
    assert sum(any("vegalite" in kind for kind in out) for out in outputs) >= 2
