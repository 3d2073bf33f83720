"""An S3 server on this machine for tests, buckets in it, and a cable to it that can be cut.

The fixtures `bucket` and `cable` are known to all test modules (conftest.py). The server is moto in a process of its
own: it speaks the real protocol, keeps everything in memory and listens on 127.0.0.1 only.
"""

from __future__ import annotations

import contextlib
import http.client
import secrets
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import psutil
import pytest

SERVER = """
import logging, os, sys
os.environ["MOTO_S3_DEFAULT_MAX_KEYS"] = "100"  # Entries to a page of a listing
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
while server._server is None:
    pass
print(server._server.server_port, flush=True)
sys.stdin.read()
os._exit(0)
"""

SOMEBODY = "AWS4-HMAC-SHA256 Credential=AKIATEST/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


@dataclass(frozen=True)
class Bucket:
    "A bucket of its own for one test."

    name: str
    endpoint: str  # http://127.0.0.1:<port>

    @property
    def url(self) -> str:
        return f"s3://{self.name}/mlops"

    def request(self, method: str, key: str = "", data: bytes | None = None) -> bytes:
        "A request as it is, without the checks of the package: for keys that a client would refuse."
        parts = urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        connection.request(
            method,
            f"/{self.name}/{quote(key)}" if key else f"/{self.name}",
            data,
            {"Content-Type": "application/octet-stream", "Authorization": SOMEBODY},
        )
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status < 300, body
        return body

    def put(self, key: str, data: bytes) -> None:
        "Write `mlops/<key>`, whatever the key."
        self.request("PUT", f"mlops/{key}", data)

    def get(self, key: str) -> bytes:
        "The bytes of `mlops/<key>`."
        return self.request("GET", f"mlops/{key}")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    "The address of an S3 server that ends with the tests."
    pytest.importorskip("moto")
    pytest.importorskip("flask")
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.stdin.close()
    process.wait(10)


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bucket]:
    "An empty bucket; this process and those it starts find it through the environment."
    made = Bucket(f"test-{secrets.token_hex(8)}", s3_server)
    made.request("PUT")
    use_endpoint(monkeypatch, s3_server)
    yield made
    end_uploaders(tmp_path)


def uploaders(folder: Path) -> list[psutil.Process]:
    "The uploaders of mirrors in that folder or below."
    found = []
    for process in psutil.process_iter(["cmdline"]):
        arguments = process.info["cmdline"] or []
        uploads = any("upload_until_done" in argument for argument in arguments)
        if uploads and any(Path(argument).is_relative_to(folder) for argument in arguments):
            found.append(process)
    return found


def end_uploaders(folder: Path) -> None:
    "End the uploaders that a test has started for mirrors in its folder."
    for process in uploaders(folder):
        process.kill()


def use_endpoint(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    "Let S3 be at that address, with credentials that only this server takes."
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }.items():
        monkeypatch.setenv(name, value)


class Cable:
    "A way to a server on this machine that can be cut, go silent, and be mended."

    def __init__(self, endpoint: str):
        self.target = (urlsplit(endpoint).hostname or "", urlsplit(endpoint).port or 0)
        self.passed_bytes = 0  # Towards the server
        self.cut_after: int | None = None  # Cut when so many bytes have passed
        self._silent, self._pairs = False, list[tuple[socket.socket, socket.socket]]()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._port = 0
        self.mend()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def mend(self) -> None:
        "Let everything through."
        self._silent = False
        if self._listener is None:
            self._listener = socket.socket()
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind(("127.0.0.1", self._port))
            self._port = self._listener.getsockname()[1]
            self._listener.listen(64)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def silence(self) -> None:
        "Take everything and pass nothing on: what a lost line looks like from its end."
        self._silent = True

    def cut(self) -> None:
        "Break every connection and refuse new ones."
        with self._lock:
            listener, self._listener = self._listener, None
            pairs, self._pairs = self._pairs, []
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for end in (end for pair in pairs for end in pair):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(self.target, timeout=10)
            except OSError:
                return
            with self._lock:
                self._pairs.append((near, far))
            threading.Thread(target=self._pass, args=(near, far), daemon=True).start()

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        "Pass bytes both ways until one end closes."
        other = {near: far, far: near}
        with contextlib.suppress(OSError), near, far:
            while True:
                for end in select.select([near, far], [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    if self._silent:
                        continue
                    if end is near:
                        self.passed_bytes += len(data)
                        if self.cut_after is not None and self.passed_bytes > self.cut_after:
                            self.cut_after = None
                            self.cut()
                            return
                    other[end].sendall(data)


@pytest.fixture
def cable(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cable]:
    "The only way to the bucket of the test."
    made = Cable(bucket.endpoint)
    use_endpoint(monkeypatch, made.endpoint)
    yield made
    made.cut()
