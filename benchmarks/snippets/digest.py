"""Time BLAKE3 of a file on all cores, and nothing else: `digest.py TOOL PATH`."""

import sys
from time import perf_counter

from bench_tools import report
from blake3 import blake3

begin = perf_counter()
blake3(max_threads=blake3.AUTO).update_mmap(sys.argv[2]).hexdigest()
report(calls=perf_counter() - begin)
