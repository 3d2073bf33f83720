"""The command as a person or a schedule meets it: bad input, raising cells, killed kernels, two at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

BIN = Path(sys.executable).parent / "mlops-lit"

PARAMETERS = """\
import mlops_lit as lit

data: lit.Data = "loans.csv"  # The table
outcome: lit.Column = "approved"  # 1 for approved
threshold: float = 0.5  # Between 0 and 1
"""


def write_report(project: Path, name: str, *cells: str, parameters: str = PARAMETERS) -> None:
    "A report of the project."
    written = [
        nbformat.v4.new_markdown_cell(f"# {name}\n\n> A report."),
        nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        *map(nbformat.v4.new_code_cell, cells),
    ]
    (project / "nbs" / "reports").mkdir(parents=True, exist_ok=True)
    nbformat.write(
        nbformat.v4.new_notebook(cells=written), project / "nbs" / "reports" / f"{name}.ipynb"
    )


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "A project with a table, a report that works and one finished run; tests that use it must not change it."
    folder = tmp_path_factory.mktemp("settled") / "a project"
    folder.mkdir()
    (folder / "settings.ini").write_text("[mlops_lit]\nproject = loans\n")
    (folder / "loans.csv").write_text("income,approved\n52,1\n38,0\n")
    write_report(folder, "good", "run = lit.init()\nrun.log({'n': len(lit.read(data))})")
    assert call(folder, "run", "good").returncode == 0
    return folder


@pytest.fixture
def project(settled: Path, tmp_path: Path) -> Path:
    "A copy of that project, to be changed."
    return shutil.copytree(settled, tmp_path / "a project")


def environment(**more: str) -> dict[str, str]:
    "The environment of a command: this one's, without what the test runner set for itself."
    return {k: v for k, v in os.environ.items() if not k.startswith("MLOPS_LIT_")} | more


def call(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    "The command, in `folder`."
    return subprocess.run(
        [BIN, *arguments],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
    )


def listing(folder: Path) -> dict[str, bytes]:
    "Every file of the store but the catalog, which is only an index."
    files = [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("catalog.db")]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


BAD_INPUT = {
    "a misspelled parameter": (["run", "good", "-p", "treshold=0.4"], "Did you mean 'threshold'?"),
    "a wrong type": (["run", "good", "-p", "threshold=high"], "threshold='high'"),
    "a missing notebook": (["run", "goood"], "Did you mean 'good'?"),
    "a missing path": (["run", "no/such.ipynb"], "no/such.ipynb"),
    "a missing artifact": (["run", "good", "-p", "data=laons:latest"], "'laons'"),
    "a missing data file": (["run", "good", "-p", "data=lons.csv"], "lons.csv"),
    "a column that is not there": (
        ["run", "good", "-p", "outcome=aproved"],
        "Did you mean 'approved'?",
    ),
    "a parameter without a value": (["run", "good", "-p", "threshold"], "-p name=value"),
    "a secret as a parameter": (["run", "good", "-p", "api_key=abc"], "api_key"),
    "a missing file of parameters": (["run", "good", "-f", "no.yaml"], "no.yaml"),
    "a missing pipeline": (["run", "no.toml"], "no.toml"),
    "a run that does not exist": (["show", "goood"], "Did you mean 'good'?"),
    "a hostile run": (["show", "../../etc"], "There is no run"),
    "a hostile artifact": (["run", "good", "-p", "data=..:latest"], "cannot name an artifact"),
    "a command that does not exist": (["rnu"], "No such command"),
    "a renderer that does not exist": (["site", "--renderer", "quatro"], "Did you mean 'quarto'?"),
    "a report that does not exist": (["reports", "show", "goood"], "Did you mean 'good'?"),
    "a copy over an existing report": (["reports", "copy", "good"], "good"),
    "a project that exists": (["init", "."], "is not overwritten"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_message_exit_code_2_and_changes_nothing(settled: Path, case: str):
    arguments, expected = BAD_INPUT[case]
    before = listing(settled)
    done = call(settled, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert listing(settled) == before


def test_a_store_from_a_newer_version_is_left_alone(project: Path):
    (project / ".mlops" / "store.json").write_text('{"format": 99}')
    before = listing(project)
    for arguments in (["run", "good"], ["runs"], ["show", "good"], ["site"], ["store", "verify"]):
        done = call(project, *arguments)
        assert done.returncode == 2
        assert "Upgrade mlops_lit" in done.stderr
        assert "Traceback" not in done.stderr
    assert listing(project) == before


@pytest.mark.parametrize("arguments", [["run", "good"], ["demo"]])
def test_a_folder_that_cannot_be_written_is_named(project: Path, arguments: list[str]):
    # A file in the way refuses root too, whom permissions do not stop.
    (project / "in the way").write_text("")
    done = call(project, *arguments, MLOPS_LIT_STORE=str(project / "in the way" / ".mlops"))
    assert done.returncode == 2
    assert "in the way" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_setting_is_refused_with_a_suggestion(project: Path):
    done = call(project, "runs", MLOPS_LIT_STROE="x")
    assert done.returncode == 2
    assert "MLOPS_LIT_STORE" in done.stderr or "'store'" in done.stderr


def test_a_cell_that_raises_is_named_and_what_ran_is_kept(project: Path):
    write_report(project, "broken", "run = lit.init()\nprint('so far')", "{}['tenure']")
    done = call(project, "run", "broken")
    assert done.returncode == 1
    assert "Cell 4 of broken.ipynb raised KeyError: 'tenure'" in done.stderr
    assert "Traceback" not in done.stderr
    record = json.loads(call(project, "show", "broken", "--json").stdout)
    assert record["status"] == "failed"
    assert record["error"]["cell"] == 4
    kept = nbformat.read(
        project / ".mlops" / "runs" / record["id"] / "notebook.ipynb", as_version=4
    )
    texts = [o.get("text", "") for cell in kept.cells for o in cell.get("outputs", [])]
    assert "so far\n" in texts


def test_a_kernel_that_dies_is_named(project: Path):
    write_report(project, "dying", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    done = call(project, "run", "dying")
    assert done.returncode == 1
    assert "died in cell 3" in done.stderr


def test_a_time_limit_ends_a_notebook(project: Path):
    write_report(project, "slow", "import time\ntime.sleep(60)")
    done = call(project, "run", "slow", "--timeout", "3")
    assert done.returncode == 1
    assert "was stopped" in done.stderr


def test_ctrl_c_closes_the_run_and_leaves_no_kernel(project: Path):
    write_report(project, "slow", "import time\nprint('begun', flush=True)", "time.sleep(60)")
    process = subprocess.Popen(
        [BIN, "run", "slow"],
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    runs = project / ".mlops" / "runs"
    deadline = time.monotonic() + 30
    while (
        not any("begun" in p.read_text() for p in runs.glob("*/notebook.ipynb"))
        and time.monotonic() < deadline
    ):
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    record = json.loads(call(project, "show", "slow", "--json").stdout)
    assert record["status"] == "failed"
    assert record["error"]["name"] == "Interrupted"


def test_a_killed_command_is_closed_as_crashed_by_the_next_one(project: Path):
    write_report(
        project, "slow", "run = lit.init()\nrun.log({'loss': 0.5})", "import time; time.sleep(60)"
    )
    process = subprocess.Popen(
        [BIN, "run", "slow"], cwd=project, env=environment(), stderr=subprocess.DEVNULL
    )
    runs = project / ".mlops" / "runs"
    deadline = time.monotonic() + 30
    while not list(runs.glob("*/history.jsonl")) or len(list(runs.glob("*/history.jsonl"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.kill()
    process.wait()
    record = json.loads(call(project, "runs", "--json").stdout)[0]
    assert record["name"] == "slow"
    assert record["status"] == "crashed"
    assert record["summary"] == {"loss": 0.5}


def test_two_commands_at_once_keep_two_runs(project: Path):
    started = [
        subprocess.Popen(
            [BIN, "run", "good"], cwd=project, env=environment(), stderr=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    assert [process.wait(timeout=120) for process in started] == [0, 0]
    records = json.loads(call(project, "runs", "--json").stdout)
    assert [record["status"] for record in records] == ["finished"] * 3
    assert len({record["id"] for record in records}) == 3


def test_parameters_of_a_file_are_overridden_by_the_command(project: Path):
    (project / "p.yaml").write_text("threshold: 0.3\noutcome: income\n")
    done = call(project, "run", "good", "-f", "p.yaml", "-p", "threshold=0.4", "--json")
    assert done.returncode == 0, done.stderr
    params = json.loads(call(project, "show", "good", "--json").stdout)["params"]
    assert (params["threshold"], params["outcome"]) == (0.4, "income")


def test_every_command_has_help(settled: Path):
    for command in (
        "init",
        "demo",
        "run",
        "reports",
        "runs",
        "show",
        "site",
        "store",
        "lab",
        "readme",
    ):
        done = call(settled, command, "--help")
        assert done.returncode == 0
        assert len(done.stdout.splitlines()) > 3


def test_json_is_json(settled: Path):
    for arguments in (
        ["runs"],
        ["show", "good"],
        ["reports"],
        ["reports", "show", "good"],
        ["store", "verify"],
    ):
        json.loads(call(settled, *arguments, "--json").stdout)


def test_a_copied_report_wins_over_the_shipped_one(project: Path):
    assert call(project, "reports", "copy", "eda").returncode == 0
    found = {r["name"]: r["source"] for r in json.loads(call(project, "reports", "--json").stdout)}
    assert found["eda"] == "project"
