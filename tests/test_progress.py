"The time left where the pages cannot show it: in a terminal, in a log, and below a cell of a real kernel."

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty

import nbformat
import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager
from test_cli import call, environment, typed

LEFT = re.compile(r"about \d+ (s|min) left")


def write(folder: Path, name: str, *cells: str) -> None:
    "A notebook with a heading above its cells."
    made = [nbformat.v4.new_markdown_cell(f"# {name}"), *map(nbformat.v4.new_code_cell, cells)]
    nbformat.write(nbformat.v4.new_notebook(cells=made), folder / f"{name}.ipynb")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "A project with notebooks and a pipeline, and no run yet."
    folder = tmp_path_factory.mktemp("progress")
    (folder / "settings.ini").write_text("[mlops_lit]\nproject = loans\n")
    write(folder, "train", "import time", "time.sleep(2.2)", "'done'")
    write(folder, "long", "import time", "print('begun')", "time.sleep(60)")
    steps = ['[[step]]\nname="train"\nnotebook="train.ipynb"']
    steps += ['[[step]]\nname="again"\nnotebook="train.ipynb"\nafter=["train"]']
    (folder / "two.toml").write_text("\n".join(steps))
    return folder


def test_a_terminal_counts_down_once_the_notebook_is_known(folder: Path):
    status, first = typed(folder, ["run", "train.ipynb"])
    assert status == 0
    assert "train" in first
    assert not LEFT.search(first)
    status, second = typed(folder, ["run", "train.ipynb"])
    assert status == 0
    assert len({match.group() for match in LEFT.finditer(second)}) > 1
    assert "2/4" in second  # While the third cell sleeps
    assert "finished after" in second


def test_a_log_says_what_is_expected_and_what_is_left(folder: Path):
    call(folder, "run", "train.ipynb")
    done = call(folder, "run", "two.toml")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    started = [line for line in lines if "started" in line]
    assert len(started) == 2
    for line in started:
        assert re.search(r"expected about \d+ s, from \d earlier runs?$", line)
    assert re.search(r"train: finished after .* \(1 of 2, about \d+ s left\)$", done.stderr, re.M)
    assert done.stderr.rstrip().endswith("(2 of 2)")


@pytest.fixture
def kernel(folder: Path) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    "A kernel as JupyterLab starts it, in that folder."
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder), env=environment())
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def outputs(client: BlockingKernelClient, code: str) -> Iterator[dict]:
    "What a cell sends until it has ended."
    asked, deadline = client.execute(code), time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            message = client.get_iopub_msg(timeout=1)
        except Empty:
            continue
        if message["parent_header"].get("msg_id") != asked:
            continue
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return
        yield message
    raise AssertionError("the cell did not end")


RUN = "import mlops_lit as lit; run = lit.run_notebook({0!r}{1})"


def test_below_a_cell_one_output_is_replaced_until_the_verdict(folder: Path, kernel):
    call(folder, "run", "train.ipynb")
    shown = [m for m in outputs(kernel[1], RUN.format("train.ipynb", "")) if "data" in m["content"]]
    assert [m["msg_type"] for m in shown[:2]] == ["display_data", "update_display_data"]
    assert len({m["content"]["transient"]["display_id"] for m in shown}) == 1
    texts = [m["content"]["data"]["text/plain"] for m in shown]
    assert any(LEFT.search(text) for text in texts)
    assert texts[-1].startswith("train finished in ")
    assert "<progress" not in shown[-1]["content"]["data"]["text/html"]


def test_a_caller_who_wants_no_bar_gets_none(folder: Path, kernel):
    silent = RUN.format("train.ipynb", ", progress=False")
    heard = RUN.format("train.ipynb", ", progress=lambda *done: None")
    for code in (silent, heard):
        assert not [m for m in outputs(kernel[1], code) if "data" in m["content"]]


def test_an_interrupted_cell_keeps_a_line(folder: Path, kernel):
    manager, client = kernel
    texts, asked = [], False
    for message in outputs(client, RUN.format("long.ipynb", "")):
        texts.append(message["content"].get("data", {}).get("text/plain", ""))
        if "cell 4 of 4" in texts[-1] and not asked:
            manager.interrupt_kernel()
            asked = True
    assert [text for text in texts if text][-1].startswith("long: stopped after ")


def test_a_notebook_that_is_executed_keeps_the_last_line_only(folder: Path):
    write(folder, "outer", RUN.format("train.ipynb", ""))
    done = call(folder, "run", "outer.ipynb", "--json")
    executed = nbformat.read(json.loads(done.stdout)["notebook"], as_version=4)
    (output,) = executed.cells[1].outputs
    assert output["data"]["text/plain"].startswith("train finished in ")


def test_a_damaged_past_stops_nobody(folder: Path):
    call(folder, "run", "train.ipynb")
    for path in (folder / ".mlops" / "runs").glob("*/notebook.ipynb"):
        path.write_text('{"cells": [{"metadata": {"papermill": {"start_time": 3}}}]}')
    done = call(folder, "run", "train.ipynb")
    assert done.returncode == 0, done.stderr
    assert "expected" not in done.stderr
