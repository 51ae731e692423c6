from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

CLIENT = Path(__file__).parents[3] / "client"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The client's wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=CLIENT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_client_needs_only_redis(wheel: zipfile.ZipFile) -> None:
    (name,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    lines = wheel.read(name).decode().splitlines()
    needed = [line for line in lines if line.startswith("Requires-Dist") and "extra ==" not in line]
    assert needed == ["Requires-Dist: redis<9,>=6.4"]


def test_the_wheel_holds_the_scripts_and_its_types_and_no_tests(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    scripts = {f"trunkline_client/scripts/{script.name}" for script in CLIENT.glob("trunkline_client/scripts/*.lua")}
    assert scripts | {"trunkline_client/py.typed"} <= names
    assert not [name for name in names if "test" in name]
