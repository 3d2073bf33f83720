"""One class per tool, all with the same five steps; the code a snippet runs inside a tool's interpreter.

Each tool is used as its documentation says, with its defaults, offline, in the working directory.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

METRICS = 10
Log = Callable[[dict[str, float], int], Any]  # Takes the metrics and the number of the call


def report(**values: Any) -> None:
    """Print what the snippet found, on a line that the script can tell from a tool's own."""
    sys.stdout.flush()
    os.write(1, f"\nRESULT {json.dumps(values)}\n".encode())


def rows(count: int) -> list[dict[str, float]]:
    """Metrics of so many calls; made before the clock starts, and no two alike."""
    return [{f"m{j}": i + j / 7 for j in range(METRICS)} for i in range(count)]


class Tool:
    """What the benchmarks ask of a tool."""

    def load(self) -> None:
        """Import it."""

    def init(self, name: str = "x") -> Log:
        """Open a run; the function that logs one call."""
        raise NotImplementedError

    def finish(self) -> None:
        """Close the run."""

    def count(self) -> int:
        """Calls whose last metric can be read back from the working directory, over all runs."""
        raise NotImplementedError


class RawWrite(Tool):
    """No tool: one JSON line, one system call. Nothing that keeps the line outside the process is faster."""

    def load(self) -> None:
        import orjson

        self.dumps = orjson.dumps

    def init(self, name: str = "x") -> Log:
        dumps, write = self.dumps, os.write
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self.file = file = os.open(f"{name}.jsonl", flags, 0o666)
        return lambda metrics, step: write(file, dumps(metrics) + b"\n")

    def finish(self) -> None:
        os.close(self.file)

    def count(self) -> int:
        return sum(path.read_bytes().count(b"\n") for path in Path().glob("*.jsonl"))


class MlopsLit(Tool):
    """This project: `init`, `log`, `finish`, and the store's own reader."""

    def load(self) -> None:
        import mlops_lit

        self.api = mlops_lit
        assert mlops_lit.init  # The package imports its parts when they are first asked for

    def init(self, name: str = "x") -> Log:
        self.run = self.api.init(project="bench", name=name, dir="store")
        log = self.run.log
        return lambda metrics, step: log(metrics)

    def finish(self) -> None:
        self.run.finish()

    def count(self) -> int:
        store = self.api.open_store("store")
        return sum(len(store.history(run)) for run in store.runs()["id"])


class Trackio(Tool):
    """Trackio on a local folder; read back with its own SQLite storage."""

    def load(self) -> None:
        import trackio

        self.api = trackio

    def init(self, name: str = "x") -> Log:
        self.run = self.api.init(project="bench", name=name)
        log = self.run.log
        return lambda metrics, step: log(metrics)

    def finish(self) -> None:
        self.api.finish()

    def count(self) -> int:
        from trackio.sqlite_storage import SQLiteStorage

        runs = SQLiteStorage.get_run_records("bench")
        return sum(
            SQLiteStorage.get_log_count("bench", run=r["name"], run_id=r["id"]) for r in runs
        )


class Wandb(Tool):
    """W&B offline; read back from the `.wandb` file, a LevelDB log of W&B's own messages."""

    def load(self) -> None:
        import wandb

        self.api = wandb

    def init(self, name: str = "x") -> Log:
        self.run = self.api.init(project="bench", name=name, mode="offline")
        log = self.run.log
        return lambda metrics, step: log(metrics)

    def finish(self) -> None:
        self.run.finish()

    def count(self) -> int:
        from wandb.proto import wandb_internal_pb2

        found = 0
        for path in Path("wandb").glob("offline-run-*/*.wandb"):
            for data in leveldb_records(path.read_bytes()):
                record = wandb_internal_pb2.Record.FromString(data)
                if record.WhichOneof("record_type") == "history":
                    keys = {item.key or "/".join(item.nested_key) for item in record.history.item}
                    found += f"m{METRICS - 1}" in keys
        return found


def leveldb_records(data: bytes) -> Iterator[bytes]:
    """The whole records of a LevelDB log that begins with a header of seven bytes, as W&B writes it."""
    block, position, begun = 32768, 7, b""
    while position + 7 <= len(data):
        if block - position % block < 7:  # Too short for a record's header: filled with zeros
            position += block - position % block
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        piece = data[position + 7 : position + 7 + length]
        if kind == 0 or len(piece) < length:
            return
        position += 7 + length
        begun = begun + piece if kind in (3, 4) else piece
        if kind in (1, 4):  # Whole, or the last piece of one
            yield begun


class TensorboardX(Tool):
    """tensorboardX: one scalar per metric; read back as the event file's framed messages."""

    def load(self) -> None:
        import tensorboardX

        self.api = tensorboardX

    def init(self, name: str = "x") -> Log:
        self.writer = self.api.SummaryWriter(f"runs/{name}")
        add = self.writer.add_scalar

        def log(metrics: dict[str, float], step: int) -> None:
            for key, value in metrics.items():
                add(key, value, step)

        return log

    def finish(self) -> None:
        self.writer.close()

    def count(self) -> int:
        from tensorboardX.proto.event_pb2 import Event

        found = 0
        for path in Path("runs").glob("*/events.*"):
            data, position = path.read_bytes(), 0
            while position + 12 <= len(data):
                (length,) = struct.unpack_from("<Q", data, position)
                if position + 16 + length > len(data):
                    break
                event = Event.FromString(data[position + 12 : position + 12 + length])
                found += any(value.tag == f"m{METRICS - 1}" for value in event.summary.value)
                position += 16 + length
        return found


class Mlflow(Tool):
    """MLflow with its fluent calls, synchronous as by default; read back through its client."""

    uri = ""

    def load(self) -> None:
        import mlflow

        self.api = mlflow

    def init(self, name: str = "x") -> Log:
        self.api.set_tracking_uri(self.uri)
        self.api.set_experiment("bench")
        self.api.start_run(run_name=name)
        log = self.api.log_metrics
        return lambda metrics, step: log(metrics, step=step)

    def finish(self) -> None:
        self.api.end_run()

    def count(self) -> int:
        client = self.api.MlflowClient(tracking_uri=self.uri)
        experiment = client.get_experiment_by_name("bench")
        if experiment is None:
            return 0
        runs = client.search_runs([experiment.experiment_id])
        return sum(len(client.get_metric_history(r.info.run_id, f"m{METRICS - 1}")) for r in runs)


class MlflowFile(Mlflow):
    """MLflow's file store, which version 3 only keeps for those who ask for it."""

    uri = "mlruns"


class MlflowSqlite(Mlflow):
    """MLflow's default of version 3."""

    uri = "sqlite:///mlflow.db"


class Aim(Tool):
    """Aim; read back from the RocksDB of each run with Aim's own binding.

    Its `Repo.iter_runs` and `Run.metrics` gave nothing back where these benchmarks were tried, not even after a clean finish.
    """

    def load(self) -> None:
        import aim

        self.api = aim

    def init(self, name: str = "x") -> Log:
        self.run = self.api.Run(repo=".", experiment="bench")
        self.run.name = name
        track = self.run.track
        return lambda metrics, step: track(metrics, step=step)

    def finish(self) -> None:
        self.run.close()

    def count(self) -> int:
        import aimrocks

        key, found = f"m{METRICS - 1}".encode(), 0
        for path in Path(".aim/seqs/chunks").iterdir():
            options = aimrocks.Options(create_if_missing=False)
            keys = aimrocks.DB(str(path), options, read_only=True).iterkeys()
            keys.seek_to_first()
            values = sum(b"\xfe" + key + b"\xfeval\xfe" in found_key for found_key in keys)
            found += max(0, values - 1)  # One key heads the sequence
        return found


TOOLS: dict[str, type[Tool]] = {
    "raw write": RawWrite,
    "mlops_lit": MlopsLit,
    "trackio": Trackio,
    "wandb offline": Wandb,
    "tensorboardX": TensorboardX,
    "mlflow file": MlflowFile,
    "mlflow sqlite": MlflowSqlite,
    "aim": Aim,
}
