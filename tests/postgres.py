"""A real PostgreSQL for tests: `from postgres import postgres`, then take the fixture, which is the URL of a database.

Debian's binaries are found in /usr/lib/postgresql or on the PATH. Without them the tests are skipped; where they must
not be, MLOPS_LIT_TEST_POSTGRES=required makes that a failure. The server listens on this machine only, sorts text as
people do (which the catalog must not rely on), and ends with the session.
"""

from __future__ import annotations

import atexit
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

USERS = ("postgres", "nobody")  # Whom root becomes: PostgreSQL refuses to run as root


def binaries() -> Path | None:
    "The folder with initdb and postgres, the newest there is; None when there is none."
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if folders:
        return max(folders, key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def as_user() -> dict[str, Any]:
    "Arguments of subprocess that make root somebody else; none for others."
    if os.geteuid() != 0:
        return {}
    known = {user.pw_name: user for user in pwd.getpwall()}
    user = next(known[name] for name in USERS if name in known)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def free_port() -> int:
    "A port that nobody listens on."
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Server:
    "A PostgreSQL in a temporary folder."

    def __init__(self, bin: Path):
        self.bin, self.folder = bin, Path(tempfile.mkdtemp(prefix="postgres-"))
        self.how = {
            "cwd": self.folder,
            "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            **as_user(),
        }
        if "user" in self.how:
            os.chown(self.folder, self.how["user"], self.how["group"])
        self.process: subprocess.Popen | None = None
        atexit.register(self.remove)
        self.initialize()
        self.start()

    def initialize(self) -> None:
        "Make the database cluster."
        command = [self.bin / "initdb", "-D", self.folder / "data", "-U", "ada", "-E", "UTF8"]
        command += ["--auth=trust", "--no-sync", "--locale=C.UTF-8"]
        linguistic = ["--locale-provider=icu", "--icu-locale=en-US"]
        for options in (linguistic, []):  # A server without ICU sorts by bytes
            done = subprocess.run([*command, *options], capture_output=True, text=True, **self.how)
            if done.returncode == 0:
                return
            shutil.rmtree(self.folder / "data", ignore_errors=True)
        raise RuntimeError(f"initdb failed: {done.stderr}")

    def start(self) -> None:
        "Start it and wait until it answers."
        for _ in range(5):  # Somebody else may take the port first
            self.port = free_port()
            command = [self.bin / "postgres", "-D", self.folder / "data", "-h", "127.0.0.1"]
            command += ["-p", str(self.port), "-k", "", "-F"]
            log = open(self.folder / "log", "ab")  # noqa: SIM115
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **self.how)
            log.close()
            while self.process.poll() is None:
                if self.answers():
                    return
                time.sleep(0.05)
        raise RuntimeError(f"postgres did not start: {(self.folder / 'log').read_text()}")

    def answers(self) -> bool:
        "Whether it takes connections."
        command = [self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, **self.how).returncode == 0

    def stop(self) -> None:
        "Stop it at once; its data stays."
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(10)

    def remove(self) -> None:
        "Stop it and remove its folder."
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self) -> str:
        "The URL of its database, as the setting `catalog` takes it."
        return f"postgresql+psycopg://ada@127.0.0.1:{self.port}/postgres"


@lru_cache(maxsize=1)
def server() -> Server | None:
    "The one server of this session; None without binaries."
    found = binaries()
    return Server(found) if found else None


@pytest.fixture(scope="session")
def postgres() -> str:
    "The URL of a database."
    pytest.importorskip("psycopg")
    if (running := server()) is not None:
        return running.url
    reason = "PostgreSQL is not installed: no initdb in /usr/lib/postgresql/*/bin or on the PATH."
    if os.environ.get("MLOPS_LIT_TEST_POSTGRES") == "required":
        pytest.fail(reason)
    pytest.skip(reason)
