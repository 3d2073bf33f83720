"""Time each call of a tool's log: `log_calls.py TOOL CALLS`."""

import sys
from time import perf_counter_ns

from bench_tools import TOOLS, report, rows

tool, calls = TOOLS[sys.argv[1]](), int(sys.argv[2])
data = rows(calls)
spent = [0] * calls
tool.load()
log = tool.init()
begin = perf_counter_ns()
for step in range(calls):
    metrics = data[step]
    start = perf_counter_ns()
    log(metrics, step)
    spent[step] = perf_counter_ns() - start
logged = perf_counter_ns()
tool.finish()
end = perf_counter_ns()
report(ns=spent, logged_s=(logged - begin) / 1e9, finish_s=(end - logged) / 1e9)
