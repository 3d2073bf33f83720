"""The lineage of a model: `lineage.py TOOL fill RUNS VERSIONS ARTIFACTS`, or `lineage.py TOOL WAY TIMES`.

The ways: `store` asks mlops_lit, `files` reads each run.json, `networkx` reads them too and builds that library's graph.
"""

import json
import random
import sys
from pathlib import Path
from time import perf_counter

from bench_tools import TOOLS, report

tool, what = TOOLS[sys.argv[1]](), sys.argv[2]
tool.load()
FOLDER = Path("store").absolute()


def fill(runs, versions, artifacts):
    """Runs that each make some versions and use up to five of the 200 before them."""
    random.seed(1)
    store, made = tool.api.open_store(FOLDER), []
    for i in range(runs):
        inputs = [
            {"kind": "artifact", "name": v.name, "version": v.version, "digest": v.digest}
            for v in random.sample(made[-200:], min(5, len(made)))
        ]
        new = []
        for j in range(versions // runs):
            name = f"model{random.randrange(artifacts)}"
            new.append(store.put_artifact(name, {"x": f"{i} {j}".encode()}))
        outputs = [{"name": v.name, "version": v.version, "digest": v.digest} for v in new]
        facts = {"name": f"run{i}", "status": "finished", "inputs": inputs, "outputs": outputs}
        facts["config"] = {f"option{j}": j for j in range(10)}
        facts["summary"] = {f"metric{j}": random.random() for j in range(40)}
        store.create_run({**facts, "started_at": "2026-11-23T00:00:00+00:00"})
        made += new
    (FOLDER.parent / "node").write_text(made[-1].ref)


def edges():
    """Source and target of each edge, read from the records."""
    for path in sorted(Path(FOLDER, "runs").glob("*/run.json")):
        record = json.loads(path.read_bytes())
        for entry in record["inputs"]:
            yield f"{entry['name']}:{entry['version']}", record["id"]
        for entry in record["outputs"]:
            yield record["id"], f"{entry['name']}:{entry['version']}"


def ask_store(node):
    """How many nodes came before, as mlops_lit says; the check that the catalog is current is part of it."""
    return len(tool.api.open_store(FOLDER).lineage(node, "upstream").nodes)


def ask_files(node):
    """The same from the files alone."""
    before = {}
    for source, target in edges():
        before.setdefault(target, []).append(source)
    found, waiting = {node}, {node}
    while waiting:
        waiting = {b for n in waiting for b in before.get(n, ())} - found
        found |= waiting
    return len(found)


def ask_networkx(node):
    """The same with networkx."""
    import networkx

    return len(networkx.ancestors(networkx.DiGraph(edges()), node)) + 1


if what == "fill":
    begin = perf_counter()
    fill(*map(int, sys.argv[3:6]))
    report(seconds=perf_counter() - begin)
else:
    node = (FOLDER.parent / "node").read_text()
    ask = {"store": ask_store, "files": ask_files, "networkx": ask_networkx}[what]
    spent = []
    for _ in range(int(sys.argv[3])):
        begin = perf_counter()
        nodes = ask(node)
        spent.append(perf_counter() - begin)
    report(seconds=spent, nodes=nodes)
