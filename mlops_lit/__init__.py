"""Literate MLOps: notebooks are the package, its tests, its reports and its site

Modules:

- `mlops_lit.check`: One claim, its measured value and a verdict: passed, failed, or not judged.
- `mlops_lit.cli.app`: What all commands share: one app, its exit codes, and JSON for scripts.
- `mlops_lit.cli.progress`: While notebooks run, a terminal always shows which, how far, and under which heading.
- `mlops_lit.cli.scaffold`: A new project of the right shape, which runs before anything in it was changed.
- `mlops_lit.data.columns`: What a column holds: its kind as seen, its type as declared, its unit and meaning.
- `mlops_lit.data.expectations`: What the data must be like, written down once and checked every time.
- `mlops_lit.data.profile`: What is in each column, and how much it has to do with the outcome.
- `mlops_lit.data.split`: Which row is for training, which for choosing, which for the final measurement: the same answer every time.
- `mlops_lit.errors`: What an error of mlops_lit says, and why there is only one kind of it for bad input.
- `mlops_lit.evaluate.calibration`: Of the applications scored 0.8, are eight in ten approved?
- `mlops_lit.evaluate.comparison`: The new model scores 0.02 higher than the baseline. Is it better, or lucky?
- `mlops_lit.evaluate.confusion`: A threshold turns scores into decisions. Which mistakes do they make, and how often?
- `mlops_lit.evaluate.discrimination`: Does the model put those with the outcome above those without it, and how sure are we?
- `mlops_lit.evaluate.intervals`: A metric without its interval is a rumour. How far could this number be from the one we would see with more rows?
- `mlops_lit.evaluate.outcome`: Which value counts as positive, and what every metric refuses before it computes anything.
- `mlops_lit.evaluate.slices`: A good average can hide a part of the data where the model fails. Which part, and is it more than chance?
- `mlops_lit.govern.fairness`: Are groups selected at different rates, does the model err more for some, and how sure can we be?
- `mlops_lit.govern.findings`: What an audit says, in sentences that a compliance officer can sign and charts that show how sure they are.
- `mlops_lit.govern.groups`: Who is compared with whom: groups from one column or several, the missing among them, counted in one pass.
- `mlops_lit.model.files`: A model that anyone may load, because loading it executes nothing it brought along.
- `mlops_lit.model.training`: From a table of mixed columns to a classifier, with what was left out said aloud.
- `mlops_lit.notebook.engine`: How the cells of a notebook are run: an isolated kernel, outputs on disk as they come, and a clear word when it ends badly.
- `mlops_lit.notebook.execution`: One call runs a notebook as a tracked run: everything is checked first, everything is kept, whatever happens.
- `mlops_lit.notebook.inputs`: The data that a notebook's parameters name: found, pinned to a version, its columns checked, and only then passed on.
- `mlops_lit.notebook.parameters`: What a notebook can be given, read from its parameters cell without running it, and checked before anything starts.
- `mlops_lit.notebook.pipeline`: Several notebooks in an order, written down in one small file, checked as a whole before the first one starts.
- `mlops_lit.notebook.readme`: The front page of a repository is a notebook too: this makes README.md from it.
- `mlops_lit.notebook.reports`: Where parameterized notebooks are found, how one becomes the project's own, and how they travel with the package.
- `mlops_lit.settings`: One small file says where a project keeps its runs and its site; an environment variable can override each line.
- `mlops_lit.site.api`: A function's signature, sentence and parameter table, read from its source without importing it.
- `mlops_lit.site.build`: Docs, reports and runs as one folder of pages, by Quarto or by the built-in renderer.
- `mlops_lit.site.cache`: What did not change is not made again, and what is half made is never seen.
- `mlops_lit.site.charts`: A chart is published as its specification, drawn by a script that comes with the site.
- `mlops_lit.site.dialect`: A notebook as one Markdown document, cell options obeyed.
- `mlops_lit.site.lineage`: Which data became which model, and who judged it: a diagram without a library.
- `mlops_lit.site.navigation`: One `_quarto.yml` says what stands in the bar, the sidebar and at the foot of each page.
- `mlops_lit.site.pieces`: Pills, verdicts, facts and tables: the small parts that pages about runs are made of.
- `mlops_lit.site.render`: The built-in renderer: pandoc for the text, a template for the page, and everything a reader needs beside it.
- `mlops_lit.site.reports`: The newest run of each report becomes a page that says which run it is.
- `mlops_lit.site.runs`: One page lists every run; one page for each run shows what went in, what came out and how to do it again.
- `mlops_lit.site.stage`: Notebooks as people write them become notebooks as a renderer can read them.
- `mlops_lit.store.artifacts`: `loans:v3` means the same bytes for ever, whoever asks.
- `mlops_lit.store.catalog`: An index of the files, never the truth: delete it and it comes back equal.
- `mlops_lit.store.files`: Writing a file so that a reader never sees half of it, and JSON that keeps NaN.
- `mlops_lit.store.journal`: Who moved `production`, when, and from where: a list of entries that can be added to and not quietly changed.
- `mlops_lit.store.objects`: Bytes kept once, under the digest of what they are, and checked each time they are read.
- `mlops_lit.store.runs`: A run is a folder that can be zipped, e-mailed and read without mlops_lit.
- `mlops_lit.store.store`: One object for all that is kept: runs, artifacts, aliases, lineage, and the proof that it is whole.
- `mlops_lit.track.artifact`: A set of files on its way into the store.
- `mlops_lit.track.capture`: What a run needs to be repeated, and the secrets it must never hold.
- `mlops_lit.track.run`: One execution, with everything that went in captured and everything that came out typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from mlops_lit.check import Check, check_value
    from mlops_lit.errors import InputError
    from mlops_lit.notebook.execution import run_notebook
    from mlops_lit.notebook.parameters import Column, Data
    from mlops_lit.store.store import Store, open_store
    from mlops_lit.track.artifact import Artifact
    from mlops_lit.track.run import (
        Run,
        current_run,
        finish,
        init,
        log,
        log_artifact,
        read,
        use_artifact,
    )

_HOMES = {
    "Artifact": "mlops_lit.track.artifact",
    "Check": "mlops_lit.check",
    "Column": "mlops_lit.notebook.parameters",
    "Data": "mlops_lit.notebook.parameters",
    "InputError": "mlops_lit.errors",
    "Run": "mlops_lit.track.run",
    "Store": "mlops_lit.store.store",
    "check_value": "mlops_lit.check",
    "current_run": "mlops_lit.track.run",
    "finish": "mlops_lit.track.run",
    "init": "mlops_lit.track.run",
    "log": "mlops_lit.track.run",
    "log_artifact": "mlops_lit.track.run",
    "open_store": "mlops_lit.store.store",
    "read": "mlops_lit.track.run",
    "run_notebook": "mlops_lit.notebook.execution",
    "use_artifact": "mlops_lit.track.run",
}

__all__ = [
    "Artifact",
    "Check",
    "Column",
    "Data",
    "InputError",
    "Run",
    "Store",
    "check_value",
    "current_run",
    "finish",
    "init",
    "log",
    "log_artifact",
    "open_store",
    "read",
    "run_notebook",
    "use_artifact",
]


def __getattr__(name: str) -> object:
    if name in ("config", "summary"):  # Of the current run, so never remembered here
        from mlops_lit.track.run import current_run

        return getattr(current_run(), name)
    if name not in _HOMES:
        raise AttributeError(f"module 'mlops_lit' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "config", "summary"])
