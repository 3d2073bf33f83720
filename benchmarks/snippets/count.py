"""Count the calls that can be read back from the working directory: `count.py TOOL`."""

import sys

from bench_tools import TOOLS, report

tool = TOOLS[sys.argv[1]]()
tool.load()
report(readable=tool.count())
