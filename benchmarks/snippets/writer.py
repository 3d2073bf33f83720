"""Write runs once a file `go` appears: `writer.py TOOL NAME RUNS STEPS`; the work of one process."""

import sys
import time
from pathlib import Path

from bench_tools import TOOLS, report, rows

tool, name, runs, steps = TOOLS[sys.argv[1]](), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
data, errors, message = rows(steps), 0, ""
tool.load()
Path(f"ready-{name}").touch()
while not Path("go").exists():
    time.sleep(0.001)
begin = time.monotonic()
for run in range(runs):
    try:
        log = tool.init(f"{name}-{run}")
    except Exception as error:
        errors, message = errors + steps, repr(error)[:300]
        continue
    for step in range(steps):
        try:
            log(data[step], step)
        except Exception as error:
            errors, message = errors + 1, repr(error)[:300]
    tool.finish()
report(begin=begin, end=time.monotonic(), errors=errors, message=message)
