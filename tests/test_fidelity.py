"""Part of the comparison with papermill's own engine; `python -m tests.fidelity` makes all of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from fidelity.compare import Source, jobs_for, read, run_comparison
from fidelity.known import explained
from fidelity.notebooks import NOTEBOOKS, Notebook
from fidelity.sources import made_here

HERE = Path(__file__).parent
CHOSEN = [
    "streams",
    "display_id and update_display",
    "clear_output",
    "the shell's own names",
    "tracebacks",
    "async",
    "kinds of cells and tags",
    "execution counts after errors",
    "parameters",
    "code and classes of cells",
    "an error ends it",
    "sys.exit(0)",
    "input is refused",
    "os._exit(3)",
]
linux = pytest.mark.skipif(sys.platform != "linux", reason="the warm engine needs Linux")


def source(text: str, name: str = "made") -> Source:
    "A notebook of these cells."
    return Source(name, json.dumps(Notebook(name, text).as_json()).encode())


@linux
def test_every_difference_from_papermills_own_engine_is_explained(tmp_path: Path):
    sources = [each for each in made_here() if each.name in CHOSEN]
    assert len(sources) == len(CHOSEN)
    engine = "mlops_lit.notebook.papermill_engine:Engine"
    comparisons = run_comparison(sources, engine, tmp_path, standard_runs=1)
    unexplained = [
        f"{each.notebook}, {each.cell}:\n" + "\n".join(each.lines[:20])
        for comparison in comparisons
        for each in comparison.differences
        if not explained(each)
    ]
    assert not unexplained, "\n\n".join(unexplained)


ALTERED = """
from papermill.engines import NBClientEngine


class Altered(NBClientEngine):
    @classmethod
    def execute_managed_notebook(cls, manager, *rest, **options):
        super().execute_managed_notebook(manager, *rest, **options)
        manager.nb.cells[1].outputs[0]["text"] = "another text"
        manager.nb.cells[2].metadata.papermill.status = "failed"
"""


def test_an_engine_that_changes_an_output_or_a_status_is_found_out(tmp_path: Path, monkeypatch):
    (tmp_path / "altered.py").write_text(ALTERED)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    cells = source("print(1)\n# %%\nprint(2)\n# %%\nprint(3)")
    [found] = run_comparison([cells], "altered:Altered", tmp_path / "all", standard_runs=1)
    assert [each.cell for each in found.differences] == [1, 2]
    assert "+outputs[0].text: 'another text'" in found.differences[0].lines
    assert "+metadata.papermill.status: 'failed'" in found.differences[1].lines


def result_of(outputs: list[dict[str, object]], folder: Path) -> dict[int | str, object]:
    "What the comparison reads of a notebook with one cell that shows this."
    [job] = jobs_for([source("1", folder.name)], folder)
    cell = {"cell_type": "code", "source": "1", "metadata": {}, "execution_count": 1}
    nb = {"cells": [{**cell, "outputs": outputs}], "metadata": {}, "nbformat": 4}
    Path(job.output).write_text(json.dumps({**nb, "nbformat_minor": 5}))
    return read(job, {"error": None, "files": []})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<f at 0x7f0a12bc4d00>", "<f at 0x7f99aabbccdd>"),
        ("/tmp/ipykernel_12/34.py", "/tmp/ipykernel_56/34.py"),
        ("Wall time: 3 ms", "Wall time: 2.5 s"),
        ("model 0123456789abcdef0123456789abcdef", "model ffffffffffffffffffffffffffffffff"),
    ],
)
def test_what_varies_from_run_to_run_is_no_difference(tmp_path: Path, one: str, other: str):
    found = [
        result_of([{"output_type": "stream", "name": "stdout", "text": text}], tmp_path / name)
        for name, text in (("a", one), ("b", other))
    ]
    assert found[0] == found[1]


def test_a_stream_in_pieces_is_the_stream_and_the_order_of_streams_matters(tmp_path: Path):
    def stream(name: str, text: str) -> dict[str, object]:
        return {"output_type": "stream", "name": name, "text": text}

    out, err = stream("stdout", "1\n"), stream("stderr", "2\n")
    whole = result_of([stream("stdout", "1\n1\n"), err], tmp_path / "a")
    assert result_of([out, out, err], tmp_path / "b") == whole
    assert result_of([out, err, out], tmp_path / "c") != whole


def test_each_notebook_is_there_once_and_every_explanation_has_a_notebook():
    from fidelity.known import KNOWN

    names = [notebook.name for notebook in NOTEBOOKS]
    assert len(names) == len(set(names))
    assert {name for name in KNOWN if ": " not in name} <= set(names)


def test_a_standard_engine_that_gives_nothing_is_a_difference(tmp_path: Path, monkeypatch):
    (tmp_path / "papermill.py").write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    [found] = run_comparison([source("1")], "nbclient", tmp_path / "all", standard_runs=1)
    assert [each.lines[0] for each in found.differences] == ["the standard engine has no result"]
