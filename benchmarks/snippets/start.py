"""Time import, init and finish in a new process: `start.py TOOL`."""

import sys
from time import perf_counter_ns

from bench_tools import TOOLS, report

tool = TOOLS[sys.argv[1]]()
begin = perf_counter_ns()
tool.load()
loaded = perf_counter_ns()
tool.init()
opened = perf_counter_ns()
tool.finish()
closed = perf_counter_ns()
report(
    import_s=(loaded - begin) / 1e9,
    init_s=(opened - loaded) / 1e9,
    finish_s=(closed - opened) / 1e9,
)
