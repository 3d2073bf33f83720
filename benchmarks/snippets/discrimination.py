"""Evaluate scores against outcomes, so many times, and time it: `discrimination.py TOOL HOW QUESTION ROWS TIMES BOOTSTRAPS`.

HOW is mlops_lit, scikit-learn or make, QUESTION is values, intervals or parquet; `make` writes the Parquet file that the others read.
"""

import resource
import sys
from pathlib import Path
from time import perf_counter

from bench_tools import report

how, question = sys.argv[2:4]
n, times, n_bootstraps = map(int, sys.argv[4:7])
FILE = Path(f"scores {n}.parquet")
NAMES = ["roc_auc", "average_precision", "brier_score", "log_loss"]


def make():
    """Twenty columns: an outcome, a calibrated score and what else a table of predictions holds."""
    import duckdb

    duckdb.sql("SELECT setseed(0.5)")
    others = ", ".join(f"random()::FLOAT AS x{i}" for i in range(18))
    drawn = f"SELECT 1 / (1 + exp(-4 * random() - 2 * random() + 3.5)) AS score, random() AS u, {others} FROM range({n})"
    table = f"SELECT (u < score)::TINYINT AS y, * EXCLUDE (u) FROM ({drawn})"
    duckdb.sql(f"COPY ({table}) TO '{FILE}' (FORMAT parquet)")
    return {}


def columns():
    """The outcomes and scores of the file."""
    import pandas as pd

    frame = pd.read_parquet(FILE, columns=["y", "score"])
    return frame["y"].to_numpy(), frame["score"].to_numpy()


def values_mlops_lit(y, score):
    """Both curves, four metrics and the reliability of ten bins, from one ranking."""
    from mlops_lit.evaluate import calibration, discrimination
    from mlops_lit.evaluate.ordering import ranked

    ranking = ranked(y, score)
    discrimination.roc_curve(ranking)
    discrimination.pr_curve(ranking)
    calibration.reliability_table(ranking)
    return {name: getattr(discrimination, name)(ranking).value for name in NAMES}


def metrics_scikit_learn(y, score):
    """The four metrics."""
    from sklearn import metrics

    functions = [metrics.roc_auc_score, metrics.average_precision_score]
    functions += [metrics.brier_score_loss, metrics.log_loss]
    return {name: f(y, score) for name, f in zip(NAMES, functions, strict=True)}


def values_scikit_learn(y, score):
    """Both curves, four metrics and the reliability of ten bins."""
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import precision_recall_curve, roc_curve

    roc_curve(y, score)
    precision_recall_curve(y, score)
    calibration_curve(y, score, n_bins=10, strategy="quantile")
    return metrics_scikit_learn(y, score)


def intervals_mlops_lit(y, score):
    """The whole evaluation: all metrics with intervals, curves, reliability, gains."""
    from mlops_lit.evaluate.binary import binary_evaluation

    return binary_evaluation(y, score).values()


def intervals_scikit_learn(y, score):
    """The same curves and metrics, and percentile intervals of the four metrics."""
    import numpy as np

    rng, begin = np.random.default_rng(0), perf_counter()
    found = values_scikit_learn(y, score)
    once.append(perf_counter() - begin)
    draws = []
    for _ in range(n_bootstraps):
        rows = rng.integers(0, len(y), len(y))
        draws.append(list(metrics_scikit_learn(y[rows], score[rows]).values()))
    np.quantile(draws, [0.025, 0.975], axis=0)
    return found


def parquet_mlops_lit():
    """The whole evaluation of a file."""
    from mlops_lit.evaluate.binary import evaluate_binary

    return evaluate_binary(FILE, "y", "score").values()


def parquet_scikit_learn():
    """Two columns of the file, the curves and the four metrics, without any interval."""
    return values_scikit_learn(*columns())


if how == "make":
    report(**make())
    sys.exit()
function = globals()[f"{question}_{how.replace('-', '_')}"]
arguments = () if question == "parquet" else columns()
once = []  # Seconds of the curves and metrics that come before bootstraps
if arguments:  # Imports do not count
    function(*(values[:1000] for values in arguments))
    once.clear()
spent, found = [], {}
for _ in range(times):
    begin = perf_counter()
    found = function(*arguments)
    spent.append(perf_counter() - begin)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in kilobytes
report(
    seconds=spent,
    once=min(once, default=0),
    values={name: float(found[name]) for name in NAMES},
    peak_bytes=peak,
)
