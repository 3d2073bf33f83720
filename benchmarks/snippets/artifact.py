"""Keep a file or a folder as a version, or get it back, and time the calls: `artifact.py TOOL ADD|GET PATH`.

The tool is imported and its run is open before the clock starts. It stops when the tool is done: W&B hands over to a second process, so
closing the run is part of the time of both run-based tools. DVC has no run, and its command is called inside this process.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

from bench_tools import MlopsLit, Wandb, report


class MlopsLitArtifact(MlopsLit):
    """`Artifact.add_dir` or `add_file`, `run.log_artifact`; read back with `use_artifact` and `download`."""

    policy = "mutable"

    def add(self, path: Path) -> None:
        artifact = self.api.Artifact("data")
        put = artifact.add_dir if path.is_dir() else artifact.add_file
        put(path, policy=self.policy)
        self.run.log_artifact(artifact)
        self.run.finish()

    def get(self, path: Path) -> None:
        self.run.use_artifact("data").download(path)
        self.run.finish()


class MlopsLitLinked(MlopsLitArtifact):
    """The same for files that nobody will change."""

    policy = "immutable"


class WandbArtifact(Wandb):
    """The same calls of W&B offline, where nothing can be read back before it was synchronised."""

    def add(self, path: Path) -> None:
        artifact = self.api.Artifact("data", "dataset")
        put = artifact.add_dir if path.is_dir() else artifact.add_file
        put(str(path))
        self.run.log_artifact(artifact)
        self.run.finish()


class Dvc:
    """`dvc add` and, for a path that is missing, `dvc checkout`, in a repository without Git."""

    def load(self) -> None:
        from dvc.cli import main

        self.main = main

    def init(self) -> None:
        if not Path(".dvc").exists():
            self.call("init", "--no-scm")

    def call(self, *arguments: str) -> None:
        if code := self.main([*arguments, "--quiet"]):
            raise SystemExit(f"dvc {' '.join(arguments)} ended with {code}")

    def add(self, path: Path) -> None:
        self.call("add", str(path))

    def get(self, path: Path) -> None:
        self.call("checkout", f"{path}.dvc")


TOOLS = {
    "mlops_lit": MlopsLitArtifact,
    "mlops_lit linked": MlopsLitLinked,
    "wandb offline": WandbArtifact,
    "dvc": Dvc,
}
tool = TOOLS[sys.argv[1]]()
tool.load()
tool.init()
begin = perf_counter()
(tool.add if sys.argv[2] == "add" else tool.get)(Path(sys.argv[3]))
report(seconds=perf_counter() - begin)
