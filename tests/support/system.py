"""A whole Trunkline of real parts: a Redis server, the simulated providers, worker processes and the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.fernet import Fernet

from providers.simulators.control import SimulatorControl
from providers.simulators.faults import FaultKind, FaultPlan
from providers.simulators.ledger import Entry
from providers.simulators.server import start
from providers.simulators.world import (
    SimulatedGateway,
    SyniverseAccount,
    SyniverseChannel,
    TwilioAccount,
    TwilioNumber,
    TwilioNumberKind,
    TwilioShortCode,
    World,
)
from tests.support.clocks import shifted_clock
from tests.support.redis_server import RedisServer
from trunkline_client import Status, Trunkline
from trunkline_client.connection import open_sync
from trunkline_client.message import submit_message
from trunkline_client.words import JobState

BIN: Final = Path(sys.executable).parent
WAIT_S: Final = 60.0
READY: Final = "worker.ready"

#: A test sends more over one number than a real one can take: every gate is passed, and none is closed.
UNHURRIED: Final = {
    "TRUNKLINE_CONCURRENT_REQUESTS": "10000",
    **dict.fromkeys(
        (
            "TRUNKLINE_CALLS_PER_SECOND",
            "TRUNKLINE_SEGMENTS_PER_SECOND_PHONE_NUMBER",
            "TRUNKLINE_SEGMENTS_PER_SECOND_TOLL_FREE",
            "TRUNKLINE_SEGMENTS_PER_SECOND_SHORT_CODE",
        ),
        "100000",
    ),
}

#: Secrets that must never appear in any output.
TOKENS: Final = {
    "ACME_TOKEN": "acme-auth-token-7f3a",
    "GLOBEX_TOKEN": "globex-auth-token-91bc",
    "SYNIVERSE_TOKEN": "sy-77aa",
    "GATEWAY_TOKEN": "gateway-secret-52d0",
}
ACME_SID, GLOBEX_SID = "AC" + "a" * 32, "AC" + "b" * 32

SYNIVERSE: Final = """\
        kind: syniverse
        name: Syniverse
        access_token: ${SYNIVERSE_TOKEN}
        consent: {by: ops@acme.example}
        channels: [sms, voice]
        originators: [{id: "channel:1KJPMkuHQkair"}]"""

CONFIGURATION: Final = f"""
tenants:
  acme:
    default_chain: [acme-twilio, acme-syniverse]
    senders:
      acme-twilio:
        kind: twilio
        name: Acme Twilio
        account_sid: {ACME_SID}
        auth_token: ${{ACME_TOKEN}}
        consent: {{by: ops@acme.example}}
        channels: [sms, voice]
        numbers:
          - {{number: "+12015550100"}}
          - {{number: "+12015550101"}}
          - {{number: "+18335550199", countries: [US, CA]}}
      acme-syniverse:
{SYNIVERSE}
  globex:
    default_chain: [globex-twilio, globex-second, globex-syniverse]
    senders:
      globex-twilio:
        kind: twilio
        name: Globex short code
        account_sid: {GLOBEX_SID}
        auth_token: ${{GLOBEX_TOKEN}}
        consent: {{by: ops@globex.example}}
        channels: [sms]
        numbers: [{{number: "88022"}}]
      globex-second:
        kind: twilio
        name: Globex second
        account_sid: {GLOBEX_SID}
        auth_token: ${{GLOBEX_TOKEN}}
        consent: {{by: ops@globex.example}}
        channels: [sms]
        numbers: [{{number: "+442071838750"}}]
      globex-syniverse:
{SYNIVERSE}
"""


def world() -> World:
    """Return the accounts of the configuration above."""
    toll_free = TwilioNumber("+18335550199", kind=TwilioNumberKind.TOLL_FREE)
    own = (TwilioNumber("+12015550100"), TwilioNumber("+12015550101"), toll_free)
    return World(
        twilio=(
            TwilioAccount(ACME_SID, TOKENS["ACME_TOKEN"], "Acme", numbers=own),
            TwilioAccount(
                GLOBEX_SID,
                TOKENS["GLOBEX_TOKEN"],
                "Globex",
                numbers=(TwilioNumber("+442071838750"),),
                short_codes=(TwilioShortCode("88022"),),
            ),
        ),
        syniverse=(
            SyniverseAccount(
                name="syniverse",
                token=TOKENS["SYNIVERSE_TOKEN"],
                channels=(SyniverseChannel("1KJPMkuHQkair", "Everywhere"),),
            ),
        ),
        gateways=(SimulatedGateway("gateway", TOKENS["GATEWAY_TOKEN"]),),
    )


@dataclass(slots=True)
class WorkerProcess:
    """A worker as a process, with everything it printed in one file."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        """Everything the worker printed so far."""
        return self.log.read_text(encoding="utf-8")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log events of one name."""
        lines = [line for line in self.output.splitlines() if line.startswith("{")]
        return [event for line in lines if (event := json.loads(line)).get("event") == name]

    def wait_ready(self) -> None:
        """Return when the worker takes messages."""
        give_up_at = time.monotonic() + WAIT_S
        while READY not in self.output:
            if self.process.poll() is not None or time.monotonic() > give_up_at:
                raise AssertionError(f"the worker did not get ready:\n{self.output}")
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the worker and return its exit code; a worker that does not end is killed."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@dataclass(slots=True)
class System:
    """The running parts."""

    folder: Path
    redis: RedisServer
    control: SimulatorControl
    environment: Mapping[str, str]
    client: Trunkline
    raw: Any  # a plain redis client; redis-py's types say `bytes | str` for answers that are text
    workers: list[WorkerProcess] = field(default_factory=list)

    def start_worker(
        self,
        *arguments: str,
        plain: bool = False,
        app: str = "worker.app",
        folder: Path | None = None,
        clock_offset_s: float = 0,
        variables: Mapping[str, str] | None = None,
    ) -> WorkerProcess:
        """Start a worker: `trunkline worker` with arguments, or plain `celery -A worker.app worker`.

        Args:
            app: what plain Celery loads, if not `worker.app`.
            clock_offset_s: how far its wall clock is ahead of the right time, in seconds.
            variables: settings of its own.
        """
        command = ["celery", "-A", app, "worker"] if plain else ["trunkline", "worker"]
        log = self.folder / f"worker-{len(self.workers)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(BIN / command[0]), *command[1:], *arguments],
                env={**self.environment, **shifted_clock(clock_offset_s), **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=folder or self.folder,
            )
        worker = WorkerProcess(process, log)
        self.workers.append(worker)
        return worker

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one `trunkline` command to its end."""
        return subprocess.run(
            [str(BIN / "trunkline"), *arguments],
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=WAIT_S,
            check=False,
        )

    def apply(self, text: str = CONFIGURATION) -> None:
        """Apply a configuration."""
        file = self.folder / "tenants.yaml"
        file.write_text(text, encoding="utf-8")
        done = self.run("apply", str(file), "--yes")
        assert done.returncode == 0, done.stderr

    def outcome(self, job_id: str, *states: JobState, wait_s: float = WAIT_S) -> Status:
        """Return the job's status once it has ended, or is in one of `states`."""
        give_up_at = time.monotonic() + wait_s
        while True:
            status = self.client.status(job_id)
            assert status is not None
            state = JobState(status["state"])
            if state in states or (not states and state.is_finished):
                return status
            if time.monotonic() > give_up_at:
                raise AssertionError(f"{status}\n" + "\n".join(worker.output[-3000:] for worker in self.workers))
            time.sleep(0.02)

    def redis_contents(self) -> str:
        """Return every key and value of the database as text."""
        parts: list[str] = []
        for key in self.raw.keys("*"):
            match self.raw.type(key):
                case "hash":
                    parts.append(json.dumps(self.raw.hgetall(key)))
                case "list":
                    parts += self.raw.lrange(key, 0, -1)
                case "set":
                    parts += self.raw.smembers(key)
                case "zset":
                    parts += self.raw.zrange(key, 0, -1)
                case "stream":
                    parts.append(json.dumps(self.raw.xrange(key)))
                case _:
                    parts.append(self.raw.get(key) or "")
            parts.append(key)
        return "\n".join(parts)

    def submit(self, job: Mapping[str, Any], task_id: str, queue: str) -> None:
        """Publish a whole job as a producer in another language would, and wait until it is recorded."""
        self.raw.lpush(queue, json.dumps(submit_message(job, task_id, queue)))
        give_up_at = time.monotonic() + WAIT_S
        while self.client.status(task_id) is None:
            assert time.monotonic() < give_up_at, "\n".join(worker.output[-3000:] for worker in self.workers)
            time.sleep(0.02)

    def accepted(self, recipient: str) -> list[Entry]:
        """Return what the providers accepted for one recipient."""
        return [entry for entry in self.control.ledger().entries if entry.to.removeprefix("voice:") == recipient]

    def refuse(self, recipient: str, code: int, status: int = 400, **plan: Any) -> None:
        """Let Twilio refuse messages to one recipient."""
        self.control.arm(
            FaultPlan(
                kind=FaultKind.ANSWER,
                provider="twilio",
                method="POST",
                recipient=recipient,
                code=code,
                status=status,
                **plan,
            )
        )


@contextmanager
def running(
    folder: Path, *, aof: bool = False, redis: RedisServer | None = None, redis_url: str = "", **variables: str
) -> Iterator[System]:
    """Run a Redis server, or use `redis` by way of `redis_url`, and the simulators; workers are the test's to start."""
    with ExitStack() as stack:
        redis = redis or stack.enter_context(RedisServer(folder / "redis", aof=aof))
        redis_url = redis_url or redis.url
        simulator = stack.enter_context(start(world=world()))
        control = stack.enter_context(simulator.control())
        client = stack.enter_context(Trunkline(redis_url))
        environment = {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "TRUNKLINE_REDIS_URL": redis_url,
            "TRUNKLINE_SECRET_KEYS": Fernet.generate_key().decode(),
            "TRUNKLINE_LOG_FORMAT": "json",
            **UNHURRIED,
            **simulator.addresses.environment,
            **TOKENS,
            **variables,
        }
        raw = stack.enter_context(open_sync(redis_url))
        system = System(folder, redis, control, environment, client, raw)
        try:
            yield system
        finally:
            for worker in system.workers:
                worker.stop(signal.SIGKILL)
            shutil.rmtree(folder / "redis", ignore_errors=True)
