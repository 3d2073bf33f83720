"""Does another engine give what papermill's own gives? `python -m tests.fidelity --help` says how to ask."""
