"""Pytest collects the notebooks of this folder: one item per page, run as nbdev runs it.

The report notebooks in reports/ and demo/ need parameters and a store; tests/test_story.py runs them.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NEED_PARAMETERS = {"reports", "demo"}


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> NotebookFile | None:
    "A collector for each notebook that is a page."
    inside = file_path.relative_to(HERE).parts
    hidden = any(part.startswith((".", "_")) for part in inside)
    if file_path.suffix == ".ipynb" and not hidden and inside[0] not in NEED_PARAMETERS:
        return NotebookFile.from_parent(parent, path=file_path)
    return None


class NotebookFile(pytest.File):
    "One notebook."

    def collect(self):
        yield NotebookItem.from_parent(self, name="runs")


class NotebookFailed(Exception):
    "A cell of the notebook raised; the message is nbdev's report."


class NotebookItem(pytest.Item):
    "The execution of one notebook."

    def runtest(self) -> None:
        from nbdev.test import test_nb

        report = io.StringIO()
        with as_it_was(), report_to(report), tempfile.TemporaryDirectory() as folder:
            os.environ["MLOPS_LIT_STORE"] = str(Path(folder) / ".mlops")
            passed, _ = test_nb(self.path, skip_flags=["slow"], basepath=HERE.parent)
        if not passed:
            raise NotebookFailed(report.getvalue())

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, NotebookFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, 0, self.path.relative_to(HERE.parent).as_posix()


@contextlib.contextmanager
def report_to(stream: io.StringIO):
    "nbdev writes its report to sys.__stderr__, where pytest would not show it beside the item."
    before, sys.__stderr__ = sys.__stderr__, stream  # type: ignore[misc]
    try:
        yield
    finally:
        sys.__stderr__ = before  # type: ignore[misc]


@contextlib.contextmanager
def as_it_was():
    "What a notebook changes in the process ends with it: path, folder, environment, Ctrl-C, pandas' options."
    import pandas as pd

    path, folder, environment = sys.path[:], Path.cwd(), dict(os.environ)
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        sys.path[:] = path
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        signal.signal(signal.SIGINT, interrupt)
        pd.reset_option("display.html.table_schema")
