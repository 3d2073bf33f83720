"""Ask a store one question, at most so many times, and time it: `ask.py TOOL QUESTION TIMES RUNS`."""

import sys
from time import perf_counter

from bench_tools import TOOLS, Mlflow, report

ENOUGH_S = 20  # A question that takes long is asked no more after this, but at least twice
tool, question, times = TOOLS[sys.argv[1]](), sys.argv[2], int(sys.argv[3])
runs = int(sys.argv[4])  # How many runs' histories
tool.load()


def ask_mlops_lit():
    """Rows and the best loss, or the last value, of what was asked of mlops_lit."""
    store = tool.api.open_store("store")
    if question == "runs":
        frame = store.runs()
    elif question == "best":
        frame = store.runs(where='accuracy > 0.5 and "config.depth" = 3', order_by="loss", limit=1)
    else:
        frame = histories(store, list(chosen))
    return len(frame), float(frame["loss"].iloc[0 if question != "histories" else -1])


def histories(store, ids):
    """The call that reads one metric of many runs: columns run_id, step, time, loss."""
    return store.histories(ids, metrics=["loss"])


def ask_mlflow():
    """The same of MLflow."""
    import pandas as pd

    if question == "runs":
        frame = tool.api.search_runs(experiment_names=["bench"])
    elif question == "best":
        frame = tool.api.search_runs(
            experiment_names=["bench"],
            filter_string="metrics.accuracy > 0.5 and params.depth = '3'",
            order_by=["metrics.loss"],
            max_results=1,
        )
    else:
        client = tool.api.MlflowClient()
        frame = pd.DataFrame(
            [
                {"run_id": run, "step": m.step, "time": m.timestamp, "loss": m.value}
                for run in chosen
                for m in client.get_metric_history(run, "loss")
            ]
        )
        return len(frame), float(frame["loss"].iloc[-1])
    return len(frame), float(frame["metrics.loss"].iloc[0])


def ids():
    """The runs whose histories are asked for; not part of the question's time."""
    if isinstance(tool, Mlflow):
        frame = tool.api.search_runs(experiment_names=["bench"])
        return frame["run_id"].tolist()[:runs]
    return tool.api.open_store("store").runs()["id"].tolist()[:runs]


if isinstance(tool, Mlflow):
    tool.api.set_tracking_uri(tool.uri)
ask = ask_mlflow if isinstance(tool, Mlflow) else ask_mlops_lit
chosen = ids() if question == "histories" else []
spent = []
for _ in range(times):
    begin = perf_counter()
    count, value = ask()
    spent.append(perf_counter() - begin)
    if len(spent) > 1 and sum(spent) > ENOUGH_S:
        break
report(seconds=spent, rows=count, value=value)
