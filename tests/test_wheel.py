"""The wheel holds all it needs: built, installed into a new environment, and used from an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "The wheel, built from a copy so that nothing is left in the checkout."
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(
        ROOT / "mlops_lit", copy / "mlops_lit", ignore=shutil.ignore_patterns("__pycache__")
    )
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(copy / "dist"), str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    return next((copy / "dist").glob("*.whl"))


def test_the_wheel_holds_modules_reports_demo_template_and_assets(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    on_disk = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "mlops_lit").rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and ".ipynb_checkpoints" not in path.parts
    }
    assert on_disk - names == set()


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    "The command `mlops-lit` in a new environment that has the wheel and what it depends on."
    folder = tmp_path_factory.mktemp("new environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pins = ["-c", str(ROOT / "constraints.txt")]
    install = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        *pins,
        f"{wheel}[docs,export]",
    ]
    subprocess.run(install, check=True)
    return folder / "bin" / "mlops-lit"


def call(command: Path, folder: Path, *arguments: str) -> str:
    "What the command says in `folder`, with an empty home; it must succeed."
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    done = subprocess.run(
        [command, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(home.iterdir()) == [], "the command wrote to the home directory"
    return done.stdout


def test_the_installed_command_runs_a_shipped_report_on_any_csv(command: Path, tmp_path: Path):
    folder = tmp_path / "an empty folder"
    folder.mkdir()
    (folder / "hiring.csv").write_text(
        "gender,age,hired\n"
        + "".join(f"{'fm'[i % 2]},{20 + i % 40},{'yes' if i % 3 else 'no'}\n" for i in range(400))
    )
    assert "bias_audit" in call(command, folder, "reports")
    call(command, folder, "run", "eda", "-p", "data=hiring.csv", "-p", "outcome=hired")
    audit = (
        "-p",
        "data=hiring.csv",
        "-p",
        "outcome=hired",
        "-p",
        "favourable=yes",
        "-p",
        "sensitive=gender",
    )
    call(command, folder, "run", "bias_audit", *audit)
    runs = json.loads(call(command, folder, "runs", "--json"))
    assert {run["name"]: run["status"] for run in runs} == {
        "eda": "finished",
        "bias_audit": "finished",
    }
    assert runs[0]["inputs"][0]["path"].endswith("hiring.csv")
    call(command, folder, "site")
    assert (folder / "_site" / "index.html").is_file()


def test_papermill_finds_the_engine_of_the_installed_wheel(command: Path, tmp_path: Path):
    "The cells' parent is a zygote, and nothing of it is left."
    folder = tmp_path / "papermill"
    folder.mkdir()
    source = "import os, pathlib\nprint(pathlib.Path(f'/proc/{os.getppid()}/cmdline').read_text())"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": source}
    notebook = {
        "cells": [{**cell, "outputs": [], "execution_count": None}],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (folder / "in.ipynb").write_text(json.dumps(notebook))
    papermill = command.with_name("papermill")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    arguments = [papermill, "--engine", "mlops_lit", "in.ipynb", "out.ipynb"]
    subprocess.run(arguments, cwd=folder, env=environment, check=True, capture_output=True)
    executed = json.loads((folder / "out.ipynb").read_text())
    printed = "".join(executed["cells"][0]["outputs"][0]["text"])
    if sys.platform == "linux":
        assert "mlops_lit.notebook.zygote" in printed
    assert sorted(path.name for path in folder.iterdir()) == ["in.ipynb", "out.ipynb"]
