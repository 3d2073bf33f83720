"""Measure group fairness, so many times: `groups.py TOOL HOW PATH TIMES ROUNDS`.

HOW is parquet or pandas for mlops_lit, plain or bootstrap for fairlearn; make writes PATH with so many rows.
"""

import json
import resource
import sys
import time
from pathlib import Path

SENSITIVE, OUTCOME, SCORE = ["race", "sex"], "repaid", "score"


def make(path, rows):
    """A table of twenty columns: two sensitive ones, outcome, score, sixteen numbers."""
    import duckdb

    race = "['White', 'Black', 'Asian', 'Hispanic', 'other', 'White', 'White', 'Black'][1 + CAST(floor(8 * a) AS INT)]"
    numbers = ", ".join(f"random() AS x{i}" for i in range(16))
    query = f"""
        SELECT {race} AS race, CASE WHEN b < 0.5 THEN 'female' ELSE 'male' END AS sex,
            CAST(c < 0.3 + 0.5 * d AS INT) AS repaid, d AS score, {numbers}
        FROM (SELECT random() AS a, random() AS b, random() AS c, random() AS d FROM range({rows}))
    """
    duckdb.connect().execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return None


def ours(data):
    """Every rate, criterion and interval for both columns and their crossing; the equalized odds differences."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # This checkout
    from mlops_lit.govern.fairness import audits
    from mlops_lit.govern.groups import tally

    found = audits(tally(data, SENSITIVE, outcome=OUTCOME, score=SCORE))
    return [result.equalized_odds.estimate.value for result in found]


def fairlearn(frame, rounds):
    """Five metrics by both columns and by both crossed; rounds of bootstrap, or none; the same differences."""
    from fairlearn.metrics import (
        MetricFrame,
        false_positive_rate,
        selection_rate,
        true_positive_rate,
    )
    from sklearn.metrics import accuracy_score, precision_score

    metrics = {
        "selection_rate": selection_rate,
        "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate,
        "precision": precision_score,
        "accuracy": accuracy_score,
    }
    y, decided = frame[OUTCOME], (frame[SCORE] >= 0.5).astype(int)
    quantiles = {"n_boot": rounds, "ci_quantiles": [0.025, 0.975], "random_state": 0}
    more, found = (quantiles if rounds else {}), []
    for columns in (["race"], ["sex"], SENSITIVE):
        groups = frame[columns]
        made = MetricFrame(
            metrics=metrics, y_true=y, y_pred=decided, sensitive_features=groups, **more
        )
        gaps = made.difference()
        found.append(float(max(gaps["true_positive_rate"], gaps["false_positive_rate"])))
    return found


def main():
    """Time it and print what was found."""
    _, tool, how, path, times, rounds = sys.argv
    if how == "make":
        make(path, int(times))
        print("RESULT " + json.dumps({}))
        return
    data = path
    if how != "parquet":
        import pandas as pd

        data = pd.read_parquet(path)
    calls, values = [], None
    if tool == "fairlearn":
        fairlearn(data.head(1000), 0)  # Imports do not count
    for _ in range(int(times)):
        begin = time.perf_counter(), time.process_time()
        values = ours(data) if tool == "mlops_lit" else fairlearn(data, int(rounds))
        calls.append([time.perf_counter() - begin[0], time.process_time() - begin[1]])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {"seconds": [c[0] for c in calls], "cpu": [c[1] for c in calls]}
    print("RESULT " + json.dumps({**found, "values": values, "peak_mb": peak}))


if __name__ == "__main__":
    main()
