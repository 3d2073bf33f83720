"""Every analysis report on real tables beside the demo's: it finishes, reads as a document, and its numbers are those of the data."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from real_data import participation, recidivism, wages, wines

from mlops_lit.notebook.execution import NotebookRun, run_notebook

PRISON = {"outcome": "came_back", "score": "score", "split": None}
WORK = {"outcome": "labour", "positive": "works", "score": "score", "split": None}
CLASSES = {name: f"p_{name}" for name in ("barolo", "grignolino", "barbera")}
AUDIT_PRISON = {"outcome": "came_back", "score": "score", "split": None, "favourable": "0"}
CASES: dict[str, tuple[str, Callable[[], pd.DataFrame], dict[str, Any]]] = {
    "evaluation-recidivism": ("evaluation", recidivism, {**PRISON, "slices": ["race"], "baseline_prediction": "score_trees"}),
    "evaluation-participation": ("evaluation", participation, {**WORK, "slices": ["lives in"]}),
    "evaluation-wages": ("evaluation", wages, {"outcome": "wage", "prediction": "predicted", "unit": "dollars an hour", "split": None, "baseline_prediction": "predicted_trees"}),
    "evaluation-wines": ("evaluation", wines, {"outcome": "cultivar", "prediction": "predicted", "probabilities": CLASSES, "split": None}),
    "error_analysis-recidivism": ("error_analysis", recidivism, {**PRISON, "slices": ["race"]}),
    "error_analysis-wages": ("error_analysis", wages, {"outcome": "wage", "prediction": "predicted", "split": None}),
    "error_analysis-wines": ("error_analysis", wines, {"outcome": "cultivar", "prediction": "predicted", "split": None}),
    "compare_models-recidivism": ("compare_models", recidivism, {"outcome": "came_back", "scores": ["score", "score_trees"], "margin": 0.02, "slices": ["race"]}),
    "compare_models-wages": ("compare_models", wages, {"outcome": "wage", "scores": ["predicted", "predicted_trees"], "split": None}),
    "decision-recidivism": ("decision", recidivism, {"outcome": "came_back", "score": "score", "true_positive": 5, "false_positive": -3, "groups": ["race"], "unit": "thousand USD"}),
    "decision-participation": ("decision", participation, {"outcome": "labour", "positive": "works", "score": "score", "review_cost": 0.1, "groups": ["children"]}),
    "bias_audit-recidivism": ("bias_audit", recidivism, {**AUDIT_PRISON, "sensitive": ["race", "marital status"]}),
    "bias_audit-participation": ("bias_audit", participation, {"outcome": "labour", "favourable": "works", "score": "score", "split": None, "sensitive": ["children"]}),
    "seven_biases-recidivism": ("seven_biases", recidivism, {**AUDIT_PRISON, "sensitive": ["race", "marital status"]}),
    "seven_biases-participation": ("seven_biases", participation, {"outcome": "labour", "favourable": "works", "score": "score", "split": None, "sensitive": ["children"]}),
}  # fmt: skip


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], NotebookRun]:
    "The run of a case, made once."
    folder = tmp_path_factory.mktemp("reports")
    runs: dict[str, NotebookRun] = {}

    def run(case: str) -> NotebookRun:
        if case not in runs:
            report, table, params = CASES[case]
            path = folder / f"{table.__name__}.parquet"
            if not path.exists():
                table().to_parquet(path)
            params = {"data": str(path), **params}
            runs[case] = run_notebook(
                report, params, store=folder / "store", root=folder, check=False
            )
        return runs[case]

    return run


def outputs_of(run: NotebookRun) -> list[dict[str, Any]]:
    "What the cells of a run showed, MIME type -> content."
    cells = nbformat.read(run.notebook, as_version=4).cells
    return [dict(output.get("data", {})) for cell in cells for output in cell.get("outputs", [])]


@pytest.mark.parametrize("case", CASES)
def test_the_report_reads_as_a_document(case: str, executed: Callable[[str], NotebookRun]) -> None:
    run = executed(case)
    assert run.status == "finished", run.message
    outputs = outputs_of(run)
    prose = "\n".join(output.get("text/markdown", "") for output in outputs)
    assert len(prose.split()) > 200
    # A number that could not be computed is said in words, never as nan, None or inf.
    assert not re.findall(r"\b(?:nan|NaN|inf|None(?! of)|nan%)\b", prose)
    assert sum(any("vegalite" in kind for kind in output) for output in outputs) >= 1
    assert len(run.checks) >= 1
    assert all(check["verdict"] in ("passed", "failed", "not judged") for check in run.checks)


def test_the_metrics_are_those_of_scikit_learn(executed: Callable[[str], NotebookRun]) -> None:
    from sklearn import metrics

    table = recidivism()
    summary = executed("evaluation-recidivism").summary
    area = metrics.roc_auc_score(table["came_back"], table["score"])
    assert summary["roc_auc"] == pytest.approx(area, rel=1e-9)
    loss = metrics.log_loss(table["came_back"], table["score"])
    assert summary["log_loss"] == pytest.approx(loss, rel=1e-9)

    table = wages()
    summary = executed("evaluation-wages").summary
    assert summary["r2"] == pytest.approx(
        metrics.r2_score(table["wage"], table["predicted"]), rel=1e-9
    )

    table = wines()
    summary = executed("evaluation-wines").summary
    share = np.mean(table["cultivar"] == table["predicted"])
    assert summary["accuracy"] == pytest.approx(share, rel=1e-9)


def test_the_audit_has_the_gaps_of_fairlearn(executed: Callable[[str], NotebookRun]) -> None:
    from fairlearn import metrics

    table = recidivism()
    favourable = (table["came_back"] == 0).astype(int)
    # The column scores the favourable value: that is what the report is told it does.
    selected = (table["score"] >= 0.5).astype(int)
    gap = metrics.demographic_parity_difference(
        favourable, selected, sensitive_features=table["race"]
    )
    summary = executed("bias_audit-recidivism").summary
    assert summary["demographic_parity_difference/race"] == pytest.approx(gap, rel=1e-9)


def test_weights_count_in_slices_too(tmp_path: Path) -> None:
    table = wages().assign(weight=np.where(wages()["educ"] > 12, 3.0, 1.0))
    table.to_parquet(tmp_path / "wages.parquet")
    params = {"data": str(tmp_path / "wages.parquet"), "outcome": "wage", "prediction": "predicted", "split": None}  # fmt: skip
    params |= {"weight": "weight", "slices": ["female"]}
    run = run_notebook("evaluation", params, store=tmp_path / "store", root=tmp_path, check=False)
    assert run.status == "finished", run.message
    women = table[table["female"] == 1]
    error = np.average((women["predicted"] - women["wage"]).abs(), weights=women["weight"])
    assert run.summary["slice/female/1/mae"] == pytest.approx(error, rel=1e-9)


def test_less_error_than_the_baseline_is_better(executed: Callable[[str], NotebookRun]) -> None:
    run = executed("evaluation-wages")
    assert run.summary["baseline/mae_difference"] > 0
    prose = "\n".join(output.get("text/markdown", "") for output in outputs_of(run))
    assert "**column predicted\\_trees is closer to the truth** than column predicted" in prose


@pytest.mark.parametrize("report", ["evaluation", "error_analysis"])
def test_an_odd_column_of_very_many_categories_is_gathered(report: str, tmp_path: Path) -> None:
    rng, n = np.random.default_rng(0), 100_000
    p = rng.random(n)
    table = pd.DataFrame({"y": (rng.random(n) < p).astype(int), "p": p})
    table["g"] = [f"customer {i}" for i in rng.integers(0, n, n)]
    table.to_parquet(tmp_path / "many.parquet")
    params = {"data": str(tmp_path / "many.parquet"), "outcome": "y", "score": "p", "split": None, "slices": ["g"]}  # fmt: skip
    run = run_notebook(report, params, store=tmp_path / "store", root=tmp_path, check=False)
    assert run.status == "finished", run.message
    assert len([name for name in run.summary if name.startswith("slice/")]) < 100
    assert run.notebook.stat().st_size < 5_000_000


@pytest.mark.parametrize("report", ["evaluation", "error_analysis", "decision", "bias_audit"])
@pytest.mark.parametrize("odd", ["no positive", "one row", "all scores NaN", "one group", "group all NaN"])  # fmt: skip
def test_an_odd_table_gives_a_clear_answer(report: str, odd: str, tmp_path: Path) -> None:
    "Either the report finishes without a wrong number, or its first error says what to do."
    rng = np.random.default_rng(0)
    n = 1 if odd == "one row" else 300
    y = np.zeros(n, int) if odd == "no positive" else (rng.random(n) < 0.4).astype(int)
    table = pd.DataFrame({"y": y, "p": rng.random(n), "x": rng.normal(size=n), "g": rng.choice(["a", "b"], n)})  # fmt: skip
    if odd == "all scores NaN":
        table["p"] = math.nan
    if odd == "one group":
        table["g"] = "a"
    if odd == "group all NaN":
        table["g"] = None
    table.to_csv(tmp_path / "odd.csv", index=False)
    params: dict[str, Any] = {"data": str(tmp_path / "odd.csv"), "outcome": "y", "score": "p"}
    params |= {"decision": {"choose_on": None, "report_on": None, "groups": ["g"]}}.get(
        report, {"split": None}
    )
    params |= {"bias_audit": {"sensitive": ["g"]}, "decision": {}}.get(report, {"slices": ["g"]})
    run = run_notebook(report, params, store=tmp_path / "store", root=tmp_path, check=False)
    if run.status == "failed":
        assert run.error is not None
        assert run.error["name"] == "InputError", run.message
        return
    prose = "\n".join(output.get("text/markdown", "") for output in outputs_of(run))
    assert not re.findall(r"\b(?:nan|NaN|inf|None(?! of)|nan%)\b", prose)
