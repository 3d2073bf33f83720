"""Runs notebooks with papermill, one after the other, and writes down how each ended; a program of its own, so that nothing else is loaded.

`python runner.py ENGINE JOBS.json`: the jobs are a list of what `Job` holds; beside each output comes a file `.result.json`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any


def find_engine(name: str) -> str:
    "The name under which papermill knows the engine; `module:Class` is registered by hand."
    if ":" not in name:
        return name
    from papermill.engines import papermill_engines

    module, attribute = name.split(":")
    papermill_engines.register("by-hand", getattr(importlib.import_module(module), attribute))
    return "by-hand"


def listing(folder: str) -> list[str]:
    "Every file below the folder, in order, without what Python compiled."
    return sorted(
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, folders, names in os.walk(folder)
        for name in names
        if "__pycache__" not in parent
    )


def run(job: dict[str, Any], engine: str) -> dict[str, Any]:
    "How the notebook ended: its exception, whether the returned notebook is the saved one, files, seconds."
    import nbformat
    import papermill

    begin, error, executed = time.perf_counter(), None, None
    try:
        executed = papermill.execute_notebook(
            job["input"],
            job["output"],
            job["parameters"],
            engine_name=engine,
            kernel_name=job["kernel"],
            cwd=job["folder"],
            execution_timeout=job["timeout_s"],
            progress_bar=False,
            request_save_on_cell_execute=True,
        )
    except BaseException as caught:
        kind = type(caught)
        error = {"type": f"{kind.__module__}.{kind.__qualname__}", "text": str(caught)}
        names = ("cell_index", "exec_count", "ename", "evalue", "traceback")
        error |= {name: getattr(caught, name) for name in names if hasattr(caught, name)}
    seconds = time.perf_counter() - begin
    same = None
    if executed is not None:
        with open(job["output"], encoding="utf-8") as file:
            same = json.loads(nbformat.writes(executed)) == json.load(file)
    files = listing(job["folder"])
    return {"error": error, "returned_is_saved": same, "files": files, "seconds": seconds}


def main() -> None:
    "Run the jobs."
    engine, (_, _, path) = find_engine(sys.argv[1]), sys.argv
    with open(path, encoding="utf-8") as file:
        jobs = json.load(file)
    for job in jobs:
        text = json.dumps(run(job, engine))
        part = job["output"] + ".part"
        with open(part, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(part, job["output"] + ".result.json")


if __name__ == "__main__":
    main()
