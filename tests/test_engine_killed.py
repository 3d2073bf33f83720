"""Drivers, zygotes and kernels are killed at random moments; nothing is left behind and no finished cell is lost.

KILL_ROUNDS sets how often; each round is a process that runs notebooks while somebody shoots.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mlops_lit.store.executed import fold_journal, journal_path

ROUNDS = int(os.environ.get("KILL_ROUNDS", "6"))
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the warm engine needs Linux")

DRIVER = """
import json, sys
from pathlib import Path
from mlops_lit.notebook.engine import Engine, Setup

folder, number = Path(sys.argv[1]), 0
while True:
    code = {"cell_type": "code", "metadata": {}}
    sources = [
        f"print('cell 0'); import subprocess; left = subprocess.Popen(['sleep', '777{number % 10}'])",
        *[f"import time; time.sleep(0.004); print('cell {i}')" for i in range(1, 12)],
    ]
    cells = [{**code, "id": f"c{i}", "source": source} for i, source in enumerate(sources)]
    nb = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    failure = Engine.execute(nb, folder / "out.ipynb", Setup(folder))
    print(json.dumps([number, failure and failure.name]), flush=True)
    number += 1
"""


@pytest.fixture
def driver(tmp_path):
    "A process that runs notebooks one after the other, with a folder for its temporary files."
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    yield process
    process.kill()
    process.wait()


def relatives(process: subprocess.Popen) -> list[psutil.Process]:
    "The zygote and the kernels of a driver, and what they started."
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def wait_until_gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    "Those that still live after ten seconds."
    return psutil.wait_procs(processes, timeout=10)[1]


def shown(notebook: Path) -> list[str]:
    "What the cells of a notebook have printed."
    cells = json.loads(notebook.read_text())["cells"]
    return ["".join(cell["outputs"][0]["text"]).strip() for cell in cells if cell["outputs"]]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_killed_driver_leaves_a_notebook_and_nothing_else(driver, tmp_path, number):
    "What the notebook shows are the first cells, without a gap; every process is gone."
    draw = random.Random(number)
    assert driver.stdout.readline()  # One notebook has run
    time.sleep(draw.uniform(0, 0.15))
    family = relatives(driver)
    driver.kill()
    driver.wait()
    assert wait_until_gone(family) == []
    fold_journal(tmp_path / "out.ipynb")  # Nothing is left to be done when the zygote has done it
    printed = shown(tmp_path / "out.ipynb")
    assert printed == [f"cell {i}" for i in range(len(printed))]
    assert not journal_path(tmp_path / "out.ipynb").exists()
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_killed_kernel_or_zygote_ends_one_notebook_and_not_the_next(driver, tmp_path, number):
    "The driver goes on with another zygote; the notebook that was hit says so or had just ended."
    draw = random.Random(1000 + number)
    assert driver.stdout.readline()
    time.sleep(draw.uniform(0, 0.1))
    family = relatives(driver)
    python = [each for each in family if "python" in each.name()]
    for victim in draw.sample(python, min(len(python), draw.choice([1, 1, 2]))):
        try:
            victim.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    ends = [json.loads(driver.stdout.readline())[1] for _ in range(4)]
    assert set(ends) <= {None, "DeadKernel"}
    assert ends[-1] is None
    assert ends.count("DeadKernel") <= 2
    driver.send_signal(signal.SIGTERM)
    driver.wait()
    assert wait_until_gone([*family, *relatives(driver)]) == []


def test_an_interrupted_driver_saves_what_it_has(driver, tmp_path):
    "Ctrl-C is an exception in the driver; the notebook is whole and says which cell failed."
    assert driver.stdout.readline()
    time.sleep(0.03)
    family = relatives(driver)
    driver.send_signal(signal.SIGINT)
    driver.wait()
    assert wait_until_gone(family) == []
    printed = shown(tmp_path / "out.ipynb")
    assert printed == [f"cell {i}" for i in range(len(printed))]
    assert list((tmp_path / "tmp").iterdir()) == []
