"""Fill a store through the public calls: `build.py TOOL summaries RUNS` or `build.py TOOL histories RUNS STEPS`."""

import random
import sys
import time

from bench_tools import TOOLS, Mlflow, report

tool, what, runs = TOOLS[sys.argv[1]](), sys.argv[2], int(sys.argv[3])
random.seed(1)
tool.load()


def summaries(count):
    """Config and summary of each run; the same for every tool."""
    for i in range(count):
        config = {"depth": i % 10, "lr": 0.1 / (1 + i % 7), "model": f"m{i % 5}", "seed": i}
        config |= {f"option{j}": (i * 7 + j) % 11 for j in range(6)}
        summary = {"accuracy": random.random(), "loss": random.random()}
        yield config, summary | {f"metric{j}": random.random() for j in range(38)}


def fill_mlops_lit():
    """Runs of mlops_lit."""
    if what == "summaries":
        for i, (config, summary) in enumerate(summaries(runs)):
            run = tool.api.init(project="bench", name=f"run{i}", config=config, dir="store")
            run.log(summary)
            run.finish()
        return
    for i in range(runs):
        run = tool.api.init(project="bench", name=f"run{i}", dir="store")
        for step in range(int(sys.argv[4])):
            run.log({"loss": 1 / (step + 1)})
        run.finish()


def fill_mlflow():
    """Runs of MLflow, written in batches: one call for each run, or for each 1,000 steps."""
    from mlflow.entities import Metric, Param

    tool.api.set_tracking_uri(tool.uri)
    tool.api.set_experiment("bench")
    client = tool.api.MlflowClient()
    experiment = client.get_experiment_by_name("bench").experiment_id
    now = int(time.time() * 1000)
    if what == "summaries":
        for i, (config, summary) in enumerate(summaries(runs)):
            run = client.create_run(experiment, run_name=f"run{i}").info.run_id
            metrics = [Metric(key, value, now, 0) for key, value in summary.items()]
            params = [Param(key, str(value)) for key, value in config.items()]
            client.log_batch(run, metrics=metrics, params=params)
            client.set_terminated(run)
        return
    for i in range(runs):
        run = client.create_run(experiment, run_name=f"run{i}").info.run_id
        for first in range(0, int(sys.argv[4]), 1000):
            steps = range(first, min(first + 1000, int(sys.argv[4])))
            client.log_batch(run, [Metric("loss", 1 / (s + 1), now + s, s) for s in steps])
        client.set_terminated(run)


begin = time.monotonic()
fill_mlflow() if isinstance(tool, Mlflow) else fill_mlops_lit()
report(seconds=time.monotonic() - begin)
