"""What the benchmarks share: each tool's interpreter, empty folders, tables, and what machine this is."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
VENVS = HERE / ".venvs"
PEERS = [
    "trackio",
    "wandb",
    "mlflow",
    "tensorboardX",
    "aim",
    "dvc",
    "papermill",
    "fairlearn",
    "sliceline",
]  # Distributions, each with its venv
# Tool, as the tables name it -> the interpreter that has it; None: the one that runs the script
HOMES = {
    "raw write": None,
    "mlops_lit": None,
    "mlops_lit linked": None,
    "trackio": "trackio",
    "wandb offline": "wandb",
    "tensorboardX": "tensorboardX",
    "mlflow file": "mlflow",
    "mlflow sqlite": "mlflow",
    "aim": "aim",
    "dvc": "dvc",
    "papermill": "papermill",
    "fairlearn": "fairlearn",
    "sliceline": "sliceline",
}
MARK = "RESULT "  # Begins the line of standard output that holds a snippet's result


def python_of(tool: str) -> Path:
    """The interpreter that has the tool."""
    peer = HOMES[tool]
    return VENVS / peer / "bin" / "python" if peer else Path(sys.executable)


def present(tools: Sequence[str]) -> list[str]:
    """Those of the tools that are installed; says on standard error which are left out."""
    found = [tool for tool in tools if tool not in HOMES or python_of(tool).exists()]
    for tool in tools:
        if tool not in found:
            print(
                f"{tool} is left out: run `python benchmarks/peers.py` to install it.",
                file=sys.stderr,
            )
    return found


def environment(folder: Path) -> dict[str, str]:
    """This process's environment, with every tool kept local and quiet."""
    home = VENVS / "home"
    home.mkdir(parents=True, exist_ok=True)
    unset = ("MLOPS_LIT_", "WANDB_", "MLFLOW_", "TRACKIO_", "AIM_", "DVC_", "PYTHONPATH")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(unset)}
    return {
        **kept,
        "HOME": str(home),  # Where tools keep settings: not in the user's own home
        "TRACKIO_DIR": str(folder / "trackio"),
        "WANDB_MODE": "offline",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_DATA_DIR": str(folder / "wandb-data"),
        "WANDB_CACHE_DIR": str(folder / "wandb-cache"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "DVC_NO_ANALYTICS": "true",
        "DVC_SITE_CACHE_DIR": str(folder / "dvc-site"),
        "DVC_GLOBAL_CONFIG_DIR": str(home / "dvc"),
        "DVC_SYSTEM_CONFIG_DIR": str(home / "dvc"),
        "DO_NOT_TRACK": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }


def command(tool: str, snippet: str, *arguments: Any) -> list[str]:
    """The command line that runs `snippets/<snippet>.py` for the tool."""
    script = HERE / "snippets" / f"{snippet}.py"
    return [str(python_of(tool)), str(script), tool, *map(str, arguments)]


def run_snippet(tool: str, snippet: str, *arguments: Any, folder: Path) -> dict[str, Any]:
    """What the snippet reported; it runs as a process of its own, in `folder`."""
    done = subprocess.run(
        command(tool, snippet, *arguments),
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(
            f"{snippet}.py failed for {tool}:\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
        )
    return find_result(done.stdout)


def each(tools: Sequence[str], measure: Callable[[str], Any]) -> dict[str, Any]:
    """Tool -> what `measure` found; a tool that is missing or fails is reported and left out."""
    found = {}
    for tool in present(tools):
        try:
            found[tool] = measure(tool)
        except (RuntimeError, OSError) as error:
            print(f"{tool} is left out: {error}", file=sys.stderr)
    return found


def find_result(output: str) -> dict[str, Any]:
    """The result among whatever else a tool printed."""
    lines = [line for line in output.splitlines() if line.startswith(MARK)]
    if not lines:
        raise RuntimeError(f"The snippet reported nothing:\n{output[-2000:]}")
    return json.loads(lines[-1].removeprefix(MARK))


@contextlib.contextmanager
def empty_folder() -> Iterator[Path]:
    """A new folder, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def number(value: float | None, digits: int = 3) -> str:
    """The number with so many significant digits, thousands separated; None as a dash, the tiny as such."""
    if value is None:
        return "-"
    if value == 0 or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if abs(value) >= 0.001 else "<0.001"


def ratio(value: float | None, base: float | None) -> str:
    """How many times `base` the value is."""
    return "-" if value is None or not base else f"{number(value / base, 2)}x"


def goal(
    value: float | None = None, at_most: float | None = None, at_least: float | None = None
) -> list[str]:
    """What is to be reached, and whether it was: the cells of two columns; dashes without a goal."""
    if value is None or (at_most is None and at_least is None):
        return ["-", "-"]
    if at_most is not None:
        return [f"<= {at_most:,g}", "yes" if value <= at_most else "no"]
    return [f">= {at_least:,g}x", "yes" if value >= (at_least or 0) else "no"]


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its columns aligned so that a terminal shows it well too."""
    widths = [max(len(row[i]) for row in [headers, *rows]) for i in range(len(headers))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if i == 0 else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join([line(headers), line(rule), *map(line, rows)])


def versions() -> dict[str, str]:
    """Version of mlops_lit and of each peer that is installed."""
    found = {}
    for tool, peer in HOMES.items():
        name = peer or "mlops_lit"
        if tool == "raw write" or name in found or not python_of(tool).exists():
            continue
        code = f"from importlib.metadata import version; print(version({name!r}))"
        done = subprocess.run(
            [str(python_of(tool)), "-c", code], capture_output=True, text=True, check=True
        )
        found[name] = done.stdout.strip()
    return found


def machine() -> str:
    """Processor, cores, memory, system, Python and versions, a line each."""
    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), cpu)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    tools = ", ".join(f"{name} {version}" for name, version in versions().items())
    return "\n".join(
        [
            f"- Processor: {cpu}, {os.cpu_count()} cores; {memory:.0f} GiB of memory",
            f"- System: {platform.system()} {platform.release()}, Python {platform.python_version()}",
            f"- Load average at the start: {os.getloadavg()[0]:.2f}",
            f"- Versions: {tools}",
        ]
    )
