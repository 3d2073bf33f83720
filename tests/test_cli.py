"""The command as a person or a schedule meets it: bad input, raising cells, killed kernels, two at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    while sum(path.stat().st_size > 0 for path in runs.glob("*/history.jsonl")) < 2:
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


def every_command(group: Any, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    "The words behind `mlops-lit` and the command, for each command there is."
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from every_command(command, *words, name)
        else:
            yield (*words, name), command


def test_every_command_and_each_of_its_options_has_help():
    import typer

    from mlops_lit.cli.command import app

    commands = dict(every_command(typer.main.get_command(app)))
    assert {("artifacts", "put"), ("artifacts", "lineage"), ("store", "gc"), ("show",)} <= set(
        commands
    )
    for words, command in commands.items():
        assert command.help, words
        for parameter in command.params:
            assert getattr(parameter, "help", "") or parameter.name == "help", (
                words,
                parameter.name,
            )


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


RUNS = """
import mlops_lit as lit
for name, lr in [("fast", 0.3), ("medium", 0.1), ("slow", 0.03)]:
    with lit.init(name=name, config={"lr": lr}, tags=["sweep"]) as run:
        run.define_metric("loss", goal="minimize")
        for step in range(20):
            run.log({"loss": lr + 1 / (step + 1)})
with lit.init(name="maker") as run:
    run.log({"loss": 9.0})
    artifact = lit.Artifact("[red]".strip("[]"))
    artifact.add_bytes(b"a", "a")
    run.log_artifact(artifact)
"""
WRITER = """
import os, sys, time
import mlops_lit as lit
run = lit.init(name="live", settings={"x_stats_sampling_interval": 0.2})
print("\\x1b[31mbegun\\x1b[0m", flush=True)
for step in range(10_000):
    run.log({"loss": 1 / (step + 1)})
    time.sleep(0.01)
    if os.path.exists("stop"):
        break
if os.path.exists("crash"):
    os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "A project with four finished runs; tests that use it must not change it."
    folder = tmp_path_factory.mktemp("logged") / "a project"
    folder.mkdir()
    (folder / "settings.ini").write_text("[mlops_lit]\nproject = loans\n")
    subprocess.run([sys.executable, "-c", RUNS], cwd=folder, env=environment(), check=True)
    return folder


@pytest.fixture
def experiments(logged: Path, tmp_path: Path) -> Path:
    "A copy of that project, to be changed."
    return shutil.copytree(logged, tmp_path / "a project")


def start_writer(project: Path) -> subprocess.Popen[bytes]:
    "A process that logs until the file `stop` is there; it has begun."
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER],
        cwd=project,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    while not any("begun" in path.read_text() for path in project.rglob("console.log")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def typed(folder: Path, arguments: list[str], *answers: tuple[str, str]) -> tuple[int, str]:
    "Exit code and output of the command in a terminal; each answer is typed when its text was shown."
    import pty
    import select

    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execve(BIN, [str(BIN), *arguments], environment(TERM="xterm", COLUMNS="120"))
    said, waiting, deadline = b"", list(answers), time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                data = os.read(terminal, 65_536)
            except OSError:  # Linux: the other end is closed
                break
            if not data:
                break
            said += data
        if waiting and waiting[0][0].encode() in said:
            os.write(terminal, waiting.pop(0)[1].encode())
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), said.decode(errors="replace")


EXPERIMENTS_BAD_INPUT = {
    "one run to compare": (["compare", "fast"], "Give two or more"),
    "the same run twice": (["compare", "fast", "fast"], "more than once"),
    "a baseline that does not exist": (
        ["compare", "fast", "slow", "--baseline", "x"],
        "no run 'x'",
    ),
    "a tag that is not there": (["tag", "fast", "--remove", "sweeep"], "Did you mean 'sweep'?"),
    "a tag of two lines": (["tag", "fast", "--add", "a\nb"], "tag="),
    "rm without a terminal": (["rm", "fast"], "Pass --yes"),
    "rm of a run that does not exist": (["rm", "fast", "fats", "--yes"], "Did you mean 'fast'?"),
    "watching a run that does not exist": (["watch", "fats"], "Did you mean 'fast'?"),
    "a column that is not there": (["query", "SELECT los FROM runs"], "los"),
    "a query that changes something": (["query", "DELETE FROM runs"], "one SELECT"),
    "a query that reads a file": (["query", "SELECT * FROM read_csv('settings.ini')"], "disabled"),
    "two forms at once": (["query", "SELECT 1", "--json", "--csv"], "Choose one"),
    "a condition that cannot be": (["runs", "--where", "los < 1"], "Did you mean 'loss'?"),
    "an order that cannot be": (["runs", "--order-by", "loss; DROP"], "cannot be asked"),
    "a status that does not exist": (["runs", "--status", "done"], "--status done"),
    "a misspelled project": (["runs", "--project", "loan"], "Did you mean 'loans'?"),
}


@pytest.mark.parametrize("case", EXPERIMENTS_BAD_INPUT)
def test_bad_input_for_experiments_changes_nothing(logged: Path, case: str):
    arguments, expected = EXPERIMENTS_BAD_INPUT[case]
    before = listing(logged)
    done = call(logged, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert listing(logged) == before


def test_every_experiment_command_has_help_and_json(logged: Path):
    for command in ("compare", "tag", "rm", "query", "watch"):
        done = call(logged, command, "--help")
        assert done.returncode == 0
        assert len(done.stdout.splitlines()) > 3
    for arguments in (["compare", "fast", "slow"], ["tag", "fast"], ["query", "SELECT 1 AS x"]):
        json.loads(call(logged, *arguments, "--json").stdout)


def test_runs_are_chosen_and_what_was_asked_about_is_shown(logged: Path):
    where = ["--where", 'loss < 1 AND "config.lr" < 0.3', "--order-by", "loss DESC"]
    names = [r["name"] for r in json.loads(call(logged, "runs", *where, "--json").stdout)]
    assert names == ["medium", "slow"]
    shown = call(logged, "runs", *where).stdout
    assert "config.lr" in shown
    assert "0.08" in shown
    assert "sweep" in shown
    assert len(json.loads(call(logged, "runs", "--tag", "sweep", "--json").stdout)) == 3
    assert "None of the 4 runs" in call(logged, "runs", "--status", "failed").stdout
    limited = call(logged, "runs", "--order-by", "name", "-n", "1", "--json").stdout
    assert [record["name"] for record in json.loads(limited)] == ["fast"]


def test_compare_says_what_differs_and_whether_it_is_better(logged: Path):
    text = call(logged, "compare", "fast", "slow", "--baseline", "medium").stdout
    assert "config.lr" in text
    assert "0.08 -0.07 (-46.7%) better" in text
    assert "worse" in text
    assert "python" not in text
    assert "python" in call(logged, "compare", "fast", "slow", "--all").stdout


def test_tags_are_printed_one_a_line(experiments: Path):
    assert (
        call(experiments, "tag", "slow", "-a", "two words", "-r", "sweep").stdout == "two words\n"
    )
    assert json.loads(call(experiments, "tag", "slow", "--json").stdout)["tags"] == ["two words"]
    assert "two words" in call(experiments, "show", "slow").stdout


def test_rm_removes_what_it_may_and_names_the_reason_for_the_rest(experiments: Path):
    done = call(experiments, "rm", "maker", "fast", "fast", "--yes")
    assert done.returncode == 2
    assert "it made red:v1" in done.stderr
    assert done.stdout.count("Removed") == 1
    names = [r["name"] for r in json.loads(call(experiments, "runs", "--json").stdout)]
    assert sorted(names) == ["maker", "medium", "slow"]


def test_rm_asks_at_a_terminal(experiments: Path):
    code, said = typed(experiments, ["rm", "slow"], ("[y/N]", "n\n"))
    assert code == 0
    assert "Nothing was removed" in said
    code, said = typed(experiments, ["rm", "slow"], ("[y/N]", "\x03"))
    assert code == 130
    code, said = typed(experiments, ["rm", "slow"], ("[y/N]", "y\n"))
    assert code == 0
    assert "Removed" in said
    assert call(experiments, "show", "slow").returncode == 2


def test_query_prints_a_table_json_and_csv(logged: Path):
    sql = "SELECT name, loss FROM runs WHERE loss < 1 ORDER BY loss"
    assert "3 rows" in call(logged, "query", sql).stdout
    rows = json.loads(call(logged, "query", sql, "--json").stdout)
    assert [row["name"] for row in rows] == ["slow", "medium", "fast"]
    assert call(logged, "query", sql, "--csv").stdout.splitlines()[0] == "name,loss"


def test_show_says_what_else_there_is(experiments: Path):
    code = "import mlops_lit as lit\nwith lit.init(name='said', config={'a': '[red]\\x1b[2J'}, notes='n\\nm', group='g') as r:\n    r.alert('Hot'); print('x')\n"
    subprocess.run([sys.executable, "-c", code], cwd=experiments, env=environment(), check=True)
    branch = "import mlops_lit as lit\nlit.init(name='branch', fork_from='slow?_step=3').finish()"
    subprocess.run([sys.executable, "-c", branch], cwd=experiments, env=environment(), check=True)
    shown = call(experiments, "show", "said").stdout
    for part in ("group g", "a = '[red]", "  n\n  m\n", "INFO  Hot", "console.log", "system.jsonl"):
        assert part in shown, part
    assert "\x1b" not in shown
    assert "at step 3" in call(experiments, "show", "branch").stdout


def test_watch_ends_with_the_run(experiments: Path):
    writer = start_writer(experiments)
    (first,) = call(experiments, "watch", "--once", "--json").stdout.splitlines()
    assert json.loads(first)["status"] == "running"
    watching = subprocess.Popen(
        [BIN, "watch", "-i", "0.2", "--json"],
        cwd=experiments,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert json.loads(watching.stdout.readline())["name"] == "live"
    (experiments / "stop").touch()
    said, _ = watching.communicate(timeout=30)
    writer.wait(timeout=30)
    last = json.loads(said.splitlines()[-1])
    assert watching.returncode == 0
    assert last["status"] == "finished"
    record = json.loads(call(experiments, "show", "live", "--json").stdout)
    assert last["metrics"] == record["summary"]
    assert last["console"] == ["begun"]


def test_watch_notices_a_crash(experiments: Path):
    writer = start_writer(experiments)
    (experiments / "crash").touch()
    (experiments / "stop").touch()
    writer.wait(timeout=30)
    done = call(experiments, "watch", "live")
    assert done.returncode == 0
    assert "crashed" in done.stdout
    assert "\x1b" not in done.stdout


def test_ctrl_c_ends_the_watching_and_not_the_run(experiments: Path):
    writer = start_writer(experiments)
    code, said = typed(experiments, ["watch", "-i", "0.2"], ("loss", "\x03"))
    assert code == 0
    assert "Traceback" not in said
    assert writer.poll() is None
    (experiments / "stop").touch()
    assert writer.wait(timeout=30) == 0


def test_watch_in_a_terminal_ends_by_itself(experiments: Path):
    code, said = typed(experiments, ["watch", "slow"])
    assert code == 0
    assert "finished" in said
    assert "loss" in said


def test_nothing_to_watch_is_one_sentence(tmp_path: Path):
    done = call(tmp_path, "watch")
    assert done.returncode == 2
    assert "There are no runs" in done.stderr


ARTIFACTS = """
import mlops_lit as lit
with lit.init(name="train") as run:
    run.use_artifact("loans:production")
    run.log_artifact(lit.Artifact("model", type="model").add_bytes(b"{}", "model.json"))
"""


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "A project with three versions of a table, one of them in use; tests that use it must not change it."
    folder = tmp_path_factory.mktemp("stocked") / "a project"
    folder.mkdir()
    (folder / "settings.ini").write_text("[mlops_lit]\nproject = loans\n")
    for rows, more in (("1,52", ["-t", "old"]), ("1,53", ["-a", "production"]), ("1,53\n2,38", [])):
        (folder / "loans.csv").write_text(f"id,income\n{rows}\n")
        done = call(folder, "artifacts", "put", "loans", "loans.csv", "-m", "source=branch", *more)
        assert done.returncode == 0, done.stderr
    subprocess.run([sys.executable, "-c", ARTIFACTS], cwd=folder, env=environment(), check=True)
    return folder


@pytest.fixture
def shelf(stocked: Path, tmp_path: Path) -> Path:
    "A copy of that project, to be changed."
    return shutil.copytree(stocked, tmp_path / "a project")


ARTIFACTS_BAD_INPUT = {
    "a misspelled artifact": (["show", "laons"], "Did you mean 'loans'?"),
    "a version that is not there": (["show", "loans:v9"], "no version or alias 'v9'"),
    "a misspelled alias": (["download", "loans:prodution"], "Did you mean 'production'?"),
    "an unknown artifact to list": (["list", "laons"], "Did you mean 'loans'?"),
    "a misspelled command": (["shwo", "loans"], "Did you mean 'show'?"),
    "a file that is not there": (["put", "new", "no.csv"], "no.csv"),
    "no files": (["put", "new"], "would have no files"),
    "an address as a path": (["put", "new", "s3://bucket/x.csv"], "--reference s3://bucket/x.csv"),
    "a file twice": (["put", "new", "loans.csv", "loans.csv"], "second file 'loans.csv'"),
    "a name that cannot be": (["put", "../new", "loans.csv"], "cannot name an artifact"),
    "an alias that is a version": (["put", "new", "loans.csv", "-a", "v1"], "'v1' is a version"),
    "an alias of two words": (["put", "new", "loans.csv", "-a", "a b"], "cannot name an alias"),
    "a tag of two lines": (["put", "new", "loans.csv", "-t", "a\nb"], "cannot be a tag"),
    "a time that is over": (["put", "new", "loans.csv", "--ttl", "0"], "is over already"),
    "a time that is none": (["describe", "loans", "--ttl", "nevr"], "Did you mean 'never'?"),
    "metadata without a value": (["describe", "loans", "-m", "rows"], "-m key=value"),
    "metadata that is not there": (["describe", "loans", "-m", "sourc="], "Did you mean 'source'?"),
    "a tag that is not there": (["tag", "loans:v1", "-r", "odl"], "Did you mean 'old'?"),
    "an alias that is not there": (["alias", "loans", "prod", "--remove"], "no alias 'prod'"),
    "latest as an alias": (["alias", "loans:v1", "latest"], "always the newest version"),
    "no alias to remove": (["alias", "loans", "--remove"], "Which alias"),
    "rm without a terminal": (["rm", "loans:v1"], "Pass --yes"),
    "rm with a misspelled one": (["rm", "loans:v1", "laons:v1", "--yes"], "Did you mean 'loans'?"),
    "rm of what is in use": (["rm", "loans:v2", "--yes"], "the alias production points to it"),
    "a key that is no column": (["diff", "loans:v1", "loans", "-k", "idd"], "Did you mean 'id'?"),
    "a lineage of nothing": (["lineage", "laons"], "Did you mean 'loans'?"),
    "two forms at once": (["lineage", "loans", "--json", "--mermaid"], "Choose one"),
    "a log of nothing": (["log", "laons"], "Did you mean 'loans'?"),
}


@pytest.mark.parametrize("case", ARTIFACTS_BAD_INPUT)
def test_bad_input_for_artifacts_changes_nothing(
    stocked: Path, case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from mlops_lit.cli.command import run_command

    arguments, expected = ARTIFACTS_BAD_INPUT[case]
    before = listing(stocked)
    monkeypatch.chdir(stocked)
    for name in [name for name in os.environ if name.startswith("MLOPS_LIT_")]:
        monkeypatch.delenv(name)
    assert run_command(["artifacts", *arguments]) == 2
    assert expected in capsys.readouterr().err
    assert listing(stocked) == before


def test_artifacts_and_the_store_are_json_for_scripts(stocked: Path):
    said = {
        words: json.loads(call(stocked, *words.split(), "--json").stdout)
        for words in (
            "artifacts",
            "artifacts list loans",
            "artifacts show loans:production",
            "artifacts diff loans:v1 loans:v2 --key id",
            "artifacts verify",
            "artifacts alias loans",
            "artifacts tag loans:v1",
            "artifacts log loans",
            "artifacts lineage train",
            "store",
            "store status",
            "store verify",
            "store gc",
            "store sync",
        )
    }
    assert [one["name"] for one in said["artifacts"]] == ["loans", "model"]
    assert said["artifacts"][0]["aliases"] == {"production": "v2"}
    assert [one["version"] for one in said["artifacts list loans"]] == ["v1", "v2", "v3"]
    shown = said["artifacts show loans:production"]
    assert (shown["ref"], shown["metadata"]) == ("loans:v2", {"source": "branch"})
    assert len(shown["used_by"]) == 1
    assert said["artifacts diff loans:v1 loans:v2 --key id"]["rows"]["n_changed"] == 1
    assert said["artifacts verify"] == {"problems": [], "files": 4, "unchecked": 0}
    assert [entry["kind"] for entry in said["artifacts log loans"]] == ["alias"]
    lineage = said["artifacts lineage train"]
    assert [edge["ref"] for edge in lineage["upstream"]] == ["loans:v2"]
    assert [edge["ref"] for edge in lineage["downstream"]] == ["model:v1"]
    assert (said["store"]["versions"], said["store"]["objects"]) == (4, 4)
    assert said["store"] == said["store status"]
    assert said["store gc"]["freed_bytes"] is None


def test_what_was_put_comes_back(shelf: Path):
    (shelf / "images" / "small").mkdir(parents=True)
    (shelf / "images" / "a.png").write_bytes(b"a")
    (shelf / "images" / "small" / "b.png").write_bytes(b"b")
    made = call(shelf, "artifacts", "put", "images", "images", "--type", "image", "--json")
    facts = json.loads(made.stdout)
    assert (facts["ref"], facts["new"], facts["type"]) == ("images:v1", True, "image")
    assert (
        json.loads(call(shelf, "artifacts", "put", "images", "images", "--json").stdout)["new"]
        is False
    )
    assert call(shelf, "artifacts", "download", "images", "copy").returncode == 0
    assert listing(shelf / "copy") == listing(shelf / "images")


def test_damage_is_exit_code_1_with_file_and_object(shelf: Path):
    version = json.loads(call(shelf, "artifacts", "show", "loans:v1", "--json").stdout)
    digest = version["files"][0]["digest"]
    damaged = shelf / ".mlops" / "objects" / digest[:2] / digest[2:]
    damaged.chmod(0o644)
    damaged.write_bytes(b"id,income\n1,99\n")
    for arguments in (
        ["artifacts", "verify"],
        ["artifacts", "verify", "loans:v1"],
        ["store", "verify"],
    ):
        done = call(shelf, *arguments)
        assert done.returncode == 1
        assert "loans:v1, file loans.csv" in done.stdout
        assert digest[:12] in done.stdout
    assert call(shelf, "artifacts", "verify", "loans:v2", "model").returncode == 0
    assert call(shelf, "artifacts", "download", "loans:v1").returncode == 2
    assert not (shelf / "artifacts" / "loans-v1" / "loans.csv").exists()


def test_rm_takes_what_nothing_needs_and_gc_frees_it_when_told_to(shelf: Path):
    done = call(
        shelf, "artifacts", "rm", "loans:v1", "loans:v2", "loans:v3", "--yes", "--reason", "old"
    )
    assert done.returncode == 2
    assert done.stdout.count("Removed") == 1
    assert "used it" in done.stderr
    assert "the alias latest points to it" in done.stderr
    assert "v1" not in call(shelf, "artifacts", "list", "loans").stdout
    assert "old" in call(shelf, "artifacts", "list", "loans", "--all").stdout
    assert "were removed" in call(shelf, "artifacts", "download", "loans:v1").stderr
    assert "Nothing to free" in call(shelf, "store", "gc").stdout  # It is younger than a day
    before = listing(shelf)
    assert "Nothing was removed" in call(shelf, "store", "gc", "--grace", "0").stdout
    assert listing(shelf) == before
    assert "15 bytes were freed" in call(shelf, "store", "gc", "--grace", "0", "--yes").stdout
    assert call(shelf, "store", "verify").returncode == 0
    assert call(shelf, "artifacts", "download", "loans:production").returncode == 0


def test_rm_of_versions_asks_at_a_terminal(shelf: Path):
    code, said = typed(shelf, ["artifacts", "rm", "loans:v1"], ("[y/N]", "n\n"))
    assert code == 0
    assert "Nothing was removed" in said
    code, said = typed(shelf, ["artifacts", "rm", "loans:v1"], ("[y/N]", "y\n"))
    assert code == 0
    assert "Removed the files of loans:v1" in said


def test_aliases_and_descriptions_are_in_the_log(shelf: Path):
    moved = call(shelf, "artifacts", "alias", "loans:v3", "production").stdout
    assert moved == "loans:production is v3, was v2.\n"
    assert call(shelf, "artifacts", "describe", "loans:v3", "-d", "red\x1b[2J").returncode == 0
    assert call(shelf, "artifacts", "tag", "loans:v3", "-a", "good").stdout == "good\n"
    logged = call(shelf, "artifacts", "log", "loans:v3").stdout
    for part in ("production moved to loans:v3", "tags = ['good']"):
        assert part in logged
    assert "\x1b" not in logged + call(shelf, "artifacts", "show", "loans:v3").stdout
    assert "loans:v2" in call(shelf, "artifacts", "log", "loans:production").stdout


def test_store_shows_what_it_is_before_and_after_there_is_one(stocked: Path, tmp_path: Path):
    assert "There is no store" in call(tmp_path, "store").stdout
    assert list(tmp_path.iterdir()) == []
    shown = call(stocked, "store").stdout
    assert "2 with 4 versions" in shown
    assert "nothing to send" in call(stocked, "store", "sync").stdout


def test_an_older_store_is_read_and_upgraded_when_asked(shelf: Path):
    path = shelf / ".mlops" / "store.json"
    path.write_text('{"format": 1}')
    assert "loans" in call(shelf, "artifacts").stdout
    assert "mlops-lit store upgrade" in call(shelf, "store").stdout
    (shelf / "loans.csv").write_text("id,income\n1,70\n")
    refused = call(shelf, "artifacts", "put", "loans", "loans.csv")
    assert refused.returncode == 2
    assert "mlops-lit store upgrade" in refused.stderr
    upgraded = json.loads(call(shelf, "store", "upgrade", "--json").stdout)
    assert upgraded["old_format"] == 1
    assert Path(upgraded["backup"]).is_file()
    assert call(shelf, "artifacts", "put", "loans", "loans.csv").returncode == 0
    assert "up to date" in call(shelf, "store", "upgrade").stdout


def test_two_machines_share_a_store(tmp_path: Path):
    share, first, second = (tmp_path / name for name in ("share", "first", "second"))
    for folder in (share, first, second):
        folder.mkdir()
        (folder / "settings.ini").write_text(
            f"[mlops_lit]\nproject = x\nstore = {share.as_uri()}\n"
        )
    (first / "loans.csv").write_text("income\n52\n")
    put = ["artifacts", "put", "loans", "loans.csv", "-a", "production"]
    assert call(first, *put).stdout.startswith("loans:v1  1 file")
    assert call(second, "artifacts", "download", "loans:production", "copy").returncode == 0
    assert (second / "copy" / "loans.csv").read_text() == "income\n52\n"
    for arguments in (["store", "verify"], ["artifacts", "verify"]):
        assert call(second, *arguments).returncode == 0

    share.rename(tmp_path / "gone")
    (first / "loans.csv").write_text("income\n53\n")
    offline = call(first, *put)
    assert offline.returncode == 0
    assert "It is kept here" in offline.stderr
    assert "UserWarning" not in offline.stderr
    assert "1 version, 1 entry of the journal" in call(first, "store").stdout
    assert call(first, "store", "sync").returncode == 2

    (tmp_path / "gone").rename(share)
    assert "1 version, 1 entry of the journal" in call(first, "store", "sync").stdout
    assert "nothing" in call(first, "store").stdout
    shown = json.loads(call(second, "artifacts", "show", "loans", "--json").stdout)
    assert (shown["ref"], shown["aliases"]) == ("loans:v2", ["latest", "production"])
