"""What the pages on execution cannot show well: other processes, signals, empty homes, odd places."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from mlops_lit.errors import InputError
from mlops_lit.notebook.execution import NotebookError, run_notebook
from mlops_lit.notebook.pipeline import run_pipeline
from mlops_lit.store.store import open_store

RUN = """
import json, sys
from mlops_lit.notebook.execution import run_notebook
run = run_notebook(sys.argv[1], json.loads(sys.argv[2]) if len(sys.argv) > 2 else None, check=False)
print(json.dumps(run.as_dict()))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    "An empty project in a path with spaces and more, entered."
    root = tmp_path / "my projects" / "lo{a}n's über"
    (root / "nbs/reports").mkdir(parents=True)
    (root / "settings.ini").write_text("[mlops_lit]\nproject = loans\n")
    (root / "loans.csv").write_text("age,approved\n30,1\n40,0\n")
    for name in list(os.environ):
        if name.startswith("MLOPS_LIT_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(root)
    return root


def write(name: str, *cells: str, parameters: str | None = None) -> Path:
    "A report of the project."
    made = [nbformat.v4.new_markdown_cell(f"# {name}")]
    if parameters:
        made.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    made += [nbformat.v4.new_code_cell(cell) for cell in cells]
    path = Path("nbs/reports") / f"{name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


def texts(path: Path) -> list[str]:
    "What each code cell printed."
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    return ["".join(o.get("text", "") for o in c.outputs) for c in cells]


def start(name: str, home: Path | None = None) -> subprocess.Popen[str]:
    "Another process that runs a report."
    environment = {**os.environ, "HOME": str(home)} if home else None
    command = [sys.executable, "-c", RUN, name]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_until(true, timeout_s: float = 30.0) -> None:
    "Wait for something to become true."
    limit = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < limit, "it never became true"
        time.sleep(0.05)


def files(root: Path) -> dict[str, bytes]:
    "Every file below a folder with its bytes."
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


TABLE = "import mlops_lit as lit\ndata: lit.Data = 'loans.csv'\noutcome: lit.Column = 'approved'\nthreshold: float = 0.5"


@pytest.mark.parametrize(
    ("notebook", "params", "message"),
    [
        ("audit", {"treshold": 1}, "Did you mean 'threshold'?"),
        ("audit", {"threshold": "high"}, "threshold='high' is not a number"),
        ("audti", {}, "Did you mean 'audit'?"),
        ("nbs/reports/none.ipynb", {}, "There is no notebook"),
        ("../x", {}, "There is no notebook"),
        ("settings.ini", {}, "There is no notebook"),
        ("nbs", {}, "is a folder"),
        ("audit", {"data": "lones:latest"}, "There is no artifact 'lones'"),
        ("audit", {"data": "loans:v7"}, "has no version or alias 'v7'"),
        ("audit", {"data": "lons.csv"}, "Did you mean 'loans.csv'?"),
        ("audit", {"data": "../../etc/passwd"}, "Pass a CSV or Parquet file"),
        ("audit", {"data": "../x:latest"}, "Pass a CSV or Parquet file"),
        ("audit", {"data": "a b:latest"}, "a b"),
        ("audit", {"outcome": "aproved"}, "Did you mean 'approved'?"),
        ("plain", {"n": 1}, "takes no parameters"),
        ("damaged", {}, "is not a notebook"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(
    project: Path, notebook: str, params: dict[str, object], message: str
):
    write("audit", "print(data)", parameters=TABLE)
    write("plain", "1")
    Path("nbs/reports/damaged.ipynb").write_text("{")
    open_store().put_artifact("loans", {"loans.csv": Path("loans.csv").read_bytes()})
    before = files(project)
    with pytest.raises(InputError) as error:
        run_notebook(notebook, params)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert files(project) == before


def test_a_store_of_a_newer_version_is_refused_untouched(project: Path):
    write("plain", "1")
    Path(".mlops").mkdir()
    Path(".mlops/store.json").write_text('{"format": 99}')
    before = files(project)
    with pytest.raises(InputError, match="Upgrade mlops_lit"):
        run_notebook("plain")
    assert files(project) == before


def test_nothing_is_made_for_bad_input_in_a_new_project(project: Path):
    write("audit", "1", parameters=TABLE)
    with pytest.raises(InputError):
        run_notebook("audit", {"outcome": "x"})
    assert not Path(".mlops").exists()


def test_a_raising_cell_is_named_and_what_ran_is_kept(project: Path):
    write("audit", "print('so far')", "{}['tenure']", "print('never')", parameters=TABLE)
    with pytest.raises(
        NotebookError, match=r"Cell 4 of audit.ipynb raised KeyError: 'tenure'"
    ) as e:
        run_notebook("audit", {"threshold": 0.6})
    run = e.value.run
    assert texts(run.notebook)[2] == "so far\n"  # After the parameters cell and the injected one
    record = open_store().run(run.run_id)
    assert record["status"] == "failed"
    assert record["error"] == {"cell": 4, "name": "KeyError", "message": "'tenure'"}
    text = run.notebook.read_text()
    assert "papermill-error-cell" not in text
    assert "An Exception was encountered" not in text
    nbformat.validate(nbformat.read(run.notebook, as_version=4))


def test_a_killed_kernel_fails_the_run_with_a_sentence(project: Path):
    write("hungry", "print('before')", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    run = run_notebook("hungry", check=False)
    assert run.status == "failed"
    assert "The kernel died in cell 3 of hungry.ipynb: its process was killed" in run.message
    assert texts(run.notebook)[0] == "before\n"


def test_a_time_limit_ends_a_notebook(project: Path):
    write("slow", "import time", "time.sleep(60)")
    run = run_notebook("slow", check=False, timeout_s=2)
    assert "Cell 3 of slow.ipynb was stopped" in run.message
    assert run.duration_s < 15


def test_the_notebook_on_disk_grows_while_a_cell_runs(project: Path):
    write("slow", "print('first')", "print('second', flush=True)\nimport time; time.sleep(60)")
    process = start("slow")
    try:
        wait_until(lambda: list(Path(".mlops/runs").glob("*/notebook.ipynb")))
        [kept] = Path(".mlops/runs").glob("*/notebook.ipynb")
        wait_until(lambda: texts(kept) == ["first\n", "second\n"])  # Never half a file: it parses
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def test_ctrl_c_closes_the_run_and_leaves_no_kernel(project: Path):
    write(
        "slow",
        "print('first')",
        "import os; print(os.getpid(), flush=True)\nimport time; time.sleep(60)",
    )
    process = start("slow")
    wait_until(lambda: list(Path(".mlops/runs").glob("*/notebook.ipynb")))
    [kept] = Path(".mlops/runs").glob("*/notebook.ipynb")
    wait_until(lambda: texts(kept)[1])
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    record = json.loads((kept.parent / "run.json").read_text())
    assert process.returncode != 0
    assert (record["status"], record["error"]["name"], record["error"]["cell"]) == (
        "failed",
        "Interrupted",
        3,
    )
    assert texts(kept)[0] == "first\n"
    wait_until(lambda: not psutil.pid_exists(int(texts(kept)[1])), 5)


def test_when_we_are_killed_the_kernel_goes_and_the_run_is_closed(project: Path):
    write("slow", "import os; print(os.getpid(), flush=True)\nimport time; time.sleep(60)")
    process = start("slow")
    wait_until(lambda: list(Path(".mlops/runs").glob("*/notebook.ipynb")))
    [kept] = Path(".mlops/runs").glob("*/notebook.ipynb")
    wait_until(lambda: texts(kept)[0])
    process.kill()
    process.wait()
    wait_until(lambda: not psutil.pid_exists(int(texts(kept)[0])))
    assert open_store().run(kept.parent.name)["status"] == "crashed"


def test_nothing_is_read_from_or_written_to_the_home_directory(project: Path, tmp_path: Path):
    home = tmp_path / "home"
    startup = home / ".ipython/profile_default/startup/00.py"
    startup.parent.mkdir(parents=True)
    startup.write_text("leaked = True")
    config = home / ".jupyter/jupyter_config.json"
    config.parent.mkdir()
    config.write_text("not json")
    before = files(home)
    write("home", "print('leaked' in globals())")
    out, err = start("home", home).communicate(timeout=60)
    assert err == ""
    run = json.loads(out)
    assert run["status"] == "finished"
    assert texts(Path(run["notebook"])) == ["False\n"]
    assert files(home) == before


def test_an_empty_home_stays_empty_and_nothing_is_said(project: Path, tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    write("home", "import warnings; warnings.warn('mine')", "1")
    out, err = start("home", home).communicate(timeout=60)
    assert err == ""
    assert json.loads(out)["status"] == "finished"
    assert list(home.iterdir()) == []


def test_two_processes_run_at_once(project: Path):
    write(
        "count",
        "import mlops_lit as lit\nrun = lit.init()",
        "import time; time.sleep(1)\nrun.log({'x': 1})\nprint(run.id)",
    )
    processes = [start("count") for _ in range(2)]
    runs = [json.loads(p.communicate(timeout=60)[0]) for p in processes]
    assert [run["status"] for run in runs] == ["finished", "finished"]
    assert [texts(Path(run["notebook"]))[1].strip() for run in runs] == [
        run["run_id"] for run in runs
    ]
    assert len(open_store().records()) == 2


def test_a_notebook_runs_at_the_root_and_paths_start_where_the_caller_is(
    project: Path, monkeypatch: pytest.MonkeyPatch
):
    write(
        "where",
        "import os; print(os.getcwd())\nprint(len(lit.init().read(data)), data)",
        parameters=TABLE,
    )
    (project / "sub").mkdir()
    (project / "sub/other.csv").write_text("approved\n1\n")
    monkeypatch.chdir(project / "sub")
    run = run_notebook("where", {"data": "other.csv"})
    assert texts(run.notebook)[2].splitlines() == [str(project), "1 sub/other.csv"]
    [entry] = open_store().run(run.run_id)["inputs"]
    assert (entry["path"], entry["param"]) == ("sub/other.csv", "data")


def test_a_notebook_can_run_a_notebook(project: Path):
    write("inner", "import mlops_lit as lit\nlit.init().log({'depth': n})", parameters="n: int = 1")
    write(
        "outer",
        "import mlops_lit as lit\nlit.init().log({'depth': 1})\nprint(lit.run_notebook('inner', {'n': 2}).summary)",
    )
    run = run_notebook("outer")
    assert run.summary == {"depth": 1}
    assert texts(run.notebook) == ["{'depth': 2}\n"]
    assert {r["name"]: r["summary"]["depth"] for r in open_store().records()} == {
        "outer": 1,
        "inner": 2,
    }


def test_a_secret_is_no_parameter(project: Path):
    write("pull", "1", parameters="api_key: str = ''")
    with pytest.raises(InputError, match="environment variable"):
        run_notebook("pull", {"api_key": "abc"})
    assert not Path(".mlops").exists()


STEPS = """
name = "story"
[[step]]
name = "a"
notebook = "nbs/reports/sleep.ipynb"
[[step]]
name = "b"
notebook = "nbs/reports/sleep.ipynb"
[[step]]
name = "c"
notebook = "nbs/reports/sleep.ipynb"
after = ["a", "b"]
params = { fail = true }
[[step]]
name = "d"
notebook = "nbs/reports/sleep.ipynb"
after = ["c"]
"""


def test_independent_steps_overlap_and_a_failure_skips_what_follows(project: Path):
    write(
        "sleep",
        "import time; time.sleep(2)\nassert not fail, 'as asked'",
        parameters="fail: bool = False",
    )
    Path("story.toml").write_text(STEPS)
    result = run_pipeline(Path("story.toml"))
    assert [step.status for step in result.steps] == ["finished", "finished", "failed", "skipped"]
    assert "AssertionError: as asked" in result.steps[2].reason
    assert result.steps[3].reason == "'c' did not finish"
    a, b = (open_store().run(step.run.run_id) for step in result.steps[:2])
    assert a["started_at"] < b["finished_at"]
    assert b["started_at"] < a["finished_at"]
    assert {r["group"] for r in open_store().records()} == {result.group}


def test_ctrl_c_in_a_pipeline_starts_no_further_step(project: Path):
    write(
        "sleep",
        "print('begun', flush=True)\nimport time; time.sleep(60)",
        parameters="fail: bool = False",
    )
    Path("story.toml").write_text(STEPS)
    code = "from pathlib import Path; from mlops_lit.notebook.pipeline import run_pipeline; run_pipeline(Path('story.toml'))"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)

    def begun() -> bool:
        kept = list(Path(".mlops/runs").glob("*/notebook.ipynb"))
        return len(kept) == 2 and all("begun\n" in texts(path) for path in kept)

    wait_until(begun)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    records = open_store().records()
    assert [r["error"]["name"] for r in records] == ["Interrupted", "Interrupted"]


def test_a_store_that_cannot_be_written_is_named(project: Path, monkeypatch: pytest.MonkeyPatch):
    write("plain", "1")
    (project / "taken").write_text("a file")
    monkeypatch.setenv("MLOPS_LIT_STORE", str(project / "taken" / "store"))
    before = files(project)
    with pytest.raises((InputError, OSError)) as error:
        run_notebook("plain")
    assert "taken" in str(error.value)
    assert files(project) == before
