"""What pages about the site cannot show well: a whole project built, hostile values, two builders, Quarto."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import mlops_lit as lit
from mlops_lit.errors import InputError
from mlops_lit.site import build, render
from mlops_lit.site.build import build_site
from mlops_lit.site.charts import charts_script
from mlops_lit.site.stage import code_cell, markdown_cell

pytest.importorskip("pypandoc")
pytest.importorskip("vl_convert")

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>"
SPEC = {
    "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
    "data": {"values": [{"name": "</script><script>alert(2)</script>", "n": 1}]},
    "mark": "bar",
    "encoding": {"x": {"field": "n", "type": "quantitative"}},
}
DIALECT = """
## Callouts {#sec-callouts}

::: {.callout-warning}
## Small groups
Intervals are *wide*.
:::

::: {.callout-note collapse="true" title="Folded"}
Inside.
:::

::: {.panel-tabset}
### Python
```python
x = 1
```

### Table
| group | rate |
|---|---|
| a | 0.7 |

: Rates {#tbl-rates}

::: {.callout-tip}
In a tab.
:::
:::

$$\\frac{a}{b}$$ {#eq-ratio}

See @tbl-rates, @fig-bars, @eq-ratio, @sec-callouts and [-@fig-bars].
"""


def shown(source: str, **outputs: object) -> dict:
    "A code cell with one output per MIME type."
    data = {kind.replace("__", "/").replace("_", "."): value for kind, value in outputs.items()}
    result = [{"output_type": "display_data", "data": data, "metadata": {}}] if data else []
    return code_cell(source, result)


def write_notebook(path: Path, *cells: dict) -> None:
    "A notebook file of these cells."
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.v4.new_notebook()
    path.write_text(json.dumps({**notebook, "cells": list(cells)}))


@pytest.fixture(scope="session")
def packed_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "The charts' script, packed once for all tests."
    return charts_script(tmp_path_factory.mktemp("charts"))


@pytest.fixture
def project(tmp_path: Path, packed_script: Path) -> Path:
    "A project with a dialect page, in a folder with a space in its name."
    root = tmp_path / "my project"
    cache = root / "_proc" / ".cache"
    cache.mkdir(parents=True)
    shutil.copy(packed_script, cache)
    (root / "settings.ini").write_text("[mlops_lit]\nproject = loans\n")
    (root / "_quarto.yml").write_text(
        "website:\n"
        "  title: Loans\n"
        "  navbar:\n    left:\n      - {text: Docs, href: index.ipynb}\n      - {text: Runs, href: runs/index.qmd}\n"
        "  sidebar:\n    contents:\n      - index.ipynb\n      - section: Rooms\n        contents: rooms/*\n"
        "format: {html: {toc: true}}\n"
    )
    chart = {"output_type": "display_data", "data": {"application/vnd.vegalite.v6+json": SPEC}}
    write_notebook(
        root / "nbs/index.ipynb",
        markdown_cell("# The `loans` project\n\n> All of it."),
        markdown_cell(DIALECT),
        code_cell("#| label: fig-bars\n#| fig-cap: The *bars*\n#| echo: false\nplot()", [chart]),
        code_cell("#| code-fold: true\nfolded = 1"),
        code_cell("#| include: false\nnever_shown = 1"),
        code_cell("#| hide\nhidden_test = 1"),
        code_cell(
            "#| output: false\nx", [{"output_type": "stream", "name": "stdout", "text": "gone"}]
        ),
        markdown_cell("::: {.callout-tip}\nOpened in one cell,"),
        code_cell(
            "#| echo: false\n1", [{"output_type": "stream", "name": "stdout", "text": "shown ```"}]
        ),
        markdown_cell("closed in another.\n:::"),
        markdown_cell("Look at `mean_rate` in [rates](rooms/01_rates.ipynb#notes)."),
    )
    write_notebook(
        root / "nbs/rooms/01_rates.ipynb",
        code_cell("#| default_exp rates"),
        markdown_cell("# Rates"),
        code_cell(
            '#| export\ndef mean_rate(\n    rates: list[float],  # Between 0 and 1 | or <none>\n) -> float:\n    "Their mean."\n    return sum(rates) / len(rates)'
        ),
        markdown_cell("## Notes\n\nText."),
    )
    return root


def built(root: Path) -> build.SiteResult:
    "The project's site by the built-in renderer."
    return build_site(root, renderer="built-in")


def page(result: build.SiteResult, name: str) -> str:
    "One page of a site."
    return (result.folder / name).read_text()


def executed_run(root: Path, name: str = "audit", error: bool = False) -> str:
    "A run whose folder holds an executed notebook; its id."
    with lit.init(name=name, dir=str(root / ".mlops")) as run:
        run.log({"roc_auc": 0.8})
        run.check("better than guessing", 0.8, at_least=0.5)
    record = json.loads((run.folder / "run.json").read_text())
    record |= {"notebook": {"name": name, "path": f"nbs/reports/{name}.ipynb", "digest": "0"}}
    record |= {"params": {"threshold": 0.5}, "project": "loans"}
    if error:
        record |= {"status": "failed", "error": {"cell": 2, "name": "KeyError", "message": HOSTILE}}
    (run.folder / "run.json").write_text(json.dumps(record))
    tagged = {
        **code_cell("threshold: float = 0.5  # Where a yes begins"),
        "metadata": {"tags": ["parameters"]},
    }
    write_notebook(
        run.folder / "notebook.ipynb",
        markdown_cell("# Bias audit\n\n> Who is selected?"),
        tagged,
        markdown_cell("## Zygomorphic selection"),
        shown("show(frame)", text__html="<table><tr><th>n</th></tr><tr><td>12</td></tr></table>"),
    )
    return run.id


def test_the_dialect(project: Path):
    result = built(project)
    assert result.warnings == []
    text = page(result, "index.html")
    assert '<aside class="callout callout-warning">' in text
    assert "Small groups" in text
    assert "<details" in text
    assert "Folded" in text
    assert text.count('role="tab"') == 2
    assert '<aside class="callout callout-tip">' in text
    assert "<math" in text
    assert '<span class="equation-number">(1)</span>' in text
    assert re.search(r'href="#tbl-rates"[^>]*>Table.1</a>', text)
    assert re.search(r'href="#fig-bars"[^>]*>Figure.1</a>', text)
    assert re.search(r'href="#fig-bars"[^>]*>1</a>', text)
    assert re.search(r'href="#eq-ratio"[^>]*>Equation.1</a>', text)
    assert "“Callouts”</a>" in text
    assert '<details class="code-fold">' in text
    assert "folded" in text
    for absent in ("plot()", "never_shown", "hidden_test", "gone", "#|", ":::"):
        assert absent not in text, absent
    inside = text[text.index("Opened in one cell") : text.index("closed in another")]
    assert "shown ```" in inside
    assert "</aside>" not in inside
    assert 'class="num">0.7' in text


def test_navigation_links_and_entries(project: Path):
    text = page(built(project), "index.html")
    assert 'href="rooms/rates.html"' in text
    assert 'href="rooms/rates.html#notes"' in text
    assert 'href="rooms/rates.html#api-mean_rate"><code>mean_rate</code>' in text
    entry = page(built(project), "rooms/rates.html")
    assert 'id="api-mean_rate"' in entry
    assert "Between 0 and 1 | or &lt;none&gt;" in entry


def test_data_cannot_become_markup(project: Path):
    with lit.init(name=HOSTILE, dir=str(project / ".mlops"), config={HOSTILE: HOSTILE}) as run:
        run.log({HOSTILE: 1.0})
        run.check(HOSTILE, 0.1, at_least=0.5, detail=HOSTILE)
    executed_run(project, "failed-audit", error=True)
    result = built(project)
    assert result.warnings == []
    for name in result.pages:
        text = page(result, name)
        assert "<script>alert" not in text, name
        assert "<img src=x" not in text, name
    assert '"\\u003c/script>' in page(result, "index.html")
    assert (
        "alert"
        not in page(result, "reports/failed-audit.html").split("<head>")[1].split("</head>")[0]
    )


def experiment(root: Path) -> Path:
    "The folder of a run that logged media, alerts, a console and samples of the machine."
    settings = {"console": "off", "x_disable_stats": True}
    about = {"tags": [HOSTILE], "notes": HOSTILE, "group": HOSTILE, "settings": settings}
    with lit.init(name="detect", dir=str(root / ".mlops"), **about) as run:
        run.define_metric("valid/*", step_metric="epoch")
        run.define_metric("secret", hidden=True)
        for step in range(20):
            run.log({"epoch": step * 10, "valid/loss": 1 / (step + 1), "secret": step})
            run.log({"weights": lit.Histogram([0.0, step, 9.0])}, step=step)
        box = {"position": {"middle": [0.5, 0.5], "width": 0.5, "height": 0.5}, "class_id": 1}
        boxes = {HOSTILE: {"box_data": [box], "class_labels": {1: HOSTILE}}}
        pixels = [[0, 255], [255, 0]]
        run.log({f"pictures/{HOSTILE[:8]}": lit.Image(pixels, caption=HOSTILE, boxes=boxes)})
        run.log({"batch": [lit.Image(pixels), lit.Image([[9]])], "broken": lit.Image([[7]])})
        run.log({"page": lit.Html(HOSTILE), "long page": lit.Html(HOSTILE + "x" * 60_000)})
        run.log({"table": lit.Table(columns=[HOSTILE, "score"], data=[[HOSTILE, 0.5]])})
        run.alert(HOSTILE, HOSTILE, level="WARN")
    (run.folder / "console.log").write_text(f"{HOSTILE}\n" * 203)
    samples = [{"_time": 60.0 * i, "cpu_percent": 5.0 * i, "gpu.0.power_w": 80.0} for i in range(3)]
    (run.folder / "system.jsonl").write_text("".join(json.dumps(s) + "\n" for s in samples))
    (broken,) = (run.folder / "media/images").glob("broken-*")
    broken.write_bytes(b"cut")
    return run.folder


def test_a_run_page_shows_what_was_logged_and_nothing_of_it_is_markup(project: Path):
    folder = experiment(project)
    result = built(project)
    assert result.warnings == []
    text = page(result, f"runs/{folder.name}.html")
    for absent in ("<script>alert", "<img src=x", "&#x27;_type&#x27;", "&quot;_type&quot;"):
        assert absent not in text, absent
    for shown in (
        "step 19, logged 20 times",
        "image cannot be shown",
        "The last 200 lines, 3 lines before left out",
        "CPU, memory and GPU over 2 min 0 s",
        '<span class="pill pill-warn">WARN</span>',
        '<span class="tag">&lt;script&gt;',
    ):
        assert shown in text, shown
    media = text[text.index('id="media"') : text.index('id="console"')]
    assert media.count("<svg width") == 8  # Evenly chosen steps of the histogram
    assert media.count('<iframe sandbox="allow-scripts" ') == 2
    charts = re.findall(r"<figcaption>([^<]+)</figcaption>", text[text.index('id="history"') :])
    assert charts[:2] == ["epoch", "valid/loss"]
    assert "secret" not in charts
    assert '"title":"epoch"' in text
    for src in re.findall(r' src="(media/[^"]+)"', text):
        assert (result.folder / "runs" / src).is_file(), src
    (frame,) = (result.folder / "runs/media" / folder.name / "frames").iterdir()
    assert 'sandbox="allow-scripts" srcdoc="' in frame.read_text()
    assert "<script>" not in frame.read_text()
    assert "<th>Group</th>" in page(result, "runs/index.html")


def test_files_of_a_run_that_is_gone_leave_the_site(project: Path):
    folder = experiment(project)
    assert (built(project).folder / "runs/media" / folder.name).is_dir()
    shutil.rmtree(folder)
    result = built(project)
    assert result.warnings == []
    assert not (result.folder / "runs/media").exists()


def test_a_failed_report_says_so_first(project: Path):
    run_id = executed_run(project, error=True)
    text = page(built(project), "reports/audit.html")
    assert text.index("Cell 2 raised <strong>KeyError") < text.index("Zygomorphic")
    assert "✗ failed" in text
    assert f'href="../runs/{run_id}.html"' in text


def test_a_report_leads_to_its_run_and_back(project: Path):
    run_id = executed_run(project)
    result = built(project)
    report, run = page(result, "reports/audit.html"), page(result, f"runs/{run_id}.html")
    assert f'href="../runs/{run_id}.html"' in report
    assert "Where a yes begins" in report
    assert 'href="../reports/audit.html"' in run
    assert "better than guessing" in run
    assert "mlops-lit run" in run
    assert "threshold=0.5" in run
    assert f'href="../runs/{run_id}.html"' in page(result, "runs/index.html")


def test_search_finds_a_report(project: Path):
    executed_run(project)
    script = (built(project).folder / "assets/search.js").read_text()
    entries = json.loads(script.removeprefix("window.siteIndex(").removesuffix(");\n"))
    found = [entry for entry in entries if entry["section"] == "Zygomorphic selection"]
    assert found == [
        {
            "page": "Bias audit",
            "section": "Zygomorphic selection",
            "url": "reports/audit.html#zygomorphic-selection",
            "text": found[0]["text"],
        }
    ]


def test_pages_need_no_other_host(project: Path):
    result = built(project)
    assert (result.folder / "assets/vega.js").stat().st_size > 500_000
    for name in result.pages:
        sources = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"', page(result, name))
        assert not [s for s in sources if s.startswith(("http", "//"))], name
    assert "assets/vega.js" not in page(result, "rooms/rates.html")


def test_links_that_lead_nowhere_are_reported(project: Path):
    write_notebook(
        project / "nbs/wrong.ipynb",
        markdown_cell("# Wrong"),
        markdown_cell("[a](gone.ipynb) [b](index.ipynb#none) [c](#nowhere) @fig-none"),
    )
    warnings = built(project).warnings
    assert len(warnings) == 4
    assert any("gone.ipynb, which does not exist" in w for w in warnings)
    assert any("#none, but that page has no such anchor" in w for w in warnings)


def test_a_second_build_renders_only_what_changed(project: Path, monkeypatch: pytest.MonkeyPatch):
    built(project)
    rendered, real = [], render.render_page

    def count(staged: Path, page: object, options: object) -> object:
        rendered.append(page.source)
        return real(staged, page, options)

    monkeypatch.setattr(render, "render_page", count)
    built(project)
    assert rendered == []
    write_notebook(project / "nbs/new.ipynb", markdown_cell("# New"), markdown_cell("Text."))
    (project / "nbs/rooms/01_rates.ipynb").unlink()
    result = built(project)
    assert "new.ipynb" in rendered
    assert "rooms/rates.html" not in result.pages
    assert not (result.folder / "rooms").exists()


def test_two_builds_at_once(project: Path):
    executed_run(project)
    command = [
        sys.executable,
        "-c",
        "from mlops_lit.site.build import build_site; print(len(build_site(renderer='built-in').pages))",
    ]
    builders = [
        subprocess.Popen(
            command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    results = [b.communicate(timeout=120) for b in builders]
    assert [b.returncode for b in builders] == [0, 0], results
    assert results[0][0] == results[1][0]
    assert "The <code>loans</code> project" in (project / "_site/index.html").read_text()
    assert not [p.name for p in project.iterdir() if p.name.startswith("._site")]


def test_a_project_without_nbdev_configuration_or_runs(tmp_path: Path):
    (tmp_path / "settings.ini").write_text("[mlops_lit]\n")
    write_notebook(tmp_path / "nbs/first.ipynb", markdown_cell("# First"), code_cell("#| hide\nx"))
    result = built(tmp_path)
    assert result.warnings == []
    assert "first.html" in result.pages
    assert "There are no runs yet" in page(result, "runs/index.html")
    assert not (tmp_path / ".mlops").exists()


FAKE_QUARTO = """import json, pathlib, sys
staged = pathlib.Path(sys.argv[2])
output = pathlib.Path(f"{{staged}}/" + sys.argv[sys.argv.index("--output-dir") + 1])  # As Quarto joins them
print("[1/1] index.ipynb", file=sys.stderr)
print("\\x1b[33mWARN: Unable to resolve link target: gone.ipynb\\x1b[39m", file=sys.stderr)
output.mkdir(parents=True)
files = sorted(p.relative_to(staged).as_posix() for p in staged.rglob("*") if p.is_file() and ".cache" not in p.parts)
(output / "index.html").write_text('<p id="a"><a href="#b">b</a></p>')
(output / "seen.json").write_text(json.dumps({{"files": files, "config": (staged / "_quarto.yml").read_text()}}))
sys.exit({code})
"""


def put_quarto(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> None:
    "A program `quarto` on the PATH that notes what it was given."
    folder.mkdir()
    (folder / "quarto.py").write_text(FAKE_QUARTO.format(code=code))
    program = folder / "quarto"
    # Through the shell: the first line of a script cannot name a Python in a path with a space.
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{folder}/quarto.py' \"$@\"\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_quarto_gets_the_staged_folder(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    executed_run(project)
    put_quarto(tmp_path / "bin", monkeypatch)
    heard = []
    result = build_site(
        project, progress=lambda done, total, label: heard.append((done, total, label))
    )
    assert result.renderer == "quarto"
    assert heard == [(1, 1, "index.ipynb")]
    assert result.warnings == [
        "Unable to resolve link target: gone.ipynb",
        "index.html links to #b, but that page has no such anchor",
    ]
    seen = json.loads((result.folder / "seen.json").read_text())
    expected = {
        "_quarto.yml",
        "index.ipynb",
        "rooms/01_rates.ipynb",
        "reports/audit.ipynb",
        "runs/index.qmd",
        "assets/vega.js",
        "assets/pieces.css",
    }
    assert expected <= set(seen["files"])
    assert "assets/pieces.css" in seen["config"]
    assert "website" in seen["config"]
    for name in [n for n in seen["files"] if n.endswith(".ipynb")]:
        nbformat.validate(nbformat.read(project / "_proc" / name, as_version=4))


def test_a_failing_quarto_leaves_the_old_site(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    before = page(built(project), "index.html")
    put_quarto(tmp_path / "bin", monkeypatch, code=1)
    with pytest.raises(RuntimeError, match="ended with code 1"):
        build_site(project)
    assert (project / "_site/index.html").read_text() == before
    built(project)


def test_without_pandoc_the_error_says_what_to_install(
    project: Path, monkeypatch: pytest.MonkeyPatch
):
    render.pandoc_path.cache_clear()
    monkeypatch.setitem(sys.modules, "pypandoc", None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match=re.escape("pip install 'mlops_lit[docs]'")):
        build_site(project)
    assert not (project / "_site").exists()
    render.pandoc_path.cache_clear()
