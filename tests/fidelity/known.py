"""The differences that are known, and why they are there; the page "Papermill engine" tells the same to its readers."""

from __future__ import annotations

from .compare import Difference

ORDER = "what goes to stdout and to stderr stands in the order in which it was printed"
DEATH = (
    "a dead kernel: its cell has failed, those after it are pending, its last words are kept, "
    "the error says how the process ended, and the notebook says its language"
)
LIMIT = (
    "a time limit: its cell has failed, those after it are pending, the notebook says its language"
)
EXIT = "exit() and quit() end the notebook at once"
TASKS = "what a task of an earlier cell prints is shown below the cell that runs meanwhile"
SURROGATES = "text that is no valid Unicode is shown with question marks"
INSIDE = "a traceback that goes through the kernel's own code shows the kernel's own code"
INVALID = "a display that notebooks do not allow is kept; papermill's own engine ends the run"
PROCESS = "the process says how it came to be: its command line, variables, profile and imports"

DYING = [
    "os._exit(3)",
    "os._exit(0)",
    "os.kill with SIGKILL",
    "os.kill with SIGTERM",
    "abort",
    "a segmentation fault",
    "last words before a sudden end",
    "nbclient: Autokill",
]
LIMITED = [
    "a time-out",
    "a time-out that the cell catches",
    "a time-out in a program",
    "a time-out in an async cell",
    "nbclient: Interrupt",
    "papermill: keyboard_interrupt",
]
# Notebook -> places (None: any) and the reason
KNOWN: dict[str, tuple[set[int | str] | None, str]] = {
    "async": ({3}, TASKS),
    "stdout and stderr in turns": ({1}, ORDER),
    "progress bars": ({1}, ORDER),
    "unicode, surrogates and ANSI": ({4}, SURROGATES),
    "displays that fail, allowed": (None, INVALID),
    "a display that is no valid output": (None, INVALID),
    "standard streams replaced": ({6, "error"}, INSIDE),
    "the shell's own names": ({14, 15, 21, 23}, PROCESS),
    "environment": ({5, 12, 26}, PROCESS),
    "exit()": (None, EXIT),
    "quit()": (None, EXIT),
    **dict.fromkeys(DYING, (None, DEATH)),
    **dict.fromkeys(LIMITED, (None, LIMIT)),
}


def explained(difference: Difference) -> str | None:
    "The reason for a difference; None when nobody has given one."
    places, reason = KNOWN.get(difference.notebook, (set(), ""))
    return reason if places is None or difference.cell in places else None
