"""Log without end and acknowledge each returned call by a byte: `acknowledge.py TOOL DESCRIPTOR`."""

import os
import sys

from bench_tools import TOOLS, rows

tool, pipe = TOOLS[sys.argv[1]](), int(sys.argv[2])
data = rows(1000)
tool.load()
log = tool.init()
step = 0
while True:
    log(data[step % 1000], step)
    os.write(pipe, b".")
    step += 1
