"""Literate MLOps: notebooks are the package, its tests, its reports and its site

Modules:

- `mlops_lit.chart`: The three charts that reports are made of, alike on every page: intervals, lines, and points against a diagonal.
- `mlops_lit.check`: One claim, its measured value and a verdict: passed, failed, or not judged.
- `mlops_lit.cli.app`: What all commands share: one app, its exit codes, and JSON for scripts.
- `mlops_lit.cli.params`: `-p name=value` and files of parameters, one set or many, before the notebook has its say.
- `mlops_lit.cli.progress`: While notebooks run, a terminal always shows which, how far, under which heading, and how long it will take.
- `mlops_lit.cli.scaffold`: A new project of the right shape, which runs before anything in it was changed.
- `mlops_lit.data.columns`: What a column holds: its kind as seen, its type as declared, its unit and meaning.
- `mlops_lit.data.expectations`: What the data must be like, written down once and checked every time.
- `mlops_lit.data.profile`: What is in each column, and how much it has to do with the outcome.
- `mlops_lit.data.source`: A frame, a file, a thousand files: one thing that can be asked.
- `mlops_lit.data.split`: Which row is for training, which for choosing, which for the final measurement: the same answer every time.
- `mlops_lit.diagram`: A small graph as SVG: boxes in columns, arrows from left to right, and no library.
- `mlops_lit.errors`: What an error of mlops_lit says, and why there is only one kind of it for bad input.
- `mlops_lit.evaluate.actions`: Decline, offer, or ask a person: which action is worth most for each row, and for whom is there time?
- `mlops_lit.evaluate.affected`: A better threshold on average moves people. Who is selected now and was not before, and who pays for it?
- `mlops_lit.evaluate.assumptions`: Nobody knows what a lost customer costs. Which of the assumed numbers would change the decision, and how wrong would it have to be?
- `mlops_lit.evaluate.baselines`: Is the model better than what you could write on a napkin?
- `mlops_lit.evaluate.binary`: One call over any table: how well the model ranks, whether its probabilities hold, and what its threshold does, each number with its interval.
- `mlops_lit.evaluate.calibration`: Of the applications scored 0.8, are eight in ten approved?
- `mlops_lit.evaluate.comparison`: The new model scores 0.02 higher than the baseline. Is it better, or lucky?
- `mlops_lit.evaluate.confusion`: A threshold turns scores into decisions. Which mistakes do they make, and how often?
- `mlops_lit.evaluate.decision`: What threshold earns most, how much more than today's, and how sure is that?
- `mlops_lit.evaluate.disagreement`: On average the new model wins. Which rows does it lose?
- `mlops_lit.evaluate.discrimination`: Does the model put those with the outcome above those without it, and how sure are we?
- `mlops_lit.evaluate.errors`: The rows where the model was most wrong: look at them before you look at another metric.
- `mlops_lit.evaluate.forecast`: How far off are forecasts of many series, further ahead and nearer, and are they better than repeating the last season?
- `mlops_lit.evaluate.influence`: How much does each single row pull a metric up or down?
- `mlops_lit.evaluate.intervals`: A metric without its interval is a rumour. How far could this number be from the one we would see with more rows?
- `mlops_lit.evaluate.leaderboard`: Five models, five numbers, and one of them is the largest. Which of them can these rows tell apart?
- `mlops_lit.evaluate.leakage`: A score of 0.99 is rarely a good model. It is usually a column that knew the answer.
- `mlops_lit.evaluate.method_warnings`: The number is right. Was the way to it?
- `mlops_lit.evaluate.multiclass`: Which classes does the model confuse, and does a good average hide one that it never gets right?
- `mlops_lit.evaluate.ordering`: Sort once: distinct scores from high to low, and what happened at each of them.
- `mlops_lit.evaluate.outcome`: Which value counts as positive, and what every metric refuses before it computes anything.
- `mlops_lit.evaluate.payoffs`: What is each outcome worth, and so each row, when it is selected and when it is passed over?
- `mlops_lit.evaluate.pins`: A row that the model once got wrong, and must never get wrong again.
- `mlops_lit.evaluate.policy`: A decision that can be signed, kept, and executed by a server, as a page of plain JSON.
- `mlops_lit.evaluate.ranking`: For each query, did the items that mattered come first?
- `mlops_lit.evaluate.recalibration`: The model ranks well and promises badly. How much better would a corrected scale be, on rows that did not make it?
- `mlops_lit.evaluate.regression`: How far off are predicted numbers, in which direction, and is that better than always saying the mean?
- `mlops_lit.evaluate.rows`: A row without an outcome, or without a prediction, says nothing about the model. How many were there?
- `mlops_lit.evaluate.slice_search`: Where does the model fail, when nobody told us where to look?
- `mlops_lit.evaluate.slices`: A good average can hide a part of the data where the model fails. Which part, and is it more than chance?
- `mlops_lit.evaluate.sums`: Most error measures divide one sum over the rows by another. How far could the quotient be off, also when rows belong together?
- `mlops_lit.evaluate.task`: Classes, numbers, lists or futures: what was predicted says how it is judged.
- `mlops_lit.evaluate.train_test`: A test set only measures what it was kept from.
- `mlops_lit.govern.aggregation`: One model for all, or does a group need its own; and what does training on everybody do to those who are few?
- `mlops_lit.govern.calibration`: Does a score of 0.8 mean the same for everyone?
- `mlops_lit.govern.criteria`: Which fairness criteria cannot hold together here, and by how much must one give?
- `mlops_lit.govern.fairness`: Are groups selected at different rates, does the model err more for some, and how sure can we be?
- `mlops_lit.govern.findings`: What an audit says, in sentences that a compliance officer can sign and charts that show how sure they are.
- `mlops_lit.govern.groups`: Who is compared with whom: groups from one column or several, the missing among them, counted in one pass.
- `mlops_lit.govern.harms`: Where on its way from the world to a decision can a model start to do harm, what does the data say about it, and what must people answer?
- `mlops_lit.govern.labels`: Are features and outcomes recorded equally well for everyone?
- `mlops_lit.govern.learning`: For whom is this model worse, is that because they are few, and did it learn the others by heart?
- `mlops_lit.govern.mitigation`: Something was done about the gap. Did it get smaller, what did it cost, and whose decision changed?
- `mlops_lit.govern.representation`: Who is in these rows as often as in the population, who is rare, who is absent, and what would the metric be if the rows were like the population?
- `mlops_lit.govern.thresholds`: Which score must each group reach so that the rates are equal, what does that cost, and is it allowed?
- `mlops_lit.model.decided`: Whose decisions does an audit look at: a model's, those in a column, or the recorded outcomes themselves?
- `mlops_lit.model.files`: A model that anyone may load, because loading it executes nothing it brought along.
- `mlops_lit.model.scored`: Which rows, which outcome, whose scores, and were the rows kept from training?
- `mlops_lit.model.training`: From a table of mixed columns to a classifier, with what was left out said aloud.
- `mlops_lit.notebook.bar`: A cell that runs notebooks shows how far they are, and keeps one line about how they ended.
- `mlops_lit.notebook.bookkeeping`: What is known about a notebook while it runs: how far it is, how its cells ended, and all of it on disk.
- `mlops_lit.notebook.countdown`: From what a notebook took before and how it goes now: how many seconds it, and a whole pipeline, will still take.
- `mlops_lit.notebook.durations`: Earlier runs of a notebook say how long each of its cells will take, also after it was edited.
- `mlops_lit.notebook.engine`: How the cells of a notebook are run: an isolated process in milliseconds, outputs on disk as they come, and a clear word when it ends badly.
- `mlops_lit.notebook.execution`: One call runs a notebook as a tracked run: everything is checked first, everything is kept, whatever happens.
- `mlops_lit.notebook.imports`: Which modules a notebook will import, read from its cells without running them.
- `mlops_lit.notebook.inputs`: The data that a notebook's parameters name: found, pinned to a version, its columns checked, and only then passed on.
- `mlops_lit.notebook.live`: A warm process that stays, for people who type `mlops-lit run` all day.
- `mlops_lit.notebook.many`: One notebook, many sets of parameters, all cores.
- `mlops_lit.notebook.ordinary`: A notebook for another language, another environment or another system runs in the kernel that Jupyter knows for it.
- `mlops_lit.notebook.outputs`: From what a kernel says to the outputs that stand below a cell.
- `mlops_lit.notebook.papermill_engine`: `papermill --engine mlops_lit in.ipynb out.ipynb`: everything that papermill does, without the second that a kernel takes.
- `mlops_lit.notebook.parameters`: What a notebook can be given, read from its parameters cell without running it, and checked before anything starts.
- `mlops_lit.notebook.pipeline`: Several notebooks in an order, written down in one small file, checked as a whole before the first one starts.
- `mlops_lit.notebook.provisioner`: nbmake, nbconvert and JupyterLab get kernels in which the libraries are already imported.
- `mlops_lit.notebook.pytest_plugin`: `pytest --mlops-lit nbs/` runs every notebook of a folder as a test, each in a process of its own.
- `mlops_lit.notebook.readme`: The front page of a repository is a notebook too: this makes README.md from it.
- `mlops_lit.notebook.reports`: Where parameterized notebooks are found, how one becomes the project's own, and how they travel with the package.
- `mlops_lit.notebook.shared`: Twelve runs of one notebook load its data once.
- `mlops_lit.notebook.shell`: The process in which a notebook's cells run: ipykernel's own IPython shell, without its network.
- `mlops_lit.notebook.testing`: A notebook is a test when it has run from the first cell to the last: which cells that means, when it need not run again, and what is shown when it fails.
- `mlops_lit.notebook.values`: From the text of an annotation to a type, from the text of a command line to a value of that type, and from the value to Python again.
- `mlops_lit.notebook.warm`: A kernel for a notebook in milliseconds: the driver's side of the zygote.
- `mlops_lit.notebook.wire`: What a kernel process and the one that drives it say to each other, as bytes over a pair of sockets.
- `mlops_lit.notebook.zygote`: One process imports the libraries; each notebook runs in a copy of it that takes milliseconds to make.
- `mlops_lit.result`: What an analysis gives back: numbers first, a table when it is shown, sentences and checks when a report asks.
- `mlops_lit.settings`: One small file says where a project keeps its runs and its site; an environment variable can override each line.
- `mlops_lit.site.api`: A function's signature, sentence and parameter table, read from its source without importing it.
- `mlops_lit.site.build`: Docs, reports and runs as one folder of pages, by Quarto or by the built-in renderer.
- `mlops_lit.site.cache`: What did not change is not made again, and what is half made is never seen.
- `mlops_lit.site.charts`: A chart is published as its specification, drawn by a script that comes with the site.
- `mlops_lit.site.dialect`: A notebook as one Markdown document, cell options obeyed.
- `mlops_lit.site.experiment`: Curves, pictures, sounds, the machine and the console: what a run logged, as parts of its page.
- `mlops_lit.site.navigation`: One `_quarto.yml` says what stands in the bar, the sidebar and at the foot of each page.
- `mlops_lit.site.pieces`: Pills, verdicts, facts and tables: the small parts that pages about runs are made of.
- `mlops_lit.site.render`: The built-in renderer: pandoc for the text, a template for the page, and everything a reader needs beside it.
- `mlops_lit.site.reports`: The newest run of each report becomes a page that says which run it is.
- `mlops_lit.site.runs`: One page lists every run; one page for each run shows what went in, what came out and how to do it again.
- `mlops_lit.site.stage`: Notebooks as people write them become notebooks as a renderer can read them.
- `mlops_lit.store.catalog`: An index of the files, never the truth: delete it and it comes back equal.
- `mlops_lit.store.cleanup`: What could be freed, shown first; what is in use is not among it.
- `mlops_lit.store.commit`: Bytes first, the manifest last, under a number that nobody else gets.
- `mlops_lit.store.executed`: A notebook that is being executed is complete on disk up to its last finished cell, whatever happens next.
- `mlops_lit.store.files`: Writing a file so that a reader never sees half of it, and JSON that keeps NaN.
- `mlops_lit.store.history`: Every point that was logged, in any order, none dropped.
- `mlops_lit.store.intake`: Ten thousand files or one of two gigabytes: read once, hashed once, written once.
- `mlops_lit.store.journal`: Who moved `production`, when, and from where: a list of entries that can be added to and not quietly changed.
- `mlops_lit.store.lineage`: Which data became which model: everything a version came from, and everything that came of it.
- `mlops_lit.store.manifest`: What is written down of a version: its files by digest, who made it, and when.
- `mlops_lit.store.mirror`: A team's store is a bucket; the folder here is a copy of it that fills as it is read.
- `mlops_lit.store.objects`: Bytes kept once, under the digest of what they are, and checked each time they are read.
- `mlops_lit.store.overview`: One row per run, one column per fact, and a condition in SQL over them.
- `mlops_lit.store.query`: SELECT over runs, histories, artifacts and logged tables, as if the folder of files were a database.
- `mlops_lit.store.references`: Data that stays where it is: the address, and how to recognise the bytes.
- `mlops_lit.store.remote`: A bucket as a folder of files: read, written, listed, and one name claimed by exactly one of many.
- `mlops_lit.store.runs`: A run is a folder that can be zipped, e-mailed and read without mlops_lit.
- `mlops_lit.store.spool`: What was made on this machine and is not in the bucket yet.
- `mlops_lit.store.sql`: One SELECT over tables that are handed in, in a database that sees no file and cannot be changed.
- `mlops_lit.store.store`: One object for all that is kept: runs, artifacts, aliases, lineage, and the proof that it is whole.
- `mlops_lit.store.sync`: Written here at once, sent behind; killed at any moment, it goes on where it was.
- `mlops_lit.store.upgrade`: A store of an older version is read as it is, and changed only when somebody asks, after a backup.
- `mlops_lit.store.versions`: Find a version by its number or alias, say things about it, and know who needs it.
- `mlops_lit.track.alert`: Tell somebody now: on the console, in the record, and to a web address of the team's chat.
- `mlops_lit.track.api`: Find runs again and read them from any program, with the names that `wandb.Api` has.
- `mlops_lit.track.artifact`: A set of files on its way into the store.
- `mlops_lit.track.autolog`: One line, and every training is recorded: its parameters, its curve, its score.
- `mlops_lit.track.callbacks`: The parameters, the curve and the gradients of one training, recorded because you said so.
- `mlops_lit.track.capture`: What a run needs to be repeated: the code as it was, committed or not, and the environment.
- `mlops_lit.track.cells`: What may stand in a cell of a table, when two cells are the same, and how a cell is kept where Parquet has no type for it.
- `mlops_lit.track.column`: The cells of a column, held as Arrow holds them until somebody asks for Python's values.
- `mlops_lit.track.comparison`: Two runs, two results: what was different about them?
- `mlops_lit.track.console`: What a script printed, its subprocesses included, kept in console.log.
- `mlops_lit.track.dropin`: `import mlops_lit as wandb`: what works, what says that it does not, and nothing that is silently ignored.
- `mlops_lit.track.image`: A picture that a run logs, with the boxes and masks that a model found on it.
- `mlops_lit.track.media`: What a run logs besides numbers: how it is kept beside the history, shown, and read back.
- `mlops_lit.track.pixels`: Whatever holds a picture becomes the bytes of an image file.
- `mlops_lit.track.plot`: The standard charts of a training script, from the numbers it has at hand: `lit.plot.confusion_matrix(...)` and its like.
- `mlops_lit.track.points`: What can be logged: numbers under flat names, text, pictures and tables, each as one line of JSON.
- `mlops_lit.track.run`: One execution, with everything that went in captured and everything that came out typed.
- `mlops_lit.track.secrets`: A record is copied, published and kept for years. What must not be in it is found by its name or by its form.
- `mlops_lit.track.sound`: What a model says, hears or does over time, with a player in the page.
- `mlops_lit.track.start`: A new run, the one that executes this notebook, one that was interrupted, or a branch of one: `init` finds out.
- `mlops_lit.track.system`: CPU, memory, disk and GPU every few seconds, at a cost that cannot be noticed.
- `mlops_lit.track.table`: Rows that a run logs: predictions beside the truth, with their images, so that they can be sorted, filtered and compared.
- `mlops_lit.track.table_diff`: Which predictions did the new model change, and by how much? Two tables joined and compared by their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from mlops_lit.check import Check, check_value
    from mlops_lit.errors import InputError
    from mlops_lit.notebook.execution import run_notebook
    from mlops_lit.notebook.many import run_many
    from mlops_lit.notebook.parameters import Column, Data
    from mlops_lit.store.query import query
    from mlops_lit.store.store import Store, open_store
    from mlops_lit.track.api import Api
    from mlops_lit.track.artifact import Artifact
    from mlops_lit.track.autolog import autolog
    from mlops_lit.track.callbacks import (
        keras_callback,
        lightgbm_callback,
        lightning_logger,
        log_booster,
        sklearn_callback,
        unwatch,
        watch,
        xgboost_callback,
    )
    from mlops_lit.track.image import Image
    from mlops_lit.track.media import Histogram, Html, Plotly, Vega
    from mlops_lit.track.run import (
        Run,
        alert,
        current_run,
        define_metric,
        finish,
        log,
        log_artifact,
        read,
        save,
        use_artifact,
    )
    from mlops_lit.track.sound import Audio, Video
    from mlops_lit.track.secrets import Secret
    from mlops_lit.track.start import Settings, init
    from mlops_lit.track.table import Table

_NAMES = {
    "mlops_lit.check": ("Check", "check_value"),
    "mlops_lit.errors": ("InputError",),
    "mlops_lit.notebook.execution": ("run_notebook",),
    "mlops_lit.notebook.many": ("run_many",),
    "mlops_lit.notebook.parameters": ("Column", "Data"),
    "mlops_lit.store.query": ("query",),
    "mlops_lit.store.store": ("Store", "open_store"),
    "mlops_lit.track.api": ("Api",),
    "mlops_lit.track.artifact": ("Artifact",),
    "mlops_lit.track.autolog": ("autolog",),
    "mlops_lit.track.callbacks": (
        "keras_callback",
        "lightgbm_callback",
        "lightning_logger",
        "log_booster",
        "sklearn_callback",
        "unwatch",
        "watch",
        "xgboost_callback",
    ),
    "mlops_lit.track.image": ("Image",),
    "mlops_lit.track.media": ("Histogram", "Html", "Plotly", "Vega"),
    "mlops_lit.track.run": (
        "Run",
        "alert",
        "current_run",
        "define_metric",
        "finish",
        "log",
        "log_artifact",
        "read",
        "save",
        "use_artifact",
    ),
    "mlops_lit.track.sound": ("Audio", "Video"),
    "mlops_lit.track.secrets": ("Secret",),
    "mlops_lit.track.start": ("Settings", "init"),
    "mlops_lit.track.table": ("Table",),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}
_OF_THE_RUN = ("config", "summary")  # Of the current run, so never remembered here

__all__ = [
    "Api",
    "Artifact",
    "Audio",
    "Check",
    "Column",
    "Data",
    "Histogram",
    "Html",
    "Image",
    "InputError",
    "Plotly",
    "Run",
    "Secret",
    "Settings",
    "Store",
    "Table",
    "Vega",
    "Video",
    "alert",
    "autolog",
    "check_value",
    "current_run",
    "define_metric",
    "finish",
    "init",
    "keras_callback",
    "lightgbm_callback",
    "lightning_logger",
    "log",
    "log_artifact",
    "log_booster",
    "open_store",
    "query",
    "read",
    "run_many",
    "run_notebook",
    "save",
    "sklearn_callback",
    "unwatch",
    "use_artifact",
    "watch",
    "xgboost_callback",
]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    if name in _OF_THE_RUN:
        from mlops_lit.track.run import current_run

        return getattr(current_run(), name)
    if name.startswith("__"):
        raise AttributeError(f"module 'mlops_lit' has no attribute {name!r}")
    from mlops_lit.track.dropin import dropin_name  # What scripts written for W&B expect

    return dropin_name(name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", *_OF_THE_RUN])
