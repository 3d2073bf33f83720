"""Modules and pages are in step: nbdev exports the same module from the notebook."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_every_page_has_its_module():
    pages = [path for path in (ROOT / "nbs").glob("[0-9]*.ipynb")]
    modules = {path.stem for path in (ROOT / "__package__").glob("*.py")}
    assert {page.stem.split("_", 1)[1] for page in pages} <= modules
