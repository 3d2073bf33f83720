"""A new project runs before anything in it was changed."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_lit.cli.scaffold import scaffold

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "A new project in a path with a space."
    folder = tmp_path_factory.mktemp("with space") / "customer churn"
    scaffold(folder)
    return folder


def call(project: Path, *command: str | Path) -> str:
    "What the command says; it must succeed."
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith("MLOPS_LIT_") and k != "IN_TEST"
    }
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def modules(project: Path) -> dict[str, str]:
    "Each module of the project's package, as the parser sees it: nbdev breaks long lines by the length of names."
    return {
        p.name: ast.dump(ast.parse(p.read_text()))
        for p in (project / "customer_churn").glob("*.py")
    }


def test_its_modules_are_what_its_pages_export(project: Path):
    before = modules(project)
    assert set(before) == {"__init__.py", "_modidx.py", "features.py"}
    call(project, BIN / "nbdev-export")
    assert modules(project) == before


def test_its_pages_and_tests_pass(project: Path):
    assert "passed" in call(project, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_its_pages_are_collected_as_ours_are():
    ours, theirs = (
        ROOT / "nbs" / "conftest.py",
        ROOT / "mlops_lit" / "scaffold" / "nbs" / "conftest.py.in",
    )
    assert theirs.read_text() == ours.read_text()


def test_its_pipeline_runs_and_its_site_builds(project: Path):
    call(project, BIN / "mlops-lit", "run", "pipeline.toml")
    shown = call(project, BIN / "mlops-lit", "runs", "--json")
    assert all(
        name in shown for name in ("prepare", "explore", "train-baseline", "evaluate", "audit")
    )
    call(project, BIN / "mlops-lit", "site")
    site = project / "_site"
    assert (site / "index.html").is_file()
    assert "Customer churn" in (site / "index.html").read_text()
