"""Log, ask or compare a table, so many times, and time it: `tables.py TOOL HOW QUESTION ROWS TIMES`.

TOOL names the interpreter, HOW is mlops_lit, pandas, duckdb or wandb; the working directory is shared by all of them.
"""

import random
import sys
from functools import partial
from pathlib import Path
from time import perf_counter

from bench_tools import report

how, question, n, times = *sys.argv[2:4], int(sys.argv[4]), int(sys.argv[5])
GROUPS = {
    "group by number": "SELECT label, count(*) AS n, avg(score) AS x FROM {} GROUP BY label",
    "group by text": "SELECT city, count(*) AS n, avg(loss) AS x FROM {} GROUP BY city",
    "one number": "SELECT count(*) AS n, avg(score) AS x FROM {}",
}


def frame():
    """Predictions: an id, two labels, four floats, three texts, one of them different in each row."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "label": rng.integers(0, 10, n),
            "predicted": rng.integers(0, 10, n),
            "score": rng.random(n),
            "loss": rng.random(n) * 3,
            "margin": rng.normal(size=n),
            "weight": rng.normal(size=n).astype("float32"),
            "split": rng.choice(["train", "valid", "test"], n),
            "city": rng.choice([f"city {i}" for i in range(500)], n),
            "text": [f"review {i} of customer {i % 997}" for i in range(n)],
        }
    )


def other_frame(first):
    """The same rows of another model: each tenth differs in two columns, and the order is another."""
    import numpy as np

    hit = np.arange(n) % 10 == 0
    changed = first.assign(
        predicted=np.where(hit, first["predicted"] + 1, first["predicted"]),
        score=np.where(hit, first["score"] / 2, first["score"]),
    )
    return changed.sample(frac=1, random_state=1).reset_index(drop=True)


def log_mlops_lit():
    """One call of `run.log` with a frame, each time in a store of its own; the others ask the first."""
    import mlops_lit as lit

    table = frame()
    for i in range(times):
        with lit.init(project="bench", dir=f"store {i}") as run:
            yield lambda run=run: run.log({"predictions": table})
    sizes = [path.stat().st_size for path in Path("store 0").rglob("media/table/*.parquet")]
    yield {"value": max(sizes)}


def log_pandas():
    """`DataFrame.to_parquet` with the same compression."""
    table = frame()
    for _ in range(times):
        yield lambda: table.to_parquet("plain.parquet", compression="zstd")
    yield {"value": Path("plain.parquet").stat().st_size}


def lists():
    """The same kinds of columns as rows of Python's values."""
    draw = random.Random(0)
    return [
        [
            i,
            draw.randrange(10),
            draw.randrange(10),
            *(draw.random() for _ in range(4)),
            draw.choice(["train", "valid", "test"]),
            f"city {draw.randrange(500)}",
            f"review {i}",
        ]
        for i in range(n)
    ]


COLUMNS = [f"column {i}" for i in range(10)]


def lists_mlops_lit():
    """`Table` of lists that were made before, logged; other lists each time, as equal ones are kept once."""
    import mlops_lit as lit

    rows = lists()
    with lit.init(project="bench", dir="lists") as run:
        for _ in range(times):
            rows[0][0] += 1
            yield lambda: run.log({"predictions": lit.Table(columns=COLUMNS, data=rows)})
    sizes = [path.stat().st_size for path in Path("lists").rglob("media/table/*.parquet")]
    yield {"value": max(sizes)}


def lists_wandb():
    """The same with `wandb.Table`, offline."""
    import wandb

    rows = lists()
    run = wandb.init(project="bench", mode="offline")
    for _ in range(times):
        rows[0][0] += 1
        yield lambda: run.log({"predictions": wandb.Table(columns=COLUMNS, data=rows)})
    run.finish()
    sizes = [path.stat().st_size for path in Path("wandb").rglob("*.table.json")]
    yield {"value": max(sizes, default=0)}


def ask_mlops_lit():
    """`query` of the one run that logged the table."""
    import mlops_lit as lit

    for _ in range(times):
        yield lambda: lit.query(GROUPS[question].format("predictions"), store="store 0")


def ask_duckdb():
    """DuckDB on the file that mlops_lit wrote."""
    import duckdb

    path = next(Path("store 0").rglob("media/table/*.parquet"))
    for _ in range(times):
        yield lambda: duckdb.sql(GROUPS[question].format(f"'{path}'")).df()


def read_mlops_lit():
    """The logged table again, checked against its digest, as a frame."""
    from mlops_lit.store.files import from_json
    from mlops_lit.track.table import Table

    folder = next(Path("store 0", "runs").iterdir())
    record = from_json((folder / "run.json").read_bytes())["summary"]["predictions"]
    for _ in range(times):
        yield lambda: Table.from_record(folder, record).get_dataframe()


def read_pandas():
    """`read_parquet` of the file that mlops_lit wrote."""
    import pandas as pd

    path = next(Path("store 0").rglob("media/table/*.parquet"))
    for _ in range(times):
        yield lambda: pd.read_parquet(path)


def diff_mlops_lit():
    """`table.diff` by key of two tables made of frames."""
    import mlops_lit as lit

    first = frame()
    tables = lit.Table(dataframe=first), lit.Table(dataframe=other_frame(first))
    for _ in range(times):
        yield lambda: tables[0].diff(tables[1], key="id").n_changed


def diff_pandas():
    """`merge` by key, then a comparison of each pair of columns."""
    first = frame()
    second = other_frame(first)

    def changed():
        both = first.merge(second, on="id", how="outer", indicator=True)
        differs = both["_merge"] != "both"
        for name in first.columns.drop("id"):
            a, b = both[f"{name}_x"], both[f"{name}_y"]
            differs |= ~((a == b) | (a.isna() & b.isna()))
        return int(differs.sum())

    for _ in range(times):
        yield changed


def summed(answer):
    """A number that says whether two answers are the same."""
    if isinstance(answer, int):
        return answer
    if "x" in getattr(answer, "columns", ()):
        return float((answer["n"] * answer["x"]).sum())
    return None if answer is None else float(answer["score"].sum())


verb = question if question in ("log", "lists", "read", "diff") else "ask"
spent, value, answer = [], None, None
for step in globals()[f"{verb}_{how}"]():
    if isinstance(step, dict):
        value = step["value"]
        continue
    begin = perf_counter()
    answer = partial(step)()
    spent.append(perf_counter() - begin)
report(seconds=spent, value=summed(answer) if value is None else value)
