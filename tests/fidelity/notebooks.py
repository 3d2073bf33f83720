"""Notebooks made for the comparison: what people do in notebooks, and what is likely to come out differently.

A notebook is a text. A line `# %%` begins a code cell, `# %% [markdown]` and `# %% [raw]` the other kinds; further words on that
line are the cell's tags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

BORDER = re.compile(r"^# %%(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Notebook:
    "A notebook to run, and how."

    name: str
    text: str  # Its cells
    needs: tuple[str, ...] = ()  # Modules without which it makes no sense
    parameters: dict[str, Any] = field(default_factory=dict)  # Given to papermill
    timeout_s: int | None = None  # For each cell
    files: dict[str, str] = field(default_factory=dict)  # Name -> text, beside it in its folder

    def as_json(self) -> dict[str, Any]:
        "The notebook as its file holds it."
        text = self.text.strip("\n")
        parts = BORDER.split("# %%\n" + text) if text else []
        pairs = zip(parts[1::2], parts[2::2], strict=True)
        cells = [_cell(number, *pair) for number, pair in enumerate(pairs)]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        metadata = {"kernelspec": kernel}
        return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cell(number: int, options: str, source: str) -> dict[str, Any]:
    "One cell."
    words = options.split()
    kind = words.pop(0).strip("[]") if words and words[0].startswith("[") else "code"
    metadata = {"tags": words} if words else {}
    cell = {
        "cell_type": kind,
        "id": f"c{number}",
        "metadata": metadata,
        "source": source.strip("\n"),
    }
    return {**cell, "outputs": [], "execution_count": None} if kind == "code" else cell


NOTEBOOKS: list[Notebook] = []


def add(name: str, text: str, **options: Any) -> None:
    "Add a notebook to the comparison."
    NOTEBOOKS.append(Notebook(name, text, **options))


# Text

add(
    "streams",
    r"""
print("one")
print("two", end="")
print(" and three")
# %%
import sys
print("to stderr", file=sys.stderr)
# %%
print("nothing", end="")
print("", end="")
# %%
for i in range(5):
    print(i, flush=True)
# %%
sys.stdout.write("no line end")
# %%
sys.stdout.writelines(["a\n", "b\n"])
sys.stdout.flush()
# %%
print("carriage\rreturn\n", "bell\a", "back\b", "tab\t", "form\f")
# %%
sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.fileno() is not None, sys.stdin.isatty()
# %%
print("x" * 100_000)
""",
)

add(
    "stdout and stderr in turns",
    r"""
import sys
import time
# %%
for i in range(4):
    print("out", i)
    print("err", i, file=sys.stderr)
# %%
for i in range(3):
    print("out", i, flush=True)
    time.sleep(0.4)
    print("err", i, file=sys.stderr, flush=True)
    time.sleep(0.4)
# %%
from IPython.display import display
print("before")
display("shown")
print("between", file=sys.stderr)
display(1)
print("after")
"result"
""",
)

add(
    "a process writes to file descriptor 1",
    r"""
import os
import subprocess
import sys
import time
# %%
os.write(1, b"written to 1\n")
time.sleep(0.5)
# %%
os.write(2, b"written to 2\n")
time.sleep(0.5)
# %%
subprocess.run(["echo", "from a program"])
time.sleep(0.5)
# %%
subprocess.run("echo to stderr >&2", shell=True)
time.sleep(0.5)
# %%
print(subprocess.run(["echo", "captured"], capture_output=True, text=True).stdout)
# %%
subprocess.check_output("printf 'no line end'", shell=True)
# %%
subprocess.run(["sh", "-c", "exit 3"]).returncode
# %%
import ctypes
libc = ctypes.CDLL(None)
libc.printf(b"from C\n")
libc.fflush(None)
time.sleep(0.5)
# %%
process = subprocess.Popen([sys.executable, "-c", "print('from another Python')"], stdout=subprocess.PIPE)
process.communicate()
""",
)

add(
    "programs and Python in turns",
    r"""
import subprocess
# %%
print("first")
subprocess.run(["echo", "second"])
print("third")
subprocess.run(["echo", "fourth"])
print("fifth")
""",
)

add(
    "large output",
    r"""
print(("x" * 99 + "\n") * 100_000)
# %%
from IPython.display import HTML
HTML("<p>" + "y" * 5_000_000 + "</p>")
# %%
for i in range(20_000):
    print(i)
""",
)

add(
    "unicode, surrogates and ANSI",
    r"""
print("Grüße, 世界, 🎉, e\u0301, \u202eright to left, \u0000 null")
# %%
"Grüße 世界 🎉", "\x1b[31mred\x1b[0m"
# %%
print("\x1b[1;31mred\x1b[0m and \x1b[42mgreen\x1b[0m")
# %%
größe = 1.8
größe
# %% raises-exception
print("\ud800 lone surrogate")
# %% raises-exception
"\ud800 lone surrogate"
# %% raises-exception
raise ValueError("Grüße \x1b[31mred\x1b[0m 🎉")
# %%
print("\u2028 line separator \u2029 paragraph separator \x85 next line \ufeff mark")
# %%
import sys
sys.stdout.buffer if hasattr(sys.stdout, "buffer") else "no buffer"
""",
)

add(
    "logging and warnings",
    r"""
import logging
import warnings
# %%
logging.warning("through the root logger")
logging.info("not shown")
# %%
warnings.warn("careful")
# %%
warnings.warn("old", DeprecationWarning)
# %%
def old():
    warnings.warn("older", FutureWarning, stacklevel=2)
old()
# %%
warnings.simplefilter("error")
# %% raises-exception
warnings.warn("an error now")
# %%
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", force=True)
logging.getLogger("mine").info("hello")
# %%
import sys
logger = logging.getLogger("other")
logger.addHandler(logging.StreamHandler(sys.stdout))
logger.propagate = False
logger.warning("to stdout")
# %%
logging.getLogger().handlers[0].__class__.__name__, logging.getLogger().level
# %%
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("it failed")
""",
)

# Displays

add(
    "every kind of display",
    r"""
from IPython.display import *
# %%
display(HTML("<b>bold</b>"), Markdown("**bold**"), Latex("$x^2$"), SVG("<svg xmlns='http://www.w3.org/2000/svg'/>"))
# %%
display(JSON({"a": [1, 2]}), Javascript("1 + 1"), Pretty("plain"), Math("x^2"))
# %%
import base64
dot = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
Image(dot)
# %%
Image(data=dot, width=20, height=30, alt="a dot")
# %%
IFrame("about:blank", 100, 50)
# %%
Audio(data=b"RIFF", autoplay=False)
# %%
FileLink("missing.txt"), Code("x = 1", language="python")
# %%
display({"text/plain": "raw", "application/x-mine+json": {"a": 1}}, raw=True, metadata={"key": "value"})
# %%
class Rich:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": "rich", "text/html": "<i>rich</i>"}, {"text/html": {"isolated": True}}
Rich()
# %%
class Many:
    def __repr__(self): return "many"
    def _repr_html_(self): return "<b>many</b>"
    def _repr_latex_(self): return "$many$"
    def _repr_json_(self): return {"many": 1}
    def _repr_png_(self): return dot
    def _repr_svg_(self): return "<svg/>"
    def _repr_markdown_(self): return "**many**"
    def _repr_javascript_(self): return "many"
    def _repr_pdf_(self): return b"%PDF"
    def _repr_jpeg_(self): return b"\xff\xd8"
Many()
# %%
class Own:
    def _ipython_display_(self): print("own display")
Own()
# %%
display()
display(1, 2, "three", [4], None)
# %%
None
# %%
1;
# %%
1
2
# %%
[1] * 5, {"a": {"b": list(range(60))}}, "long " * 100
# %%
publish_display_data({"text/plain": "published"})
# %%
ProgressBar(3)
# %%
from IPython.core.interactiveshell import InteractiveShell
InteractiveShell.ast_node_interactivity = "all"
# %%
1
2
# %%
get_ipython().display_formatter.formatters["text/plain"].for_type(int, lambda n, p, c: p.text(f"int {n}"));
# %%
5
""",
)

add(
    "a display that fails",
    r"""
class Broken:
    def _repr_html_(self): raise ValueError("no html")
print("before")
Broken()
# %%
print("after")
""",
)

add(
    "displays that fail, allowed",
    r"""
# %% raises-exception
class Broken:
    def _repr_html_(self): raise ValueError("no html")
Broken()
# %% raises-exception
class Worse:
    def __repr__(self): raise ValueError("no repr")
Worse()
# %% raises-exception
from IPython.display import display
display({"text/plain": "raw", "application/x-mine": {"a": 1}}, raw=True)
# %%
print("after")
""",
)

add(
    "a display that is no valid output",
    r"""
from IPython.display import display
print("before")
# %%
display({"text/plain": "raw", "application/x-mine": {"a": 1}}, raw=True)
# %%
print("after")
""",
)

add(
    "display_id and update_display",
    r"""
from IPython.display import HTML, display, update_display
# %%
handle = display("first", display_id=True)
# %%
handle.update("second")
# %%
display("named", display_id="mine")
display("named twice", display_id="mine")
# %%
update_display("renamed", display_id="mine")
print("in the same cell")
# %%
display(HTML("<b>1</b>"), display_id="other")
for i in range(3):
    update_display(HTML(f"<b>{i}</b>"), display_id="other")
# %%
update_display("nobody has it", display_id="unknown")
# %%
handle.display("once more")
# %%
handle.display_id == display("x", display_id=True).display_id
""",
)

add(
    "clear_output",
    r"""
from IPython.display import clear_output, display
# %%
print("gone")
clear_output()
print("stays")
# %%
for i in range(4):
    clear_output(wait=True)
    print("step", i)
# %%
print("stays, because nothing follows")
clear_output(wait=True)
# %%
print("gone at once")
clear_output()
# %%
display("a", display_id="kept")
clear_output(wait=True)
display("b")
# %%
from IPython.display import update_display
update_display("changed", display_id="kept")
# %%
print("before the error")
clear_output(wait=True)
# %% raises-exception
print("gone")
clear_output(wait=True)
raise ValueError("after clearing")
""",
)

add(
    "figures",
    r"""
%matplotlib inline
import matplotlib.pyplot as plt
import numpy as np
# %%
plt.plot([1, 2, 3])
# %%
fig, axes = plt.subplots(1, 2, figsize=(4, 2))
axes[0].bar(["a", "b"], [1, 2])
axes[1].scatter(range(5), np.arange(5) ** 2)
plt.show()
print("after the figure")
# %%
fig
# %%
plt.hist(np.random.default_rng(0).normal(size=100));
# %%
plt.figure()
plt.plot([1])
plt.figure()
plt.plot([2])
"two figures and a result"
# %%
from IPython.display import display
fig, ax = plt.subplots()
ax.set_title("shown before the end of the cell")
display(fig)
plt.close(fig)
# %% raises-exception
plt.plot([3])
raise ValueError("with an open figure")
# %%
%config InlineBackend.figure_format = "svg"
plt.matplotlib.rcParams["svg.hashsalt"] = "same"
plt.plot([1, 2], gid="line");
# %%
plt.matplotlib.get_backend(), plt.isinteractive(), plt.rcParams["figure.dpi"]
""",
    needs=("matplotlib", "numpy"),
)

add(
    "figures without a magic",
    r"""
import matplotlib.pyplot as plt
plt.plot([1, 2, 3]);
# %%
import matplotlib
matplotlib.get_backend()
# %%
plt.savefig("figure.png")
plt.gcf().get_size_inches()
# %%
import pandas as pd
pd.Series([1, 3, 2]).plot(title="by pandas")
""",
    needs=("matplotlib", "pandas"),
)

add(
    "frames and their styles",
    r"""
import numpy as np
import pandas as pd
frame = pd.DataFrame({"a": [1, 2, None], "b": list("xyz"), "c": pd.date_range("2024", periods=3)})
frame
# %%
frame.style.format(precision=1).highlight_max(subset=["a"])
# %%
frame.describe()
# %%
frame.info()
# %%
pd.Series(range(100))
# %%
pd.DataFrame(np.arange(2000).reshape(100, 20))
# %%
pd.DataFrame([range(30)])
# %%
[(name, pd.get_option("display." + name)) for name in ("max_columns", "max_rows", "width", "max_colwidth")]
# %%
pd.set_option("display.max_rows", 5)
pd.Series(range(100))
# %% raises-exception
frame["missing"]
# %% raises-exception
frame.merge(pd.DataFrame({"d": [1]}), on="a")
# %%
frame.groupby("b").a.sum().to_frame().T
""",
    needs=("pandas", "numpy", "jinja2"),
)

add(
    "estimators",
    r"""
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5))
model
# %%
from sklearn.datasets import make_classification
X, y = make_classification(n_samples=200, random_state=0)
model.fit(X, y)
# %%
print(round(model.score(X, y), 3))
# %% raises-exception
model.predict(X[:, :3])
# %%
from sklearn.ensemble import RandomForestClassifier
RandomForestClassifier(n_estimators=10, random_state=0, n_jobs=2).fit(X, y).score(X, y)
""",
    needs=("sklearn",),
)

add(
    "altair",
    r"""
import altair as alt
import pandas as pd
frame = pd.DataFrame({"x": [1, 2, 3], "y": [3, 1, 2]})
# %%
alt.Chart(frame, title="points").mark_point().encode(x="x", y="y")
# %%
alt.Chart(frame).mark_bar().encode(x="x:O", y="y").to_dict()["mark"]
# %%
alt.renderers.enable("default")
alt.Chart(frame).mark_line().encode(x="x", y="y").display()
# %% raises-exception
alt.Chart(frame).mark_line().encode(x="missing").to_dict()
""",
    needs=("altair", "pandas"),
)

add(
    "plotly",
    r"""
import plotly.graph_objects as go
figure = go.Figure(go.Scatter(y=[1, 3, 2]))
# %%
import plotly.io as pio
pio.renderers.default
# %%
pio.renderers.default = "plotly_mimetype"
figure
# %%
figure.show()
""",
    needs=("plotly", "nbformat"),
)

add(
    "rich",
    r"""
from rich import print as rprint
from rich.table import Table
rprint("[bold red]red[/]", {"a": 1})
# %%
table = Table(title="table")
table.add_column("a")
table.add_row("1")
table
# %%
from rich.console import Console
Console(width=40).print(table)
# %%
from rich.traceback import install
install(width=80)
# %% raises-exception
def inner(x):
    return 1 / x
inner(0)
""",
    needs=("rich",),
)

add(
    "progress bars",
    r"""
import sys
from tqdm import tqdm
for i in tqdm(range(3), file=sys.stdout, bar_format="{n_fmt}/{total_fmt}"):
    pass
# %%
for i in tqdm(range(3), bar_format="{l_bar}{n_fmt}/{total_fmt}"):
    print("in the loop", i)
""",
    needs=("tqdm",),
)

add(
    "progress bars as widgets",
    r"""
from tqdm.notebook import tqdm
for i in tqdm(range(3), desc="steps", bar_format="{desc} {n_fmt}/{total_fmt}"):
    pass
""",
    needs=("tqdm", "ipywidgets"),
)

add(
    "widgets",
    r"""
import ipywidgets as widgets
from IPython.display import clear_output, display
slider = widgets.IntSlider(value=3, description="n")
slider
# %%
slider.value = 7
# %%
output = widgets.Output()
display(output)
# %%
with output:
    print("in the widget")
    display("shown in it")
# %%
with output:
    clear_output()
    print("only this")
# %%
output.append_stdout("appended\n")
output.outputs
# %%
@output.capture()
def captured():
    print("by a decorator")
    return 5
captured()
# %%
with output:
    1 / 0
# %%
def seen(change):
    print("changed to", change["new"])
slider.observe(seen, "value")
slider.value = 9
# %%
widgets.HBox([widgets.Button(description="press"), widgets.Text("typed"), widgets.Label("label")])
# %%
widgets.interact(lambda x: x * 2, x=widgets.IntSlider(4))
# %%
widgets.Image(value=b"\x89PNG", format="png")
# %%
slider.close()
# %%
button = widgets.Button()
button.on_click(lambda b: print("clicked"))
button.click()
""",
    needs=("ipywidgets",),
)

# Magics

add(
    "magics",
    r"""
%%time
x = sum(range(1000))
x
# %%
%time y = 5
y
# %%
%%capture captured
print("hidden")
import sys
print("hidden too", file=sys.stderr)
"hidden as well"
# %%
captured.stdout, captured.stderr, captured.outputs
# %%
captured.show()
# %%
%lsmagic
# %%
%who
# %%
%whos int
# %%
%pwd
# %%
%%writefile part.py
def answer():
    return 42
# %%
import part
part.answer()
# %%
%run part.py
answer()
# %%
%cat part.py
# %%
%%html
<b>bold</b>
# %%
%%latex
$x$
# %%
%%markdown
**bold**
# %%
%%javascript
1 + 1
# %%
%%svg
<svg xmlns="http://www.w3.org/2000/svg"/>
# %%
%precision 3
3.14159265
# %%
%xmode Plain
# %% raises-exception
1 / 0
# %%
%xmode Context
# %%
%reset -f
# %% raises-exception
x
# %%
%alias_magic mine pwd
# %%
%mine
# %%
from IPython.core.magic import register_cell_magic, register_line_magic
@register_line_magic
def shout(line): return line.upper()
@register_cell_magic
def count(line, cell): print(line, len(cell))
# %%
%shout hello
# %%
%%count name
abc
# %% raises-exception
%no_such_magic
# %% raises-exception
%%no_such_magic
x
# %%
value = %shout assigned
value
# %%
%%timeit -n 1 -r 1
pass
# %%
%timeit -n 1 -r 1 -q pass
# %%
%colors
# %%
%pinfo print
# %%
print?
# %%
len??
# %%
%doctest_mode
# %%
1 + 1
# %%
%doctest_mode
# %%
%quickref
# %%
%psource answer
""",
)

add(
    "shell",
    r"""
!echo hello
# %%
name = "world"
!echo {name} $name $HOME_IS_NOT_SET
# %%
lines = !printf 'a\nb\n'
lines
# %%
lines.n, lines.fields(0)
# %%
!echo out; echo err >&2
# %%
!exit 3
# %%
_exit_code
# %%
%%bash
echo from bash
for i in 1 2; do echo $i; done
# %%
%%bash --out kept
echo kept
# %%
kept
# %% raises-exception
%%bash
echo before
exit 4
# %%
%%sh
echo err >&2
# %%
%%script python3
print("another python")
# %%
%sx echo sx
# %%
%system echo system
# %%
!!echo twice
# %%
!no-such-program-at-all
# %%
!seq 3 | tail -1
# %%
!printf 'no line end'
# %%
!printf '\x1b[31mred\x1b[0m\n'
# %%
print("python")
!echo shell
print("python again")
# %%
%cd -q /
!pwd
# %%
!test -t 1 && echo terminal || echo no terminal
# %%
get_ipython().system("echo called")
# %%
get_ipython().getoutput("echo gotten")
# %%
import os
os.system("echo by os.system")
# %%
%%bash --bg --out later
echo background
# %%
%ls -d /tmp
""",
)

add(
    "run, load_ext and autoreload",
    r"""
%load_ext autoreload
%autoreload 2
# %%
%%writefile helper.py
VALUE = 1
def value(): return "first"
# %%
import helper
helper.value()
# %%
%%writefile helper.py
VALUE = 2
def value(): return "second, with a longer text"
# %%
import os
os.utime("helper.py", (2_000_000_000, 2_000_000_000))
# %%
helper.value(), helper.VALUE
# %%
%%writefile script.py
import sys
print(__name__, sys.argv)
inside = 5
# %%
%run script.py one two
inside
# %%
%run -i script.py
# %%
%%writefile fails.py
def f():
    raise ValueError("in the script")
f()
# %% raises-exception
%run fails.py
# %% raises-exception
%run missing.py
# %%
%%writefile exits.py
import sys
sys.exit(2)
# %%
%run exits.py
# %%
%%writefile extension.py
def load_ipython_extension(shell):
    print("loaded")
    shell.push({"from_extension": 1})
def unload_ipython_extension(shell):
    print("unloaded")
# %%
%load_ext extension
# %%
from_extension
# %%
%reload_ext extension
# %%
%unload_ext extension
# %% raises-exception
%load_ext no_such_extension
# %%
%load script.py
# %%
%run -n script.py
# %%
%run -m json.tool --help
""",
)

add(
    "the shell's own names",
    r"""
1 + 1
# %%
_ + 1
# %%
_, __, ___
# %%
In[1], Out[1], _1, _i1
# %%
_i, _ii
# %%
len(In), sorted(Out)
# %%
get_ipython().user_ns["x"] = 7
x
# %%
get_ipython().execution_count, get_ipython().__class__.__module__, get_ipython().__class__.__name__
# %%
%history
# %%
%history -n 1-3
# %%
%history -o -n 1-2
# %%
%recall 1
# %%
%rerun 1
# %%
sorted(name for name in globals() if not name.startswith("_"))
# %%
sorted(name for name in globals() if name.startswith("__"))
# %%
__name__, __doc__, __builtins__.__name__
# %% raises-exception
__file__
# %%
import sys
sys.argv[1:2], sys.path[0], "" in sys.path
# %%
sys.modules["__main__"].__dict__ is globals(), hasattr(sys.modules["__main__"], "__file__")
# %%
import __main__
__main__.x
# %%
sys.ps1
# %%
get_ipython().config.keys()
# %%
get_ipython().magics_manager.magics["line"].keys() >= {"time", "run"}
# %%
get_ipython().profile, get_ipython().history_manager.enabled, get_ipython().history_manager.hist_file
# %%
get_ipython().kernel.__class__.__name__, get_ipython().kernel.banner.splitlines()[0][:6]
# %%
exit, quit
# %%
get_ipython().ask_exit.__name__, get_ipython().colors, get_ipython().xmode
# %%
%config IPCompleter.use_jedi
# %%
get_ipython().display_pub.__class__.__name__, get_ipython().displayhook.__class__.__name__
# %%
sys.stdout.__class__.__name__, sys.displayhook.__class__.__name__, sys.excepthook.__name__
# %%
get_ipython().set_next_input("x = 1")
# %%
get_ipython().run_cell("inner = 3\nprint(inner)\ninner")
# %%
get_ipython().run_line_magic("pwd", "") != ""
# %%
get_ipython().ev("x + 1"), get_ipython().ex("z = 1")
# %%
%store x
# %%
del _
_
""",
)

add(
    "environment",
    r"""
import os
import sys
# %%
%env NEW_VARIABLE=1
# %%
os.environ["NEW_VARIABLE"], os.getenv("NEW_VARIABLE")
# %%
%env NEW_VARIABLE
# %%
!echo $NEW_VARIABLE
# %%
sorted(name for name in os.environ if name.startswith(("JPY", "JUPYTER", "IPY", "PYTHON", "MPL", "TERM", "CLICOLOR", "FORCE_COLOR", "GIT_PAGER", "PAGER", "COLUMNS", "LINES")))
# %%
{name: os.environ.get(name) for name in ("TERM", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "PAGER", "GIT_PAGER", "MPLBACKEND", "COLUMNS")}
# %%
os.getcwd() == os.path.realpath("."), sorted(os.listdir("."))
# %%
open("made.txt", "w").write("made")
# %%
sys.executable == os.path.realpath(sys.executable) or sys.executable, sys.prefix, sys.flags
# %%
sys.version, sys.platform
# %%
sys.path
# %%
[os.path.basename(part) for part in sys.argv[:2]], sys.orig_argv[1:3]
# %%
import signal
signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGPIPE), signal.getsignal(signal.SIGCHLD)
# %%
signal.pthread_sigmask(signal.SIG_BLOCK, [])
# %%
import resource
resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_STACK), os.nice(0), oct(os.umask(0o022))
# %%
os.sched_getaffinity(0), os.cpu_count()
# %%
import locale, time
locale.getlocale(), time.tzname, locale.getpreferredencoding()
# %%
sys.getrecursionlimit(), sys.getswitchinterval(), sys.gettrace(), sys.getprofile(), sys.dont_write_bytecode
# %%
import threading
threading.current_thread() is threading.main_thread(), threading.main_thread().name
# %%
import gc, faulthandler, tracemalloc
gc.isenabled(), gc.get_threshold(), gc.isfrozen() if hasattr(gc, "isfrozen") else None, faulthandler.is_enabled(), tracemalloc.is_tracing()
# %%
os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()
# %%
import tempfile
tempfile.gettempdir()
# %%
os.path.expanduser("~") == os.environ["HOME"]
# %%
sys.stdin.read()
# %%
import builtins
sorted(set(dir(builtins)) - set(dir(__import__("builtins"))) ), "display" in dir(builtins), "get_ipython" in dir(builtins)
# %%
import warnings
warnings.filters[:4]
# %%
sys.flags.hash_randomization, sys.implementation.name
""",
)

# Errors

add(
    "tracebacks",
    r"""
def inner(x):
    return 1 / x

def outer(x):
    return inner(x)
# %% raises-exception
outer(0)
# %% raises-exception
try:
    outer(0)
except ZeroDivisionError as error:
    raise KeyError("chained") from error
# %% raises-exception
try:
    outer(0)
except ZeroDivisionError:
    raise KeyError("while handling")
# %% raises-exception
try:
    outer(0)
except ZeroDivisionError:
    raise KeyError("alone") from None
# %% raises-exception
if True
    pass
# %% raises-exception
  indented = 1
 wrongly = 2
# %% raises-exception
x = (1,
# %% raises-exception
print("unterminated
# %% raises-exception
undefined_name
# %% raises-exception
import no_such_module
# %% raises-exception
from math import no_such_name
# %% raises-exception
class Own(Exception):
    def __str__(self): return "own text\nin two lines"
raise Own(1, 2)
# %% raises-exception
class Mute(Exception):
    def __str__(self): raise ValueError("no text")
raise Mute()
# %% raises-exception
error = ValueError("noted")
error.add_note("a note")
raise error
# %% raises-exception
raise ExceptionGroup("several", [ValueError(1), ExceptionGroup("more", [TypeError("two"), KeyError("three")])])
# %% raises-exception
assert 1 == 2, "not equal"
# %% raises-exception
import json
json.loads("{")
# %% raises-exception
eval("1 +")
# %% raises-exception
exec("raise ValueError('in exec')")
# %% raises-exception
compile("x = ", "made up.py", "exec")
# %% raises-exception
[1][5]
# %% raises-exception
{}["missing"]
# %% raises-exception
lambda_ = lambda: 1 / 0
lambda_()
# %% raises-exception
list(1 / x for x in [1, 0])
# %% raises-exception
raise Exception
# %% raises-exception
raise BaseException("base")
# %% raises-exception
raise GeneratorExit
# %% raises-exception
raise StopIteration(3)
# %% raises-exception
raise "not an exception"
# %% raises-exception
return 5
# %% raises-exception
yield 5
# %% raises-exception
raise ValueError("long " * 2000)
# %% raises-exception
1 + "a"
# %% raises-exception
int("five")
# %% raises-exception
open("missing.txt")
# %%
"still running"
""",
)

add(
    "an error in an imported module",
    r"""
import broken_later
# %% raises-exception
broken_later.f(0)
# %% raises-exception
import broken_now
# %% raises-exception
import unparsable
# %% raises-exception
import broken_now
# %% raises-exception
broken_later.callback(lambda: 1 / 0)
# %%
import traceback
try:
    broken_later.f(0)
except ZeroDivisionError:
    traceback.print_exc()
# %%
import sys
%tb
# %%
sys.last_type, sys.last_value
""",
    files={
        "broken_later.py": "def f(x):\n    # A comment\n    y = x\n    return 1 / y\n\n\ndef callback(g):\n    return g()\n",
        "broken_now.py": "x = 1\nraise RuntimeError('while importing')\n",
        "unparsable.py": "def f(:\n    pass\n",
    },
)

add(
    "recursion",
    r"""
def f(n):
    return f(n + 1)
# %% raises-exception
f(0)
# %%
import sys
sys.setrecursionlimit(200)
def depth(n=0):
    try:
        return depth(n + 1)
    except RecursionError:
        return n
depth() > 50
# %% raises-exception
def a(): b()
def b(): a()
a()
""",
)

add(
    "a very long traceback",
    r"""
def f(n):
    if n == 0:
        raise ValueError("at the bottom")
    return f(n - 1)
# %%
import sys
sys.setrecursionlimit(10_000)
# %% raises-exception
f(200)
# %% raises-exception
def chain(n):
    try:
        if n == 0:
            raise ValueError("first")
        chain(n - 1)
    except Exception as error:
        raise ValueError(f"level {n}") from error
chain(10)
""",
)

for case, cell in {
    "an error ends it": "raise ValueError('the end')",
    "a syntax error ends it": "this is no Python",
    "sys.exit(0)": "import sys\nsys.exit(0)",
    "sys.exit() with a message": "import sys\nsys.exit('not good')",
    "raise SystemExit": "raise SystemExit",
    "raise SystemExit(3)": "raise SystemExit(3)",
    "exit()": "exit()",
    "quit()": "quit()",
    "os._exit(3)": "import os\nos._exit(3)",
    "os._exit(0)": "import os\nos._exit(0)",
    "os.kill with SIGKILL": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "os.kill with SIGTERM": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
    "os.kill with SIGINT": "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)",
    "abort": "import os\nos.abort()",
    "a segmentation fault": "import ctypes\nctypes.string_at(0)",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "KeyboardInterrupt with a text": "raise KeyboardInterrupt('pressed')",
    "input is refused": "input('name: ')",
    "getpass is refused": "import getpass\ngetpass.getpass('secret: ')",
    "breakpoint is refused": "def f(x):\n    breakpoint()\n    return x\nf(1)",
    "pdb is refused": "import pdb\npdb.set_trace()",
    "an error in an async cell": "import asyncio\nawait asyncio.sleep(0)\n1 / 0",
    "an error from a magic": "%run missing.py",
    "an error from bash": "%%bash\nexit 5",
    "an error group ends it": "raise ExceptionGroup('two', [ValueError(1), KeyError('k')])",
    "an error with colours": "raise ValueError('\\x1b[31mred\\x1b[0m')",
    "an error without text": "raise ValueError",
    "an own error": "class Own(Exception): pass\nraise Own('own')",
}.items():
    add(
        case,
        f"""
print("before")
# %% [markdown]
A text.
# %%
print("in the cell")
{cell}
# %%
print("after")
# %% [markdown]
The end.
"""
        if not cell.startswith("%%")
        else f"""
print("before")
# %%
{cell}
# %%
print("after")
""",
    )

add(
    "last words before a sudden end",
    r"""
print("first cell")
# %%
import os, sys, time
print("said long before")
time.sleep(1)
print("said just before")
print("err just before", file=sys.stderr)
os._exit(7)
""",
)

add(
    "a time-out",
    r"""
print("before")
# %%
import time
print("in the cell")
time.sleep(30)
# %%
print("after")
""",
    timeout_s=2,
)

add(
    "a time-out that the cell catches",
    r"""
import time
try:
    time.sleep(30)
except KeyboardInterrupt:
    print("caught")
# %%
print("after")
""",
    timeout_s=2,
)

add(
    "a time-out in a program",
    r"""
!sleep 30
# %%
print("after")
""",
    timeout_s=2,
)

add(
    "a time-out in an async cell",
    r"""
import asyncio
await asyncio.sleep(30)
# %%
print("after")
""",
    timeout_s=2,
)

add(
    "no time-out when every cell is quick",
    r"""
import time
time.sleep(1.2)
# %%
time.sleep(1.2)
print("after")
""",
    timeout_s=2,
)

# Cells and papermill's own matters

add(
    "kinds of cells and tags",
    r"""
# %% [markdown]
# Title
# %% [raw]
raw text
# %%

# %%
# only a comment
# %%
   
# %% skip-execution
print("skipped")
# %% raises-exception
1 / 0
# %% hide-input other
"tagged"
# %% raises-exception
"raises nothing"
# %%
x = 1
# %%
pass
# %% [markdown]
""",
)

add(
    "execution counts after errors",
    r"""
1
# %% raises-exception
1 / 0
# %% raises-exception
this is no Python
# %%
2
# %%
# a comment
# %%
3
# %% raises-exception
%no_such_magic
# %%
4
# %%
get_ipython().execution_count
""",
)

add(
    "parameters",
    r"""
# A comment
threshold: float = 0.5  # share of rows
names = ["a"]
# %% parameters
threshold: float = 0.5  # share of rows
names = ["a"]
nested = {"a": 1}
nothing = None
# %%
print(threshold, names, nested, nothing)
# %%
text
""",
    parameters={
        "threshold": 0.7,
        "names": ["b", "ü"],
        "nested": {"k": [1, 2.5, True]},
        "nothing": 3,
        "text": 'quote " and \\ and\nline',
    },
)

add(
    "parameters without a cell for them",
    r"""
print("first")
# %%
value
""",
    parameters={"value": 1},
)

add("parameters, defaults kept", "value = 1\n# %% parameters\nvalue = 2\n# %%\nvalue")

add("a notebook without cells", "")

add(
    "code and classes of cells",
    r"""
import dataclasses
import inspect
import pickle
# %%
def f(x):
    "A docstring."
    return x + 1
print(inspect.getsource(f))
# %%
@dataclasses.dataclass
class Point:
    x: int
    y: int = 2
Point(1)
# %%
pickle.loads(pickle.dumps(Point(3)))
# %%
print(inspect.getsource(Point))
# %%
f.__module__, f.__qualname__, f.__code__.co_filename, Point.__module__
# %%
help(f)
# %%
import typing
typing.get_type_hints(Point)
# %%
import doctest
def g():
    '''
    >>> g()
    1
    '''
    return 1
doctest.testmod()
# %%
import copy
copy.deepcopy(Point(5)) == Point(5)
# %%
from collections import namedtuple
Pair = namedtuple("Pair", "a b")
pickle.loads(pickle.dumps(Pair(1, 2)))
# %%
import unittest
class Test(unittest.TestCase):
    def test(self): self.assertEqual(1, 1)
unittest.main(argv=[""], exit=False, verbosity=0).result.wasSuccessful()
# %%
import linecache
linecache.getline(f.__code__.co_filename, 1)
# %%
import enum
class Colour(enum.Enum):
    RED = 1
Colour.RED, Colour
# %%
import sys
sys._getframe().f_code.co_name, sys._getframe().f_back.f_code.co_name
# %%
import traceback
len(traceback.extract_stack()) > 1
# %%
from __future__ import annotations
# %%
def h(x: NotDefined): return x
h.__annotations__
# %%
lambda x: x
# %%
import abc
class Base(abc.ABC):
    @abc.abstractmethod
    def m(self): ...
# %% raises-exception
Base()
""",
)

add(
    "async",
    r"""
import asyncio
await asyncio.sleep(0.01)
"awaited"
# %%
async def tick(n):
    for i in range(n):
        print("tick", i)
        await asyncio.sleep(0.05)
    return n
await tick(2)
# %%
task = asyncio.create_task(tick(3))
# %%
await asyncio.sleep(0.5)
task.done()
# %%
await task
# %%
await asyncio.gather(tick(1), tick(1))
# %%
asyncio.get_running_loop() is not None
# %% raises-exception
async x = 1
# %% raises-exception
kept = tick(1)
asyncio.run(kept)
# %%
kept.close()
# %%
async with asyncio.timeout(1):
    print("inside")
# %% raises-exception
async with asyncio.timeout(0.05):
    await asyncio.sleep(1)
# %%
async def agen():
    yield 1
    yield 2
[x async for x in agen()]
# %%
import contextvars
var = contextvars.ContextVar("var", default=0)
var.set(5)
# %%
var.get()
# %%
%autoawait
# %%
failing = asyncio.create_task(asyncio.wait_for(asyncio.sleep(10), 0.05))
# %%
await asyncio.sleep(0.3)
failing.exception()
# %%
asyncio.get_event_loop().call_later(0.05, print, "called later")
await asyncio.sleep(0.3)
# %%
process = await asyncio.create_subprocess_exec("echo", "sub", stdout=asyncio.subprocess.PIPE)
await process.communicate()
# %%
await asyncio.to_thread(lambda: "in a thread")
""",
)

add(
    "threads",
    r"""
import threading
import time
from concurrent.futures import ThreadPoolExecutor
def say(i):
    time.sleep(0.05 * i)
    print("thread", i)
    return i * i
with ThreadPoolExecutor(4) as pool:
    print(list(pool.map(say, range(4))))
# %%
thread = threading.Thread(target=say, args=(1,))
thread.start()
thread.join()
# %%
late = threading.Timer(0.3, print, ["late"])
late.start()
# %%
time.sleep(0.8)
print("in the next cell")
# %%
def fail():
    raise ValueError("in a thread")
thread = threading.Thread(target=fail, name="failing")
thread.start()
thread.join()
# %%
with ThreadPoolExecutor() as pool:
    future = pool.submit(fail)
# %% raises-exception
future.result()
# %%
local = threading.local()
local.x = 1
# %%
local.x
# %%
import queue
q = queue.Queue()
threading.Thread(target=lambda: q.put("from the thread"), daemon=True).start()
q.get(timeout=5)
""",
)

add(
    "processes",
    r"""
import multiprocessing
import os
def square(x):
    return x * x
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(square, range(5)))
# %%
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
    print(sorted(pool.map(square, range(3))))
# %%
import spawned
with multiprocessing.get_context("spawn").Pool(2) as pool:
    print(pool.map(spawned.cube, range(4)))
# %%
process = multiprocessing.get_context("fork").Process(target=print, args=("from a process",))
process.start()
process.join()
import time; time.sleep(0.3)
process.exitcode
# %%
def fail(x):
    raise ValueError(f"in a process {x}")
# %% raises-exception
with multiprocessing.get_context("fork").Pool(1) as pool:
    pool.map(fail, [1])
# %%
pid = os.fork()
if pid == 0:
    os._exit(5)
os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
# %%
multiprocessing.current_process().name, multiprocessing.get_start_method(), multiprocessing.parent_process()
# %%
queue = multiprocessing.get_context("fork").Queue()
worker = multiprocessing.get_context("fork").Process(target=queue.put, args=("queued",))
worker.start()
queue.get(timeout=10)
# %%
worker.join()
from multiprocessing import shared_memory
block = shared_memory.SharedMemory(create=True, size=16)
block.buf[0] = 7
value = block.buf[0]
block.close()
block.unlink()
value
""",
    files={"spawned.py": "def cube(x):\n    return x**3\n"},
)

add(
    "joblib",
    r"""
from joblib import Parallel, delayed
Parallel(n_jobs=2)(delayed(pow)(i, 2) for i in range(4))
# %%
def own(x):
    return x + 1
Parallel(n_jobs=2)(delayed(own)(i) for i in range(3))
# %%
Parallel(n_jobs=2, prefer="threads")(delayed(own)(i) for i in range(3))
""",
    needs=("joblib",),
)

add(
    "random numbers",
    r"""
import random
random.random()
# %%
import numpy as np
np.random.rand(2)
# %%
np.random.default_rng().random()
# %%
import os, secrets, uuid
os.urandom(4), secrets.token_hex(4), uuid.uuid4()
# %%
hash("text")
# %%
random.seed(0)
np.random.seed(0)
random.random(), np.random.rand(2), np.random.default_rng(0).random()
# %%
import pandas as pd
pd.Series(range(10)).sample(3, random_state=1).tolist()
# %%
pd.Series(range(1000)).sample(3).tolist()
""",
    needs=("numpy", "pandas"),
)

add(
    "signals and atexit",
    r"""
import atexit
import signal
import time
atexit.register(print, "at exit")
# %%
def handler(number, frame):
    print("signal", number)
signal.signal(signal.SIGUSR1, handler)
signal.raise_signal(signal.SIGUSR1)
# %%
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.1)
time.sleep(0.5)
# %%
import os
atexit.register(lambda: open("left.txt", "w").write("written at exit"))
# %% raises-exception
os.kill(os.getpid(), signal.SIGINT)
time.sleep(3)
# %%
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(3)
except KeyboardInterrupt:
    print("interrupted")
# %%
class Last:
    def __del__(self): open("deleted.txt", "w").write("x")
last = Last()
""",
)

add(
    "callbacks of the shell",
    r"""
shell = get_ipython()
shell.events.register("pre_run_cell", lambda info: print("before:", info.raw_cell[:10]))
shell.events.register("post_run_cell", lambda result: print("after:", result.success))
# %%
1
# %% raises-exception
1 / 0
# %%
shell.events.callbacks["pre_run_cell"].clear()
shell.events.callbacks["post_run_cell"].clear()
# %%
shell.input_transformers_cleanup.append(lambda lines: [line.replace("REPLACED", "'replaced'") for line in lines])
# %%
REPLACED
# %%
def own(shell, etype, evalue, tb, tb_offset=None):
    print("own handler:", evalue)
shell.set_custom_exc((ValueError,), own)
# %% raises-exception
raise ValueError("handled by it")
# %%
import ast
class Doubler(ast.NodeTransformer):
    def visit_Constant(self, node): return ast.Constant(node.value * 2) if isinstance(node.value, int) else node
shell.ast_transformers.append(Doubler())
# %%
21
""",
)

add(
    "standard streams replaced",
    r"""
import contextlib
import io
import sys
with contextlib.redirect_stdout(io.StringIO()) as kept:
    print("kept")
kept.getvalue()
# %%
old = sys.stdout
sys.stdout = io.StringIO()
print("lost")
sys.stdout = old
# %%
print("back", file=sys.__stdout__)
# %%
print("to the original stderr", file=sys.__stderr__)
# %%
class Tee:
    def write(self, text): old.write("tee " + text if text.strip() else text)
    def flush(self): old.flush()
sys.stdout = Tee()
print("doubled")
sys.stdout = old
# %%
import os
saved = os.dup(1)
target = os.open("file.txt", os.O_CREAT | os.O_WRONLY)
os.dup2(target, 1)
os.write(1, b"into the file")
os.dup2(saved, 1)
open("file.txt").read()
# %% raises-exception
sys.stdout.write(b"bytes")
# %%
import code, pprint
pprint.pprint({"a": list(range(30))})
# %%
print("closed next")
# %%
sys.stdout.name, sys.stderr.name, sys.stdout.writable(), sys.stdout.closed, sys.stdout.errors
# %%
with contextlib.redirect_stderr(sys.stdout):
    print("stderr to stdout", file=sys.stderr)
# %%
print(*range(3), sep="-", end="!\n")
# %%
import shutil
shutil.get_terminal_size()
""",
)

add(
    "comms",
    r"""
from comm import create_comm
channel = create_comm(target_name="mine", data={"a": 1})
channel.send({"b": 2})
channel.close()
# %%
get_ipython().kernel.comm_manager.__class__.__name__
# %%
def opened(comm, message): print("opened")
get_ipython().kernel.comm_manager.register_target("target", opened)
# %%
get_ipython().kernel.get_parent()["msg_type"]
""",
)

add(
    "databases and files",
    r"""
import duckdb
duckdb.sql("select 1 as a, 'x' as b")
# %%
print(duckdb.sql("select range as n from range(3)"))
# %%
import pyarrow as pa
pa.table({"a": [1, 2]})
# %%
import sqlite3
sqlite3.connect(":memory:").execute("select 1").fetchall()
# %%
import pandas as pd
pd.DataFrame({"a": range(3)}).to_parquet("t.parquet")
pd.read_parquet("t.parquet")
# %%
import pathlib
sorted(p.name for p in pathlib.Path().iterdir())
# %% raises-exception
duckdb.sql("selec 1")
""",
    needs=("duckdb", "pyarrow", "pandas"),
)
