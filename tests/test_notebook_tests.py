"""`pytest --mlops-lit`: what the page of the plug-in cannot show, pytest run on folders of notebooks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from nbformat import write
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

# Imported here because pytester forgets what is imported while it runs, and the warm process with it.
from mlops_lit.notebook import engine, ordinary, pytest_plugin, testing
from mlops_lit.notebook.warm import warmth

pytest_plugins = ["pytester"]
assert all((engine, ordinary, testing))

PLUGIN = pytest_plugin.__name__


def code(source: str, *tags: str):
    "A code cell."
    return new_code_cell(source, metadata={"tags": list(tags)})


def page(path: Path | str, *cells, title: str = "# Page", kernel: str = "") -> Path:
    "A notebook below a title, where texts are code cells."
    made = [code(cell) if isinstance(cell, str) else cell for cell in cells]
    notebook = new_notebook(cells=[new_markdown_cell(title), *made])
    if kernel:
        notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write(notebook, path)
    return Path(path)


def edit(module: str, source: str) -> None:
    "Write a module between two sessions of pytest, each of which has a warm process of its own."
    Path(module).write_text(source)
    warmth.close()


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    "Runs pytest on the folder of the test."
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    for name in list(os.environ):
        if name.startswith("MLOPS_LIT_") and name != "MLOPS_LIT_ENGINE":
            monkeypatch.delenv(name)

    def run(*options: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-p", PLUGIN, "--mlops-lit", *options)

    return run


def test_cells_that_run_and_notebooks_that_are_skipped(run):
    never = "raise RuntimeError('this cell must not run')"
    paths = [
        page("nbs/a_pass.ipynb", "import os", "assert os.path.basename(os.getcwd()) == 'nbs'"),
        page("nbs/b_left_out.ipynb", f"#| eval: false\n{never}", f"#|eval:false\n{never}", "x = 1"),
        page("nbs/c_slow.ipynb", code(never, "slow"), f"#| slow\n{never}", "x = 1"),
        page(
            "nbs/d_tags.ipynb",
            code("1 / 0", "raises-exception"),
            code(never, "skip-execution"),
            "x = 1",
        ),
        page("nbs/e_defaults.ipynb", code("n: int = 3", "parameters"), "assert n == 3"),
        page("nbs/f_missing.ipynb", code("data: str\nn: int = 3", "parameters"), never),
        page("nbs/g_front_matter.ipynb", new_raw_cell("---\nskip_exec: true\n---"), never),
        page("nbs/h_text.ipynb"),
        page("nbs/i_export.ipynb", "x = 1", "import nbdev; nbdev.nbdev_export()"),
    ]
    page("nbs/_draft.ipynb", never)
    page("nbs/.ipynb_checkpoints/a_pass.ipynb", never)
    before = [path.read_bytes() for path in paths]
    result = run("nbs", "-rs")
    result.assert_outcomes(passed=6, skipped=3)
    result.stdout.fnmatch_lines(
        [
            "notebooks: 9 to run, 2 slow cells left out",
            "SKIPPED*nbs/f_missing.ipynb: it needs the parameter data, and there is no default*",
            "SKIPPED*nbs/g_front_matter.ipynb: its front matter says skip_exec",
            "SKIPPED*nbs/h_text.ipynb: it has no cell to run",
        ]
    )
    assert [path.read_bytes() for path in paths] == before

    result = run("nbs", "--slow", "-k", "c_slow")
    result.assert_outcomes(failed=1, deselected=8)
    result.stdout.fnmatch_lines(["*cell 2*RuntimeError: this cell must not run"])
    run("nbs/_draft.ipynb").assert_outcomes(failed=1)


def test_a_notebook_that_is_not_isolated_finds_nothing(run, monkeypatch: pytest.MonkeyPatch):
    Path("settings.ini").write_text("[mlops_lit]\ncatalog = postgresql://nobody@nowhere/none\n")
    Path("src").mkdir()
    Path("src/terms.py").write_text("MONTHS = 12")
    Path("pytest.ini").write_text("[pytest]\npythonpath = src\n")
    page(
        "nbs/track.ipynb",
        "import mlops_lit as lit\nfrom terms import MONTHS",
        "run = lit.init(name='fit')\nrun.log({'months': MONTHS})\nrun.finish()",
        "import os\nassert os.path.isdir(os.environ['MLOPS_LIT_STORE'])",
    )
    monkeypatch.setenv("MLOPS_LIT_RUN", "a-run-that-executes-these-tests")
    run("nbs").assert_outcomes(passed=1)
    left = {path.name for path in Path().rglob("*") if path.is_dir()} - {"__pycache__"}
    assert ".mlops" not in left


def test_a_failure_shows_the_cell(run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2-hunter2")
    page(
        "nbs/rates.ipynb",
        new_markdown_cell("## Per month"),
        "def rate(loans, months):\n    print('dividing')\n    return loans / months",
        "import os\nprint('as', os.environ['DATABASE_PASSWORD'])\nrate(\n    120,\n    0,\n)",
        "raise SystemExit('never reached')",
    )
    result = run("nbs", "--junit-xml=report.xml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            'nbs/rates.ipynb, cell 4 under "Per month", after * s: ZeroDivisionError: division by zero',
            "    1  import os",
            ">   3  rate(",
            "    5      0,",
            "*Traceback (most recent call last)*",
            "*Captured stdout call*",
            "as ***",
            "dividing",
            "FAILED nbs/rates.ipynb::notebook - cell 4: ZeroDivisionError: division by zero",
        ]
    )
    output = result.stdout.str()
    assert "hunter2" not in output
    assert "\x1b" not in output
    report = Path("report.xml").read_text()
    assert 'message="cell 4: ZeroDivisionError: division by zero"' in report
    assert "#x1B" not in report

    short = run("nbs", "--tb=short").stdout.str()
    assert ">   3  rate(" in short
    assert "    1  import os" not in short
    assert "Traceback" not in short
    line = run("nbs", "--tb=line").stdout.str()
    assert "nbs/rates.ipynb: cell 4: ZeroDivisionError" in line
    assert "rate(" not in line
    assert "cell 4 under" not in run("nbs", "--tb=no").stdout.str()
    assert "\x1b[31m>   3" in run("nbs", "--color=yes").stdout.str()


def test_what_ends_a_notebook_without_a_traceback(run):
    page("nbs/died.ipynb", "import os\nos._exit(3)")
    page("nbs/endless.ipynb", "while True: pass")
    page("nbs/kernel.ipynb", "1 + 1", kernel="no-such-kernel")
    Path("nbs/torn.ipynb").write_text('{"cells": [')
    result = run("nbs", "--notebook-timeout=1", "--notebook-workers=2", "--durations=5", "-vv")
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        [
            "nbs/died.ipynb, cell 2 *: the kernel died, its process ended with exit code 3",
            "    2  os._exit(3)",
            "nbs/endless.ipynb, cell 2 *: the time limit was reached in this cell",
            "*'no-such-kernel'*",
            "*nbs/torn.ipynb is not a notebook: its JSON cannot be read*",
            "*call*nbs/died.ipynb::notebook",
            "FAILED nbs/died.ipynb::notebook - cell 2: the kernel died*",
        ]
    )


def test_two_run_at_once(run):
    meet = "from pathlib import Path\nPath('{}').touch()\nwhile not Path('{}').exists(): pass"
    page("nbs/a.ipynb", meet.format("a", "b"))
    page("nbs/b.ipynb", meet.format("b", "a"))
    run("nbs", "--notebook-workers=2", "--notebook-timeout=60").assert_outcomes(passed=2)


def test_after_a_failure_no_other_is_begun_and_those_ahead_are_stopped(run):
    page("nbs/a.ipynb", "from pathlib import Path\nwhile not Path('b').exists(): pass", "1 / 0")
    page(
        "nbs/b.ipynb",
        "import time\nopen('b', 'w').close()\ntime.sleep(600)\nopen('end', 'w').close()",
    )
    for name in "cdef":
        page(f"nbs/{name}.ipynb", f"open('{name}', 'w').close()")
    result = run("nbs", "-x", "--notebook-workers=2", "--notebook-timeout=60")
    result.assert_outcomes(failed=1)
    assert "stopping after 1 failures" in result.stdout.str()
    written = {path.name for path in Path("nbs").iterdir() if not path.suffix}
    assert {"b"} <= written <= {"b", "c", "d"}

    Path("nbs/b").unlink()
    page("nbs/a.ipynb", "1 / 0")
    run("nbs", "-x", "--notebook-workers=1").assert_outcomes(failed=1)
    assert not Path("nbs/b").exists()


def test_options_of_pytest_find_a_notebook_by_its_id(run):
    page("nbs/good.ipynb", "x = 1")
    page("nbs/bad.ipynb", "1 / 0")
    Path("test_plain.py").write_text("def test_one():\n    pass\n")
    run(".").assert_outcomes(passed=2, failed=1)
    run(".", "--lf").assert_outcomes(failed=1)
    run("nbs/good.ipynb::notebook").assert_outcomes(passed=1)
    run(".", "--deselect=nbs/bad.ipynb::notebook").assert_outcomes(passed=2, deselected=1)
    run(".", "--ignore=nbs/bad.ipynb", "-k", "good").assert_outcomes(passed=1, deselected=1)


def test_only_what_changed_since_it_passed(run):
    Path("pytest.ini").write_text("[pytest]\npythonpath = src\n")
    Path("src/churn").mkdir(parents=True)
    for name, text in {"__init__": "", "model": "from .rates import R", "rates": "R = 1"}.items():
        Path(f"src/churn/{name}.py").write_text(text)
    page("nbs/model.ipynb", "from churn.model import R\nassert R < 3")
    alone = page("nbs/alone.ipynb", "x = 1", code("y = 1", "slow"))
    run("nbs", "--changed").assert_outcomes(passed=2)
    result = run("nbs", "--changed")
    result.assert_outcomes(deselected=2)
    result.stdout.fnmatch_lines(["notebooks: 0 to run, 2 unchanged since they passed"])
    assert result.ret == 0

    # A module that one of them needs through another one; broken, it is run until it passes again.
    edit("src/churn/rates.py", "R = 30")
    for _ in range(2):
        result = run("nbs", "--changed")
        result.assert_outcomes(failed=1, deselected=1)
        result.stdout.fnmatch_lines(["FAILED nbs/model.ipynb*"])
    edit("src/churn/rates.py", "R = 1")
    run("nbs", "--changed").assert_outcomes(passed=1, deselected=1)

    # Outputs and prose are no change, a cell is; slow cells are when they are wanted.
    notebook = json.loads(alone.read_text())
    notebook["cells"][0]["source"] = "# Another title"
    notebook["cells"][1]["outputs"] = [new_output("stream", text="printed")]
    alone.write_text(json.dumps(notebook))
    run("nbs", "--changed").assert_outcomes(deselected=2)
    run("nbs", "--changed", "--slow").assert_outcomes(passed=1, deselected=1)
    notebook["cells"][1]["source"] = "x = 2"
    alone.write_text(json.dumps(notebook))
    run("nbs", "--changed").assert_outcomes(passed=1, deselected=1)
    # Without a cache nothing is known, so everything runs.
    run("nbs", "--changed", "-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_beside_the_options_and_collectors_of_a_project(run):
    Path("conftest.py").write_text(
        """
import pytest

def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true")

def pytest_collect_file(file_path, parent):
    return Mine.from_parent(parent, path=file_path) if file_path.suffix == ".ipynb" else None

class Mine(pytest.File):
    def collect(self):
        yield MyItem.from_parent(self, name="mine")

class MyItem(pytest.Item):
    def runtest(self):
        pass
"""
    )
    page("nbs/a.ipynb", code("1 / 0", "slow"), "x = 1")
    result = run("nbs", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["nbs/a.ipynb::notebook PASSED*"])
    run("nbs", "--slow").assert_outcomes(failed=1)


def test_wrong_numbers_are_refused(run):
    for option in ("--notebook-timeout=0", "--notebook-workers=-1"):
        result = run(option)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"*{option.partition('=')[0]}=*is not above 0*"])


def test_without_the_option_nothing_is_collected_or_imported(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    page("nbs/a.ipynb", "1 / 0")
    result = pytester.runpytest_inprocess("-p", PLUGIN, "nbs")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result = pytester.runpytest_inprocess("-p", PLUGIN, "nbs", "--changed")
    result.stderr.fnmatch_lines(["*unrecognized arguments: --changed*"])
    result = pytester.runpytest_inprocess("-p", PLUGIN, "--help")
    result.stdout.fnmatch_lines(["*--mlops-lit*", "*--slow*", "*--changed*"])
    script = (
        "import sys, pytest; pytest.main(['--version']); before = set(sys.modules);"
        f"import {PLUGIN}; print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    ours = ["mlops_lit", "mlops_lit.notebook", PLUGIN]
    assert done.stdout.splitlines()[-1] == repr(ours)


def test_ctrl_c_leaves_no_process(tmp_path: Path):
    page(
        tmp_path / "nbs/long.ipynb",
        "import os, time\nprint(os.getpid(), file=open('pid', 'w'), flush=True)\ntime.sleep(600)",
    )
    command = [sys.executable, "-m", "pytest", "-p", PLUGIN, "--mlops-lit", "nbs"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    written, limit = tmp_path / "nbs/pid", time.monotonic() + 60
    while not (written.exists() and written.read_text().strip()):
        assert time.monotonic() < limit, "the notebook never began"
        time.sleep(0.05)
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert int(written.read_text()) in {each.pid for each in family}
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
