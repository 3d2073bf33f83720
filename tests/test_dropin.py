"Scripts written for W&B, which say `import wandb`, run with mlops_lit under that name."

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_lit.store.query import query
from mlops_lit.store.store import Store, open_store
from mlops_lit.track.media import media_from_record

SCRIPTS = Path(__file__).parent / "dropin"


@pytest.fixture
def run_script(tmp_path):
    "Run one of the scripts in an empty folder, `import wandb` being `import mlops_lit as wandb`."
    (tmp_path / "settings.ini").write_text("[mlops_lit]\nproject = dropin\n")

    def run(
        name: str, *arguments: str, **variables: str
    ) -> tuple[subprocess.CompletedProcess, Store]:
        source = (SCRIPTS / name).read_text()
        (tmp_path / name).write_text(source.replace("import wandb", "import mlops_lit as wandb"))
        environ = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("MLOPS_LIT", "WANDB", "IN_TEST"))
        }
        done = subprocess.run(
            [sys.executable, name, *arguments],
            cwd=tmp_path,
            env={**environ, **variables},
            capture_output=True,
            text=True,
        )
        return done, open_store(tmp_path / ".mlops")

    return run


def test_metrics_at_different_steps(run_script):
    done, store = run_script("steps.py", "--max_epochs", "12")
    assert done.returncode == 0, done.stderr
    record = store.run("steps")
    assert (record["status"], record["project"], record["tags"]) == (
        "finished",
        "examples",
        ["example"],
    )
    assert record["config"] == {
        "max_epochs": 12,
        "validate_every": 10,
        "learning_rate": 0.01,
        "architecture": "none",
    }
    history = store.history("steps")
    assert history["step"].tolist() == list(range(12))
    assert history["val_acc"].notna().tolist() == [step % 10 == 0 for step in range(12)]
    assert record["summary"]["val_acc"] == history["val_acc"].max()
    assert (store.run_folder("steps") / "console.log").read_text().splitlines() == [
        f"Step {n}" for n in range(12)
    ]
    assert done.stdout.splitlines() == [f"Step {n}" for n in range(12)]


def test_data_pictures_and_model_of_a_classifier(run_script):
    done, store = run_script("digits.py")
    assert done.returncode == 0, done.stderr
    train = store.run(store.runs(where="job_type = 'train'")["id"][0])
    assert {edge.ref: edge.kind for edge in store.lineage() if edge.run_id == train["id"]} == {
        "digits-raw:v1": "used",
        "digits-model:v1": "made",
    }
    history = store.history(train["id"], ["n_rows", "accuracy/test"])
    assert history["n_rows"].tolist()[:2] == [100, 400]
    assert history["accuracy/test"].iloc[-1] > 0.9
    folder = store.run_folder(train["id"])
    errors = media_from_record(folder, train["summary"]["errors"])
    assert errors.columns == ["image", "label", "predicted"]
    assert type(errors.data[0][0]).__name__ == "Image"
    assert len(query("SELECT label, predicted FROM errors WHERE label <> predicted", store)) == len(
        errors.data
    )
    kinds = {
        name: train["summary"][name]["_type"] for name in ("examples", "scores", "confusion", "roc")
    }
    assert kinds == {
        "examples": "media-list",
        "scores": "histogram",
        "confusion": "vegalite-file",
        "roc": "vegalite-file",
    }
    assert train["summary"]["n_wrong"] > 0
    assert (folder / "files" / "model.json").exists()
    assert store.artifact("digits-model:best").metadata["C"] == 0.1


def test_preempted_job_goes_on(run_script):
    told = {"WANDB_RUN_ID": "job-7", "WANDB_RESUME": "allow"}
    killed, store = run_script("resume.py", **told)
    assert killed.returncode == -9
    assert store.run("job-7")["status"] == "crashed"
    assert store.run("job-7")["summary"]["loss"] == 1 / 3
    done, store = run_script("resume.py", **told)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "resumed at step 3\n"
    record = store.run("job-7")
    assert (record["status"], record["group"], record["summary"]["done"]) == (
        "finished",
        "workers",
        True,
    )
    assert store.history("job-7")["loss"].tolist() == [1 / (n + 1) for n in range(6)]
