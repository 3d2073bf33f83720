"""Run every topic and write what they print to RESULTS.md: `python benchmarks/all.py`, about half an hour on two cores."""

from __future__ import annotations

import argparse
import datetime
import subprocess
import sys
import time

from bench import HERE, machine

TOPICS = [
    "log_calls",
    "start",
    "query",
    "writers",
    "artifacts",
    "tables",
    "lineage",
    "system_metrics",
    "engine",
    "kill",
    "groups",
    "discrimination",
    "slices",
]
QUICK = {
    "log_calls": ["--calls", "2000", "--killed-after", "500"],
    "start": ["--rounds", "3"],
    "query": ["--runs", "50", "--histories", "5", "--steps", "1000"],
    "writers": ["--steps", "200"],
    "artifacts": ["--files", "1000", "--large-bytes", "100000000", "--rounds", "2"],
    "tables": ["--rows", "20000", "--times", "2"],
    "lineage": ["--runs", "100", "--versions", "500", "--artifacts", "30"],
    "system_metrics": ["--seconds", "5"],
    "engine": ["--rounds=1", "--long-rounds=1", "--sets=3", "--rows=20000", "--notebooks=8"],
    "kill": ["--rounds", "20"],
    "groups": ["--rows=50000", "--boot-rows=5000", "--rounds=1", "--sizes", "50000", "100000"],
    "discrimination": ["--rows=50000", "--large-rows=100000", "--times=2", "--bootstraps=3"],
    "slices": ["--rows=5000", "--more-rows=20000"],
}


def run_topic(topic: str, options: list[str]) -> str:
    """What the topic printed; its complaints go to the terminal, and a failure is said in the text."""
    print(f"{topic} ...", file=sys.stderr, flush=True)
    begin = time.monotonic()
    command = [sys.executable, str(HERE / f"{topic}.py"), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    seconds = time.monotonic() - begin
    print(
        f"{topic}: exit code {done.returncode} after {seconds:.0f} s", file=sys.stderr, flush=True
    )
    failure = f"\n`{topic}.py` ended with exit code {done.returncode}.\n" if done.returncode else ""
    return done.stdout + failure


def main() -> None:
    """Run the topics and write the file."""
    parser = argparse.ArgumentParser(description="Run all benchmarks.")
    parser.add_argument(
        "topics", nargs="*", default=TOPICS, metavar="TOPIC", help=", ".join(TOPICS)
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, printed and not written")
    arguments = parser.parse_args()
    if unknown := set(arguments.topics) - set(TOPICS):
        parser.error(f"no such topic: {', '.join(sorted(unknown))}. There are {', '.join(TOPICS)}.")
    facts = f"{machine()}\n- Date: {datetime.datetime.now(datetime.UTC):%Y-%m-%d}\n"
    parts = [run_topic(t, QUICK[t] if arguments.quick else []) for t in arguments.topics]
    text = "\n".join(
        [
            "# Results",
            "",
            "Written by `python benchmarks/all.py`. [README.md](README.md) says what is measured and how.",
            "",
            facts,
            *parts,
        ]
    )
    if arguments.quick or arguments.topics != TOPICS:
        print(text)
    else:
        (HERE / "RESULTS.md").write_text(text.rstrip() + "\n")


if __name__ == "__main__":
    main()
