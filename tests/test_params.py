"""Parameters as a person meets them: in the help, in files, in papermill, and secrets that nobody finds again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from test_cli import call, listing

from mlops_lit.notebook.parameters import notebook_parameters
from mlops_lit.notebook.reports import package_folder

PARAMETERS = """\
import datetime
from typing import Literal

import mlops_lit as lit

threshold: float = 0.5  # Share of approvals that is enough
method: Literal["ratio", "difference"] = "ratio"  # How rates are compared
days: list[datetime.date] = [datetime.date(2026, 1, 31)]
limits: tuple[float, ...] = (
    0.1,
    float("inf"),
)  # Where warnings begin
api_key: lit.Secret | None = "TEAM_LOGIN"  # Of the account that pays
"""


def write(project: Path, *cells: str, parameters: str = PARAMETERS) -> Path:
    "The report `fair` of the project."
    written = [
        nbformat.v4.new_markdown_cell("# Fair\n\n> Are rates equal?"),
        nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        *map(nbformat.v4.new_code_cell, cells),
    ]
    path = project / "nbs" / "reports" / "fair.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=written, metadata={"kernelspec": kernel}), path)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    "A project with the report `fair`, which shows what it was given."
    (tmp_path / "settings.ini").write_text("[mlops_lit]\nproject = loans\n")
    write(tmp_path, "print(repr([threshold, method, days, limits, api_key]))")
    return tmp_path


def record(project: Path) -> dict[str, object]:
    "run.json of the only run."
    [path] = (project / ".mlops" / "runs").glob("*/run.json")
    return json.loads(path.read_text())


def test_help_ends_with_what_the_notebook_takes(project: Path):
    plain, by_name = call(project, "run", "--help"), call(project, "run", "fair", "--help")
    assert plain.returncode == by_name.returncode == 0
    assert "Parameters of" not in plain.stdout
    assert by_name.stdout.startswith(plain.stdout.rstrip())
    helped = " ".join(by_name.stdout.partition("Parameters of fair.ipynb (Fair)")[2].split())
    assert "threshold float Share of approvals that is enough [default: 0.5]" in helped
    assert "method Literal['ratio', 'difference'] How rates are compared" in helped
    assert "[default: 2026-01-31]" in helped
    assert "[default: TEAM_LOGIN]" in helped
    for arguments in (
        ["nbs/reports/fair.ipynb", "-h"],
        ["--help", "fair"],
        ["-p", "x=1", "fair", "-h"],
    ):
        assert call(project, "run", *arguments).stdout == by_name.stdout
    assert not (project / ".mlops").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fiar"], "Did you mean 'fair'?"),
        (["no.ipynb"], "There is no notebook"),
        (["no.toml"], "There is no pipeline"),
        (["broken.ipynb"], "its JSON cannot be read"),
    ],
)
def test_help_for_what_cannot_be_read_is_one_sentence(
    project: Path, arguments: list[str], message: str
):
    (project / "broken.ipynb").write_text("{")
    done = call(project, "run", *arguments, "--help")
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


BAD_FILES = {
    "p.yaml": ("# 1\nmethod: ratio\ntreshold: 1", "p.yaml, line 3: fair.ipynb has no parameter 'treshold'"),
    "t.yaml": ("method: rato", "t.yaml, line 1: fair.ipynb: method='rato'"),
    "t.json": ('{"method": "ratio",\n "threshold": "high"}', "t.json, line 2: fair.ipynb: threshold='high'"),
    "t.toml": ("days = [2026-01-31, 5]", "t.toml, line 1: fair.ipynb: days=["),
    "n.yaml": ("threshold: NO", "threshold='NO' is not a number"),
    "d.yaml": ("threshold: 1\nthreshold: 2", "d.yaml, line 2: 'threshold' is given twice"),
    "l.yaml": ("- threshold: 1\n- threshold: 2", "holds 2 sets of parameters"),
    "s.yaml": ("api_key: not a name", "s.yaml, line 1: fair.ipynb: api_key takes the name"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_mistake_in_a_file_is_named_with_its_line(project: Path, name: str):
    content, message = BAD_FILES[name]
    (project / name).write_text(content)
    done = call(project, "run", "fair", "-f", name)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "not a name" not in done.stderr
    assert not (project / ".mlops").exists()


def test_the_command_overrides_a_wrong_value_of_a_file(project: Path):
    (project / "p.yaml").write_text("threshold: high\ndays: [2026-02-01]\nlimits: [.nan, 1e-3]\n")
    done = call(
        project, "run", "fair", "-f", "p.yaml", "-p", "threshold=1e-1", "-p", "method=ratio"
    )
    assert done.returncode == 0, done.stderr
    params = record(project)["params"]
    assert params["threshold"] == 0.1
    assert params["days"] == ["2026-02-01"]
    assert params["api_key"] is None
    [path] = (project / ".mlops" / "runs").glob("*/notebook.ipynb")
    texts = [o["text"] for c in json.loads(path.read_text())["cells"] for o in c.get("outputs", [])]
    [shown] = ["".join(text) for text in texts]
    assert shown == "[0.1, 'ratio', [datetime.date(2026, 2, 1)], (nan, 0.001), None]\n"
    # JavaScript, and so JupyterLab, cannot read NaN in JSON.
    json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(name))


def test_a_repeated_parameter_is_refused(project: Path):
    done = call(project, "run", "fair", "-p", "limits=1", "-p", "limits=2")
    assert done.returncode == 2
    assert "-p limits=a,b" in done.stderr


def test_a_secret_is_used_and_never_kept(project: Path):
    write(
        project,
        "import os, subprocess\nrun = lit.init()\nkey = os.environ[api_key]\nprint('logged in with', key)",
        "run.config['login'] = key\nrun.config['nested'] = {'of': [key]}\nkey",
        "subprocess.run(['sh', '-c', 'echo $TEAM_LOGIN'])\nraise ValueError(f'{key} was refused')",
    )
    value = "correct-horse-battery"
    done = call(project, "run", "fair", "--json", TEAM_LOGIN=value)
    assert done.returncode == 1
    assert "ValueError: *** was refused" in done.stderr
    assert value not in done.stdout + done.stderr
    kept = listing(project / ".mlops")
    assert any(name.endswith("notebook.ipynb") for name in kept)
    assert [name for name, content in kept.items() if value.encode() in content] == []
    run = record(project)
    assert run["params"]["api_key"] == "TEAM_LOGIN"
    assert run["config"] == {"login": "***", "nested": {"of": ["***"]}}
    notebook = next(content for name, content in kept.items() if name.endswith("notebook.ipynb"))
    assert b"logged in with ***" in notebook


def test_a_secret_itself_is_refused_and_not_shown(project: Path):
    token = "sk-" + "x1Y2" * 10
    for given in (token, "hunter2", "pass word"):
        done = call(project, "run", "fair", "-p", f"api_key={given}")
        assert done.returncode == 2, done.stdout
        assert "environment variable" in done.stderr
        assert given not in done.stderr + done.stdout
    assert not (project / ".mlops").exists()


def test_the_variable_of_a_secret_must_be_set(project: Path):
    done = call(project, "run", "fair", "-p", "api_key=MY_LOGN", MY_LOGIN_TOKEN="abcdefgh")
    assert done.returncode == 2
    assert "(MY_LOGN) that is not set" in done.stderr


def test_a_secret_reaches_the_notebook_that_a_notebook_runs(project: Path):
    inner = write(project, "import os\nprint('inner', os.environ[api_key])")
    inner.rename(inner.with_name("inner.ipynb"))
    write(
        project, "lit.run_notebook('inner', {'api_key': api_key})", "import os; os.environ[api_key]"
    )
    value = "correct-horse-battery"
    done = call(project, "run", "fair", TEAM_LOGIN=value)
    assert done.returncode == 0, done.stderr
    kept = listing(project / ".mlops")
    assert sum(b"inner ***" in content for content in kept.values()) == 1
    assert [name for name, content in kept.items() if value.encode() in content] == []


def test_papermill_lists_annotated_parameters(project: Path):
    # papermill's pattern knows no dots, quotes or bars in an annotation; it leaves such lines out and goes on.
    notebooks = [project / "nbs/reports/fair.ipynb", *package_folder("reports").glob("*.ipynb")]
    assert len(notebooks) > 4
    for path in notebooks:
        done = subprocess.run(
            [sys.executable, "-m", "papermill", "--help-notebook", str(path)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        simple = [p for p in notebook_parameters(path) if p.type in ("int", "float", "bool")]
        assert simple
        for parameter in simple:
            assert f"  {parameter.name}: {parameter.type} (default " in done.stdout
            if path.stem == "fair":
                assert parameter.help in done.stdout
