"""Where the notebooks of the comparison come from: those made here, and those that papermill and nbclient test themselves with."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from .compare import Source
from .notebooks import NOTEBOOKS, Notebook

DISTRIBUTIONS = ["papermill==2.7.0", "nbclient==0.11.0"]
# What the distributions' own tests pass along, or interrupt: seconds for each cell, and parameters
TIMEOUTS = {
    "Interrupt": 2,
    "keyboard_interrupt": 2,
    "Parallel Execute A": 20,
    "Parallel Execute B": 20,
}
PARAMETERS = {
    "simple_execute": {"msg": "Hello"},
    "complex_parameters": {"foo": 0.9, "bar": ["hello", "wörld"], "baz": 13},
    "no_parameters": {"msg": "Hello"},
}


def made_here() -> list[Source]:
    "The notebooks of this folder whose modules are installed."
    return [_source(notebook) for notebook in NOTEBOOKS if not missing(notebook)]


def missing(notebook: Notebook) -> list[str]:
    "Modules that a notebook needs and that are not installed."
    return [name for name in notebook.needs if importlib.util.find_spec(name) is None]


def _source(notebook: Notebook) -> Source:
    files = {name: text.encode() for name, text in notebook.files.items()}
    content = json.dumps(notebook.as_json()).encode()
    return Source(
        notebook.name, content, notebook.parameters, timeout_s=notebook.timeout_s, files=files
    )


def download(folder: Path) -> None:
    "Get the source distributions, where they are not there yet."
    folder.mkdir(parents=True, exist_ok=True)
    for requirement in DISTRIBUTIONS:
        name, version = requirement.split("==")
        if not (folder / f"{name}-{version}.tar.gz").exists():
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            options = ["--no-binary", name, "--dest", str(folder)]
            subprocess.run([*pip, *options, requirement], check=True)


def from_distributions(folder: Path) -> Iterator[Source]:
    "The notebooks for Python in the downloaded distributions, each with the small files beside it."
    for path in sorted(folder.glob("*.tar.gz")):
        with tarfile.open(path) as archive:
            files = {
                member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
                for member in archive.getmembers()
                if member.isfile() and "/tests/" in member.name
            }
        for name, content in sorted(files.items()):
            if name.endswith(".ipynb") and _is_python(content):
                yield _packed(name, content, files)


def _packed(name: str, content: bytes, files: dict[str, bytes]) -> Source:
    folder, _, stem = name.removesuffix(".ipynb").rpartition("/")
    beside = {
        each.rpartition("/")[2]: data
        for each, data in files.items()
        if each.rpartition("/")[0] == folder and not each.endswith((".ipynb", ".py"))
    }
    kernel = json.loads(content)["metadata"].get("kernelspec", {}).get("name")
    return Source(
        f"{name.partition('-')[0]}: {stem}",
        content,
        PARAMETERS.get(stem, {}),
        None if kernel == "python3" else "python3",
        TIMEOUTS.get(stem),
        beside,
    )


def _is_python(content: bytes) -> bool:
    metadata = json.loads(content)["metadata"]
    kernel = metadata.get("kernelspec", {})
    return kernel.get("language", "python") == "python"
