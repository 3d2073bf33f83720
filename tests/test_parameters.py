"""What the page on parameters cannot show well: every shipped report, hostile cells, what stays unimported."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from mlops_lit.errors import InputError
from mlops_lit.notebook.parameters import (
    MISSING,
    check_parameters,
    example,
    notebook_parameters,
    parse_parameters,
    read_notebook,
)
from mlops_lit.notebook.reports import package_folder, reports, title_and_description
from mlops_lit.notebook.values import resolve_type

SHIPPED = sorted(
    [*package_folder("reports").glob("*.ipynb"), *package_folder("demo").glob("*.ipynb")]
)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_report_explains_itself(path: Path):
    title, description = title_and_description(read_notebook(path))
    assert title, "The first cell begins with `# Title`."
    assert description, "Below the title stands `> one line`."
    for parameter in notebook_parameters(path):
        assert parameter.help, f"{parameter.name} has no comment that says what it means."
        resolve_type(parameter.type)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_defaults_of_every_shipped_report_fit(path: Path):
    parameters = notebook_parameters(path)
    required = {p.name: example(p) for p in parameters if p.default is MISSING}
    assert set(check_parameters(parameters, required, path.name)) == {p.name for p in parameters}


def test_nothing_in_a_parameters_cell_runs(tmp_path: Path):
    evidence = tmp_path / "ran"
    touch = f"__import__('pathlib').Path({str(evidence)!r}).touch()"
    for cell in (
        f"x: str = {touch}",
        f"x: list[{touch}] = []",
        f"{touch}",
        f"x = [{touch}]",
        f"x: 'list[{touch}]' = []",
    ):
        with pytest.raises(InputError):
            check_parameters(parse_parameters(cell, "hostile.ipynb"), {}, "hostile.ipynb")
    assert not evidence.exists()


@pytest.mark.parametrize(
    ("declared", "given", "message"),
    [
        ("n: int = 1", "0.5", "not a whole number"),
        ("n: int = 1", "", "not a whole number"),
        ("n: int = 1", None, "not a whole number"),
        ("n: int = 1", [1], "not a whole number"),
        ("n: float = 1.0", True, "not a number"),
        ("n: bool = True", "perhaps", "not true or false"),
        ("n: list[int] = [1]", "1,two", "not of type list"),
        ("n: list[int] = [1]", {"a": 1}, "not of type list"),
        ("n: dict[str, int] = {}", "a=1", "not of type dict"),
        ("n: Literal['a', 'b'] = 'a'", "c", "not one of ['a', 'b']"),
        ("n: date = date(2026, 1, 1)", "2026-02-30", "not of type date"),
        ("n: str = 'x'", 5, "not of type str"),
        ("n: int | None = None", "x", "not of type int | None"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(declared: str, given: object, message: str):
    with pytest.raises(InputError) as error:
        check_parameters(parse_parameters(declared), {"n": given}, "x.ipynb")
    text = str(error.value)
    assert message in text
    assert text.startswith(f"x.ipynb: n={given!r}")
    assert re.search("Pass for example -p '?n=", text)
    assert "\n" not in text


def test_inspecting_a_notebook_imports_nothing_heavy(tmp_path: Path):
    cell = nbformat.v4.new_code_cell("n: int = 1", metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "x.ipynb")
    code = (
        "import sys; from pathlib import Path; from mlops_lit.notebook.parameters import notebook_parameters as p;"
        "p(Path('x.ipynb')); heavy = {'pandas', 'papermill', 'pydantic', 'nbformat', 'sklearn', 'altair'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_reports_are_found_from_a_subfolder(tmp_path: Path):
    (tmp_path / "settings.ini").write_text("[mlops_lit]\n")
    own = tmp_path / "nbs/reports/own.ipynb"
    own.parent.mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(), own)
    assert reports(own.parent)[0].path == own
