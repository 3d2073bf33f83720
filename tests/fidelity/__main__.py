"""Compare papermill's own engine with another one: `python -m tests.fidelity --engine mlops_lit`, some minutes on two cores.

Both engines run in the environment of the interpreter that runs this. Notebooks that need a module it does not have are left out.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from .compare import Comparison, run_comparison
from .known import explained
from .notebooks import NOTEBOOKS
from .sources import download, from_distributions, made_here, missing

CACHE = Path(tempfile.gettempdir()) / "fidelity-distributions"


def report(comparisons: list[Comparison], shown: int) -> int:
    "Print the table and the differences; how many nobody has explained."
    width = max(len(each.notebook) for each in comparisons)
    print(
        f"| {'notebook':{width}} | places | equal | differing | unstable | standard s | other s |"
    )
    print(f"| {'-' * width} | -----: | ----: | --------: | -------: | ---------: | ------: |")
    for each in comparisons:
        unstable = len(each.differences) - each.differing
        a, b = each.seconds
        print(
            f"| {each.notebook:{width}} | {each.places:6} | {each.equal:5} | {each.differing or '':9} "
            f"| {unstable or '':8} | {a:10.2f} | {b:7.2f} |"
        )
    total = [
        sum(getattr(c, name) for c in comparisons) for name in ("places", "equal", "differing")
    ]
    print(
        f"\n{len(comparisons)} notebooks, {total[0]} places, {total[1]} equal, {total[2]} differ,"
    )
    print(
        f"{total[0] - total[1] - total[2]} differ where the standard engine is unstable itself.\n"
    )
    reasons: Counter[str] = Counter()
    for each in comparisons:
        for difference in each.differences:
            reason = explained(difference) if difference.stable else "unstable by itself"
            reasons[reason or "UNEXPLAINED"] += 1
            print(f"## {each.notebook}, {difference.cell}: {reason or 'UNEXPLAINED'}")
            print("\n".join(["", *("    " + line for line in difference.lines[:shown]), ""]))
            if len(difference.lines) > shown:
                print(f"    ... {len(difference.lines) - shown} more lines\n")
    for reason, count in reasons.most_common():
        print(f"{count:4}  {reason}")
    return reasons["UNEXPLAINED"]


def main() -> None:
    "Run the comparison."
    parser = argparse.ArgumentParser(prog="python -m tests.fidelity", description=__doc__)
    parser.add_argument("--engine", default="mlops_lit", help="a name, or module:Class")
    parser.add_argument("--only", default="", help="regular expression for names of notebooks")
    parser.add_argument("--no-distributions", action="store_true", help="only those made here")
    parser.add_argument("--standard-runs", type=int, default=2, help="to know what is unstable")
    parser.add_argument("--lines", type=int, default=12, help="of each difference")
    parser.add_argument(
        "--keep", type=Path, help="a folder for results; the standard engine's in it are used again"
    )
    arguments = parser.parse_args()
    sources = made_here()
    for notebook in NOTEBOOKS:
        if lacking := missing(notebook):
            print(f"{notebook.name} is left out: no {', '.join(lacking)}", file=sys.stderr)
    if not arguments.no_distributions:
        download(CACHE)
        sources += from_distributions(CACHE)
    sources = [each for each in sources if re.search(arguments.only, each.name)]
    with tempfile.TemporaryDirectory(prefix="fidelity-") as scratch:
        place = (arguments.keep or Path(scratch)).resolve()
        place.mkdir(parents=True, exist_ok=True)
        comparisons = run_comparison(
            sources, arguments.engine, place, standard_runs=arguments.standard_runs
        )
    sys.exit(1 if report(comparisons, arguments.lines) else 0)


if __name__ == "__main__":
    main()
