"""What a page about settings cannot show well: the environment of a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("variable", "expected"),
    [("MLOPS_LIT_STORE", "elsewhere"), ("MLOPS_LIT_SITE", "public")],
)
def test_environment_overrides_the_file(tmp_path: Path, variable: str, expected: str):
    (tmp_path / "settings.ini").write_text("[mlops_lit]\nproject = churn\n")
    code = "from mlops_lit.settings import load_settings; s = load_settings(); print(s.store); print(s.site)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, variable: expected},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path / expected) in done.stdout.splitlines()
