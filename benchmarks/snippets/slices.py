"""Search for slices and time it: `slices.py TOOL ROWS DEPTH TIMES`."""

import resource
import sys
from time import perf_counter

import numpy as np
import pandas as pd
from bench_tools import report

COLUMNS, LEVELS, ALPHA, TOP = 20, 5, 0.95, 3
tool, n, depth, times = sys.argv[1], *map(int, sys.argv[2:5])
rng = np.random.default_rng(0)
codes = rng.integers(0, LEVELS, (n, COLUMNS))
frame = pd.DataFrame(codes, columns=[f"x{i}" for i in range(COLUMNS)]).astype("int8")
loss = rng.exponential(1, n) * np.where(codes[:, 2] == 3, 2.0, 1.0)
loss *= np.where((codes[:, 0] == 1) & (codes[:, 1] == 2), 6.0, 1.0)  # Two places to find
min_rows = max(32, n // 100)  # SliceLine's own default
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def search_mlops_lit():
    """The best slices by SliceLine's score; the cutting of the columns is part of the time."""
    from mlops_lit.evaluate.slice_search import find_slices

    found = find_slices(
        frame, list(frame), loss, depth=depth, min_rows=min_rows,
        rank_by="sliceline", alpha=ALPHA, max_p=1, prune=False, top=TOP,
    ).found  # fmt: skip
    return [[sorted(map(list, one.conditions)), round(one.score, 9)] for one in found]


def search_sliceline():
    """The same by the peer."""
    from sliceline import Slicefinder

    finder = Slicefinder(alpha=ALPHA, k=TOP, max_l=depth, min_sup=min_rows, verbose=False)
    finder.fit(frame.to_numpy(), loss)
    scores = [statistics["slice_score"] for statistics in finder.top_slices_statistics_]
    slices = [
        sorted([f"x{i}", str(value)] for i, value in enumerate(one) if value is not None)
        for one in finder.top_slices_
    ]
    return [[one, round(float(score), 9)] for one, score in zip(slices, scores, strict=True)]


search = {"mlops_lit": search_mlops_lit, "sliceline": search_sliceline}[tool]
spent = []
for _ in range(times):
    begin = perf_counter()
    found = search()
    spent.append(perf_counter() - begin)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
report(seconds=min(spent), peak_mb=peak / 1024, added_mb=(peak - before) / 1024, found=found)
