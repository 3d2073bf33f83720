"""Open a run and do nothing until a line comes in: `idle.py TOOL on|off`, the system metrics on or off."""

import sys

from bench_tools import TOOLS, report

tool, settings = TOOLS[sys.argv[1]](), {"x_disable_stats": sys.argv[2] == "off"}
tool.load()
if sys.argv[1] == "mlops_lit":
    run = tool.api.init(project="bench", name="idle", dir="store", settings=settings)
else:
    run = tool.api.init(project="bench", name="idle", mode="offline", settings=settings)
report(ready=True)
sys.stdin.readline()
run.finish()
