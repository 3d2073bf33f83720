"What the page on buckets cannot show without a server: the protocol of S3, a cut and a silent network, hostile keys, forks."

from __future__ import annotations

import os
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bucket import Bucket, Cable

from mlops_lit.errors import InputError
from mlops_lit.store.remote import PART_BYTES, Unreachable, open_remote


def test_files_come_back_as_they_were(bucket: Bucket, tmp_path: Path):
    remote = open_remote(bucket.url)
    assert remote.entries() == []
    assert remote.head("runs/a/run.json") is None
    content = {"small": b"", "runs/a/run.json": b"{}", "objects/ab/cd": os.urandom(PART_BYTES + 1)}
    for key, data in content.items():
        (tmp_path / "file").write_bytes(data)
        assert remote.upload(key, tmp_path / "file") == len(data)
    assert {entry.key: entry.size_bytes for entry in remote.entries()} == {
        key: len(data) for key, data in content.items()
    }
    for key, data in content.items():
        entry = remote.download(key, tmp_path / "copy" / key)
        assert (tmp_path / "copy" / key).read_bytes() == remote.read(key) == data
        assert entry == remote.head(key)
        assert (tmp_path / "copy" / key).stat().st_mtime == entry.modified
    assert [entry.key for entry in remote.entries("runs")] == ["runs/a/run.json"]
    remote.remove(["small", "never/was"])
    assert [entry.key for entry in remote.entries()] == ["objects/ab/cd", "runs/a/run.json"]


@pytest.mark.parametrize(
    "key", ["a b", "x%2fy", "ünï", "a+b", "q?x=1", "a:b", "it's", "a&b=c", "~"]
)
def test_a_key_means_the_same_file_in_each_request(bucket: Bucket, key: str):
    remote = open_remote(bucket.url)
    assert remote.create(key, key.encode())
    assert [entry.key for entry in remote.entries()] == [key]
    assert remote.head(key) == remote.entries()[0]
    assert remote.read(key) == key.encode() == bucket.get(key)
    remote.remove([key])
    assert remote.entries() == []


def test_many_files_are_listed_and_removed(bucket: Bucket):
    remote = open_remote(bucket.url)
    keys = [f"f/{n:04d}" for n in range(250)]  # A listing has 100 to a page
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: remote.write(key, b"x"), keys))
    assert [entry.key for entry in remote.entries("f")] == keys
    remote.remove(keys)
    assert remote.entries() == []


def test_one_of_many_gets_a_name(bucket: Bucket):
    remote = open_remote(bucket.url)
    for n in range(10):
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(lambda me, n=n: remote.create(f"v{n}", b"%d" % me), range(8)))
        assert won.count(True) == 1
        assert remote.read(f"v{n}") == b"%d" % won.index(True)
        assert remote.create(f"v{n}", b"%d" % won.index(True))


def test_hostile_keys_are_refused_by_name_or_passed_over(bucket: Bucket, tmp_path: Path):
    remote = open_remote(bucket.url)
    remote.write("runs/a/run.json", b"{}")
    bucket.put("runs/a/w\\x", b"hostile")
    assert [entry.key for entry in remote.entries()] == ["runs/a/run.json"]
    for key in ("../x", "/etc/x", "runs/../../x", "runs//x", "runs/./x"):
        bucket.put(key, b"hostile")
        with pytest.raises(InputError, match="is no path inside a store"):
            remote.entries()
        for action in (remote.read, remote.head, lambda key: remote.download(key, tmp_path / "x")):
            with pytest.raises(InputError, match="cannot be a file of a store"):
                action(key)
        bucket.request("DELETE", f"mlops/{key}")
    assert os.listdir(tmp_path) == []


def test_what_is_wrong_is_said_without_the_secret(bucket: Bucket, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret := secrets.token_hex(16))
    for action in (
        lambda remote: remote.entries(),
        lambda remote: remote.read("a"),
        lambda remote: remote.create("a", b"x"),
    ):
        with pytest.raises(Unreachable, match=r"no such bucket. Create it") as said:
            action(open_remote("s3://no-such-bucket-here/mlops"))
        assert secret not in str(said.value)
    assert secret not in repr(open_remote(bucket.url))


def test_a_cut_network_is_noticed_and_survived(cable: Cable, bucket: Bucket, tmp_path: Path):
    remote = open_remote(bucket.url)
    remote.write("a", b"1")
    cable.cut()
    with pytest.raises(Unreachable, match="cannot be reached"):
        remote.read("a")
    cable.mend()
    assert remote.read("a") == b"1"
    (tmp_path / "large").write_bytes(os.urandom(4 * PART_BYTES))
    cable.cut_after = cable.passed_bytes + PART_BYTES
    with pytest.raises(Unreachable):
        remote.upload("large", tmp_path / "large")
    cable.mend()
    assert remote.head("large") is None
    assert remote.upload("large", tmp_path / "large") == 4 * PART_BYTES
    assert remote.download("large", tmp_path / "copy").size_bytes == 4 * PART_BYTES
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "large").read_bytes()


def test_a_silent_network_is_noticed_and_holds_up_nobody_else(cable: Cable, bucket: Bucket):
    remote, counted, answered = open_remote(bucket.url), 0, threading.Event()

    def ask() -> None:
        with pytest.raises(Unreachable, match="no answer in time"):
            remote.head("a")
        answered.set()

    remote.write("a", b"1")
    cable.silence()
    asking = threading.Thread(target=ask)
    asking.start()
    while not answered.wait(0.05) and asking.is_alive():
        counted += 1  # This thread goes on
    assert answered.is_set()
    assert counted > 3
    cable.cut()
    cable.mend()
    assert remote.read("a") == b"1"


def test_a_forked_process_has_the_bucket_too(bucket: Bucket, tmp_path: Path):
    remote = open_remote(bucket.url)
    remote.write("a", b"1")
    if (pid := os.fork()) == 0:
        status = 1
        try:
            with ThreadPoolExecutor(4) as pool:
                read = list(pool.map(lambda _: remote.read("a"), range(20)))
            remote.download("a", tmp_path / "copy")
            status = 0 if read == [b"1"] * 20 and not remote.create("a", b"2") else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert (tmp_path / "copy").read_bytes() == b"1"
