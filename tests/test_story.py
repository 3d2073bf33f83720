"""The mortgage story: the demo's pipeline in a project of its own, one item per notebook, then what must hold of its record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

import mlops_lit as lit
from mlops_lit.notebook.pipeline import PipelineResult, run_pipeline
from mlops_lit.notebook.reports import package_folder
from mlops_lit.store.files import to_json
from mlops_lit.store.store import Store

PIPELINE = package_folder("demo") / "pipeline.toml"
STEPS = [step["name"] for step in tomllib.loads(PIPELINE.read_text(encoding="utf-8"))["step"]]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "An empty project in a path with a space."
    folder = tmp_path_factory.mktemp("mortgage story") / "a project"
    folder.mkdir()
    (folder / "settings.ini").write_text("[mlops_lit]\nproject = mortgages\n")
    return folder


@pytest.fixture(scope="session")
def story(project: Path) -> PipelineResult:
    "The executed pipeline."
    return run_pipeline(PIPELINE, root=project)


@pytest.fixture(scope="session")
def store(project: Path, story: PipelineResult) -> Store:
    "The store that the story filled."
    return lit.open_store(project / ".mlops")


def call(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    "The command `mlops-lit` in the project."
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLOPS_LIT_")}
    return subprocess.run(
        [BIN / "mlops-lit", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("name", STEPS)
def test_the_notebook_runs(story: PipelineResult, name: str):
    step = next(step for step in story.steps if step.name == name)
    assert step.status == "finished", step.reason


@pytest.mark.parametrize("name", STEPS)
def test_the_record_is_complete(store: Store, name: str):
    record = store.run(name)
    assert record["environment"]["packages"] > 20
    assert record["notebook"]["digest"]
    assert record["params"]
    assert record["summary"], "it logged no metric"
    assert all(entry["digest"] for entry in record["inputs"])
    folder = store.run_folder(name)
    executed = nbformat.read(folder / "notebook.ipynb", as_version=4)
    nbformat.validate(executed)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    assert (folder / "environment.txt").read_text().count("==") > 20


def test_frames_charts_and_checks_are_kept_as_data(store: Store):
    executed = nbformat.read(store.run_folder("audit") / "notebook.ipynb", as_version=4)
    kinds = {
        kind
        for cell in executed.cells
        for output in cell.get("outputs", [])
        for kind in output.get("data", {})
    }
    assert "application/vnd.mlops-lit+json" in kinds
    assert "application/vnd.dataresource+json" in kinds
    assert any(kind.startswith("application/vnd.vegalite") for kind in kinds)


def test_lineage_connects_data_model_evaluation_and_audit(store: Store):
    edges = {
        (store.run(edge.run_id)["name"], edge.ref.split(":")[0], edge.kind)
        for edge in store.lineage()
    }
    assert {
        ("prepare", "mortgage-applications", "made"),
        ("train", "mortgage-applications", "used"),
        ("train", "approval-model", "made"),
        ("evaluate", "mortgage-applications", "used"),
        ("evaluate", "approval-model", "used"),
        ("evaluate", "approval-baseline", "used"),
        ("audit", "mortgage-applications", "used"),
        ("audit", "approval-model", "used"),
        ("compare", "approval-baseline", "used"),
        ("decide", "approval-policy", "made"),
        ("seven-biases", "approval-model", "used"),
    } <= edges


def test_parameters_are_pinned_to_versions(store: Store):
    assert store.run("audit")["params"]["data"] == "mortgage-applications:v1"
    assert store.run("audit")["params"]["model"] == "approval-model:v1"


def test_race_and_sex_are_audited_and_are_no_features(store: Store):
    card = store.artifact("approval-model").load_json("model.json")
    assert not {"race", "sex"} & set(card["features"])
    assert {"race", "sex"} <= set(store.artifact("mortgage-applications").read().columns)


def test_the_numbers_of_the_data_are_those_of_the_source(store: Store):
    applications = store.artifact("mortgage-applications").read()
    assert len(applications) == 1989
    assert round(applications["approved"].mean(), 3) == 0.877
    by_race = applications.groupby("race", observed=True)["approved"].mean()
    assert round(by_race["White"], 3) == 0.908


def test_a_failing_check_shows_as_failed(store: Store):
    # The data holds missing values and unequal approval rates: a story without a failed check would be a tuned one.
    verdicts = [check["verdict"] for name in STEPS for check in store.run(name)["checks"]]
    assert verdicts.count("failed") > 0
    assert verdicts.count("passed") > 0


def test_running_it_again_makes_no_new_version(project: Path, store: Store):
    before = {(v.ref, v.digest) for v in store.artifacts()}
    again = run_pipeline(PIPELINE, root=project)
    assert again.finished
    assert {(v.ref, v.digest) for v in store.artifacts()} == before


def test_deleting_the_catalog_loses_nothing(project: Path, store: Store):
    before = call(project, "runs", "--json").stdout
    (store.folder / "catalog.db").unlink()
    assert call(project, "store", "rebuild").returncode == 0
    assert call(project, "runs", "--json").stdout == before
    assert len(json.loads(before)) >= len(STEPS)
    assert call(project, "store", "verify").returncode == 0


def test_the_audit_works_on_another_table_with_other_names(project: Path, store: Store):
    rows = [f"{'ABC'[i % 3]},{'yes' if (i * 7) % (5 + i % 3) else 'no'}" for i in range(600)]
    (project / "hiring.csv").write_text("team,offer made\n" + "\n".join(rows) + "\n")
    done = call(
        project, "run", "bias_audit", "-p", "data=hiring.csv", "-p", "outcome=offer made",
        "-p", "favourable=yes", "-p", "sensitive=team", "--name", "hiring-audit", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["status"] == "finished"
    assert record["checks"]
    assert store.run("hiring-audit")["inputs"][0]["kind"] == "file"


def test_the_site_shows_every_report_and_run(project: Path, store: Store):
    done = call(project, "site", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["warnings"] == []
    site = Path(result["folder"])
    for name in STEPS:
        assert (site / "runs" / f"{store.run(name)['id']}.html").is_file()
    text = (site / "runs" / "index.html").read_text(encoding="utf-8")
    assert all(name in text for name in STEPS)


def test_the_record_is_plain_json(store: Store):
    assert json.loads(to_json(store.records()))
