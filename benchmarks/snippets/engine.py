"""Execute notebooks one way, as often as told: `engine.py WAY`; reads a line of JSON for each time: notebook, sets of parameters, workers."""

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter_ns

from bench_tools import report


def by_papermill(job, engine_name=None):
    """Execute the notebook once; the path of the result."""
    import papermill

    notebook, values, output = job
    papermill.execute_notebook(
        notebook, output, parameters=values, engine_name=engine_name, progress_bar=False
    )
    return output


def papermill_each(notebook, sets, workers, engine_name=None):
    """One after the other in this process, or in processes that have imported papermill."""
    jobs = [(notebook, values, f"out/{way}-{i}.ipynb") for i, values in enumerate(sets)]
    work = partial(by_papermill, engine_name=engine_name)
    return list((pool(workers) if workers > 1 else map_here)(work, jobs))


def map_here(work, jobs):
    """One after the other."""
    return map(work, jobs)


def pool(workers):
    """How to work in so many processes, which stay."""
    if workers not in POOLS:
        POOLS[workers] = ProcessPoolExecutor(workers, get_context("spawn"))
    return POOLS[workers].map


def by_mlops_lit(notebook, sets, workers):
    """One tracked run in this process's warm one, or many."""
    from mlops_lit.notebook.execution import run_notebook
    from mlops_lit.notebook.many import run_many

    if len(sets) == 1:
        return [run_notebook(notebook, sets[0], progress=False).notebook]
    runs = run_many(notebook, sets, workers=workers, progress=False)
    failed = [run.message for run in runs if run.error]
    if failed:
        raise RuntimeError(failed[0])
    return [run.notebook for run in runs]


def cells_of(notebook):
    """Seconds that the cells alone took; RuntimeError when one was not executed."""
    cells = json.loads(Path(notebook).read_text())["cells"]
    if any(cell["execution_count"] is None for cell in cells if cell["cell_type"] == "code"):
        raise RuntimeError(f"{notebook} holds a cell that was not executed.")
    return sum(cell["metadata"]["papermill"]["duration"] for cell in cells)


POOLS = {}
WAYS = {
    "papermill": papermill_each,
    "papermill --engine mlops_lit": partial(papermill_each, engine_name="mlops_lit"),
    "mlops_lit": by_mlops_lit,
}

if __name__ == "__main__":
    way = sys.argv[1]
    for line in sys.stdin:
        request = json.loads(line)
        begin = perf_counter_ns()
        made = WAYS[way](request["notebook"], request["sets"], request["workers"])
        seconds = (perf_counter_ns() - begin) / 1e9
        report(seconds=seconds, cells_s=sum(map(cells_of, made)))
    for each in POOLS.values():
        each.shutdown()
