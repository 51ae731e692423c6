from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis import Redis

from tests.support.redis_server import HOST, RedisServer

pytestmark = pytest.mark.integration

STARTER = """
import sys, time
from pathlib import Path
from tests.support.redis_server import RedisServer
server = RedisServer(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""


def test_a_server_with_an_append_only_file_keeps_what_it_confirmed_over_a_kill(tmp_path: Path) -> None:
    with RedisServer(tmp_path, aof=True) as server, Redis(host=HOST, port=server.port) as client:
        client.set("key", "value")
        server.kill()
        server.start()
        assert client.get("key") == b"value"


def test_a_stopped_server_leaves_no_process(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        pid = server.pid
    assert not _alive(pid)


def test_a_server_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        starter.send_signal(signal.SIGKILL)
    for _ in range(500):
        if not _alive(pid):
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the server outlived the process that started it")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")  # a dead child of ours, or of an init that reaps slowly, still has a pid
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
