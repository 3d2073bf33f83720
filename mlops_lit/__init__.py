"""Literate MLOps: notebooks are the package, its tests, its reports and its site.

`import mlops_lit as lit` imports almost nothing; each name below is loaded when it is first used.
"""

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
