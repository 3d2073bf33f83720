"""What a script prints, whoever prints it and however it ends, is shown unchanged and kept in console.log."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

START = """
import ctypes, os, signal, subprocess, sys, time
from pathlib import Path
from mlops_lit.track.console import ConsoleCapture

capture = ConsoleCapture(Path(sys.argv[1]), secrets=["hunter2", "päss wörd"], patterns=[r"sk-[A-Za-z0-9]{8,}"])
if sys.argv[2:] != ["off"]:
    capture.start()
"""


class Script:
    "A script that captures its output, and its console.log."

    def __init__(self, folder: Path, body: str):
        self.file, self.log = folder / "script.py", folder / "console.log"
        self.file.write_text(START + body)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(self.file), str(self.log), *arguments]

    def run(self, *arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "timeout": 60, **options}
        return subprocess.run(self.command(*arguments), **options)

    def kept(self, ending: str = "") -> str:
        "The log, once it ends as expected; the helper may need a moment after its script was killed."
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.log.exists() and self.log.read_text().endswith(ending):
                break
            time.sleep(0.01)
        return self.log.read_text()

    def run_in_terminal(self, *arguments: str, size: tuple[int, int] = (33, 101)) -> bytes:
        "The bytes that arrive at a terminal of that size."
        import termios

        terminal, end = pty.openpty()
        termios.tcsetwinsize(end, size)
        process = subprocess.Popen(self.command(*arguments), stdin=end, stdout=end, stderr=end)
        os.close(end)
        shown = b""
        while True:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                data = b""
            if not data:
                break
            shown += data
        os.close(terminal)
        assert process.wait(20) == 0
        return shown


def test_what_python_programs_and_c_print_is_kept_in_order(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
print("from Python", flush=True)
subprocess.run(["echo", "from echo"])
subprocess.run("echo from a shell; echo its error >&2", shell=True)
os.write(2, b"from below\\n")
ctypes.CDLL(None).printf(b"from C\\n")
print("unflushed")
capture.stop()
print("after")
""",
    )
    done = script.run()
    lines = done.stdout.decode().splitlines()
    assert lines[:5] == ["from Python", "from echo", "from a shell", "its error", "from below"]
    assert sorted(lines[5:7]) == ["from C", "unflushed"]
    assert script.kept().splitlines() == lines[:7]
    assert lines[7:] == ["after"]


def test_order_over_many_lines_of_both_streams(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
for n in range(3000):
    os.write(1 + n % 2, b"%d\\n" % n)
capture.stop()
""",
    )
    done = script.run()
    assert done.stdout.decode().split() == [str(n) for n in range(3000)]
    assert script.kept().split() == [str(n) for n in range(3000)]


def test_streams_that_lead_apart_stay_apart(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
for n in range(2000):
    print("out", n)
    print("err", n, file=sys.stderr)
capture.stop()
""",
    )
    done = script.run(stderr=subprocess.PIPE)
    assert done.stdout.decode() == "".join(f"out {n}\n" for n in range(2000))
    assert done.stderr.decode() == "".join(f"err {n}\n" for n in range(2000))
    kept = script.kept().splitlines()
    assert [line for line in kept if line.startswith("out")] == done.stdout.decode().splitlines()
    assert [line for line in kept if line.startswith("err")] == done.stderr.decode().splitlines()


@pytest.mark.parametrize(
    "how", ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(3)", "os.abort()"]
)
def test_a_sudden_end_keeps_everything_printed_before(tmp_path: Path, how: str) -> None:
    script = Script(
        tmp_path,
        f"""
os.write(1, b"".join(b"line %d\\n" % n for n in range(20_000)))
os.write(1, b"the last words")
{how}
""",
    )
    done = script.run()
    assert done.returncode in (-9, 3, -6)
    expected = "".join(f"line {n}\n" for n in range(20_000)) + "the last words"
    assert done.stdout.decode() == expected
    assert script.kept("words\n") == expected + "\n"


def test_killing_the_process_group_leaves_the_log_whole(tmp_path: Path) -> None:
    script = Script(tmp_path, "print('working', flush=True)\nos.killpg(0, signal.SIGKILL)")
    script.run(start_new_session=True)
    assert script.kept("working\n") == "working\n"


def test_signals_to_everybody_do_not_end_the_helper(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
signal.signal(signal.SIGTERM, lambda *_: None)
time.sleep(0.1)
mine = os.environ["MARK"].encode()
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid():
        try:
            if b"MARK=" + mine in Path("/proc", name, "environ").read_bytes():
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    os.kill(int(name), number)
        except OSError:
            pass
print("still here")
capture.stop()
""",
    )
    if not Path("/proc/self/environ").exists():
        pytest.skip("needs /proc")
    done = script.run(env={**os.environ, "MARK": str(tmp_path)})
    assert (done.returncode, done.stdout) == (0, b"still here\n")
    assert script.kept() == "still here\n"


def test_secrets_are_not_written_however_they_arrive(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
def slowly(text, pause=0.002):
    for byte in text.encode():
        os.write(1, bytes([byte]))
        time.sleep(pause)

slowly("password hunter2, token sk-abcDEF123456.\\n")
slowly("päss wörd\\n")
print("hun\\x1b[31mter2", "sk-abc\\x1b[0mDEF123456", flush=True)
for _ in range(9000):
    os.write(1, b"x" * 37 + b"hunter2" + b" sk-abcDEF123456 ")
print(flush=True)
subprocess.run(["echo", "hunter2"])
capture.stop()
""",
    )
    shown, kept = script.run().stdout.decode(), script.kept()
    assert shown.count("hunter2") == 9002
    assert [word for word in ("hunter2", "päss", "sk-") if word in kept] == []
    assert kept.startswith("password ***, token ***.\n***\n*** ***\n")
    assert kept.splitlines()[3] == ("x" * 37 + "*** *** ") * 9000


def test_secrets_are_not_in_arguments_or_environment(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
found = 0
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid():
        try:
            arguments = Path("/proc", name, "cmdline").read_bytes()
            if b"mlops_lit console" in arguments and os.environ["MARK"].encode() in Path("/proc", name, "environ").read_bytes():
                found += 1
                for kind in ("cmdline", "environ"):
                    assert b"hunter2" not in Path("/proc", name, kind).read_bytes()
        except OSError:
            pass
print(found)
capture.stop()
""",
    )
    if not Path("/proc/self/environ").exists():
        pytest.skip("needs /proc")
    assert script.run(env={**os.environ, "MARK": str(tmp_path)}).stdout == b"1\n"


def test_a_progress_bar_is_one_line(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
for n in range(1001):
    sys.stderr.write(f"\\r{n / 10:5.1f} % |{'#' * (n // 50):20}|")
    sys.stderr.flush()
sys.stderr.write("\\n")
capture.stop()
""",
    )
    assert len(script.run().stdout) > 30_000
    assert script.kept() == f"100.0 % |{'#' * 20}|\n"


def test_nested_bars_of_tqdm_and_live_tables_of_rich(tmp_path: Path) -> None:
    pytest.importorskip("tqdm")
    pytest.importorskip("rich")
    script = Script(
        tmp_path,
        """
from rich.live import Live
from tqdm import tqdm

for epoch in tqdm(range(3), desc="epochs", mininterval=0):
    for batch in tqdm(range(50), desc="batches", mininterval=0, position=1, leave=False):
        pass
print("between", flush=True)
with Live("row 0\\nsum 0", refresh_per_second=50) as live:
    for n in range(30):
        live.update(f"row {n}\\nsum {n * n}", refresh=True)
capture.stop()
""",
    )
    assert len(script.run_in_terminal()) > 5000
    lines = script.kept().splitlines()
    assert lines[0].startswith("epochs: 100%")
    assert lines[-3:] == ["between", "row 29", "sum 841"]
    assert [line for line in lines[1:-3] if not line.startswith("batches")] == []
    assert len(lines) <= 5


def test_a_terminal_stays_a_terminal_and_gets_the_same_bytes(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
print(os.isatty(1), os.isatty(2), sys.stdout.isatty(), os.get_terminal_size(1))
subprocess.run(["sh", "-c", "test -t 1 && test -t 2 && echo a terminal"])
print("tab\\there\\r50 %\\r100 %\\n\\x1b[32mgreen\\x1b[0m\\nno end", end="", flush=True)
os.write(2, bytes(range(32, 256)) * 300)
capture.stop()
print("after")
""",
    )
    shown = script.run_in_terminal()
    assert shown == script.run_in_terminal("off")
    assert b"True True True os.terminal_size(columns=101, lines=33)\r\na terminal\r\n" in shown
    kept = script.log.read_bytes().splitlines()
    assert kept[1:5] == [b"a terminal", b"100 %", b"green", b"no end" + bytes(range(32, 256)) * 300]


def test_a_new_size_of_the_terminal_arrives(tmp_path: Path) -> None:
    import termios

    script = Script(
        tmp_path,
        """
print("ready", flush=True)
deadline = time.monotonic() + 20
while os.get_terminal_size(1).columns != 77 and time.monotonic() < deadline:
    time.sleep(0.02)
print(os.get_terminal_size(1).columns, flush=True)
capture.stop()
""",
    )
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (10, 60))
    process = subprocess.Popen(script.command(), stdin=end, stdout=end, stderr=end)
    assert b"ready" in os.read(terminal, 1000)
    termios.tcsetwinsize(end, (12, 77))
    assert process.wait(30) == 0
    os.close(end)
    os.close(terminal)
    assert script.kept() == "ready\n77\n"


def test_bytes_pass_unchanged_into_a_file(tmp_path: Path) -> None:
    body = """
sys.stdout.buffer.write(bytes(range(256)) * 5000)
sys.stdout.flush()
print("end")
capture.stop()
print("after")
"""
    script = Script(tmp_path, body)
    for name, arguments in [("on", []), ("off", ["off"])]:
        with open(tmp_path / name, "wb") as file:
            script.run(*arguments, stdout=file, stderr=file)
    assert (tmp_path / "on").read_bytes() == (tmp_path / "off").read_bytes()
    assert (tmp_path / "on").stat().st_size == 256 * 5000 + len("end\nafter\n")


@pytest.mark.parametrize(
    "body", ["sys.exit(7)", "1 / 0", "os._exit(7)", "os.kill(os.getpid(), 15)", ""]
)
def test_the_exit_code_is_the_scripts(tmp_path: Path, body: str) -> None:
    script = Script(tmp_path, f"print('x')\n{body}")
    on, off = script.run(), script.run("off")
    assert (on.returncode, on.stdout) == (off.returncode, off.stdout)


def test_large_output_is_complete(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
block = b"".join(b"line %06d of a large output that goes on and on\\n" % n for n in range(2000))
for _ in range(200):
    os.write(1, block)
capture.stop()
""",
    )
    done = script.run()
    assert len(done.stdout) == 200 * 2000 * 50
    assert script.log.read_bytes() == done.stdout


def test_nobody_reads_any_more(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
try:
    for n in range(1_000_000):
        print("line", n)
except BrokenPipeError:
    sys.stderr.write("noticed\\n")
    capture.stop()
    os._exit(0)
""",
    )
    command = f"{' '.join(script.command())} | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"line 0\n", b"noticed\n")
    assert script.kept().startswith("line 0\nline 1\n")


def test_a_grandchild_that_stays_does_not_hold_up_the_end(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
subprocess.Popen(["sh", "-c", "sleep 3; echo late"], start_new_session=True)
print("unfinished", end="")
started = time.monotonic()
capture.stop()
kept = Path(sys.argv[1]).read_text()
print(kept == "unfinished\\n", time.monotonic() - started < 2, file=sys.stderr)
""",
    )
    done = script.run()
    assert done.stdout == b"unfinishedTrue True\nlate\n"
    assert script.kept("late\n") == "unfinished\nlate\n"


def test_children_are_the_scripts_own(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
try:
    os.wait()
except ChildProcessError:
    print("no children", flush=True)
if os.fork() == 0:
    print("in the child")
    capture.stop()
    sys.exit()
os.wait()
print("in the parent")
capture.stop()
""",
    )
    done = script.run(timeout=20)
    assert done.returncode == 0
    assert script.kept().splitlines() == ["no children", "in the child", "in the parent"]


def test_two_captures_at_once(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
inner = ConsoleCapture(Path(sys.argv[1] + ".inner"))
print("outer only")
inner.start()
print("both")
(capture if sys.argv[2:] == ["crossed"] else inner).stop()
print("one")
(inner if sys.argv[2:] == ["crossed"] else capture).stop()
print("none")
""",
    )
    for order in ([], ["crossed"]):
        script.log.unlink(missing_ok=True)
        inner = Path(f"{script.log}.inner")
        inner.unlink(missing_ok=True)
        done = script.run(*order)
        assert done.stdout == b"outer only\nboth\none\nnone\n"
        assert inner.read_text() == ("both\none\n" if order else "both\n")
        assert script.kept().startswith("outer only\nboth\none\n")


def test_closed_descriptors(tmp_path: Path) -> None:
    script = Script(tmp_path, "Path(sys.argv[1] + '.ran').touch()\nprint('x')\ncapture.stop()")
    for closed in ("1>&-", "2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"):
        subprocess.run(f"{' '.join(script.command())} {closed}", shell=True, check=True, timeout=20)
        ran = Path(f"{script.log}.ran")
        ran.unlink()
        assert not script.log.exists() or script.log.read_text() == ""
    done = subprocess.run(
        f"{' '.join(script.command())} <&-", shell=True, check=True, timeout=20, capture_output=True
    )
    assert (done.stdout, script.kept("x\n")) == (b"x\n", "x\n")


def test_a_full_disk_costs_lines_of_the_log_only(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
import resource
# The helper inherits the limit.
capture.stop()
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
capture.start()
for n in range(100_000):
    print("line", n)
capture.stop()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
""",
    )
    done = script.run()
    assert (done.returncode, done.stdout.count(b"\n")) == (0, 100_000)
    assert script.log.stat().st_size == 100_000
    script.log.unlink()
    script.log.symlink_to("/dev/full")
    assert script.run().stdout == done.stdout


def test_the_log_is_extended_and_never_cut_before_its_end(tmp_path: Path) -> None:
    script = Script(tmp_path, "print('\\x1b[5A\\x1b[Jmore')\ncapture.stop()")
    script.log.write_text("from before\n")
    script.run()
    assert script.kept() == "from before\nmore\n"


def test_rows_written_while_a_bar_is_drawn_are_seen_soon(tmp_path: Path) -> None:
    script = Script(tmp_path, "print('first', flush=True)\nsys.stdin.readline()\ncapture.stop()")
    process = subprocess.Popen(script.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 20)[0]
    assert process.stdout.readline() == b"first\n"
    assert script.kept("first\n") == "first\n"
    process.stdin.close()
    process.stdout.close()
    assert process.wait(20) == 0


def test_a_script_that_resets_sigpipe(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\nprint('x')\ncapture.stop()\nprint('y')",
    )
    assert (script.run().returncode, script.run().stdout) == (0, b"x\ny\n")


def test_a_pattern_must_be_one() -> None:
    from mlops_lit.errors import InputError
    from mlops_lit.track.console import ConsoleCapture

    with pytest.raises(InputError, match=re.escape("'sk-['")):
        ConsoleCapture(Path("x"), patterns=["sk-["])
