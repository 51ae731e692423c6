"""Scripts carry the shared functions they need, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tasks import lua
from trunkline_client import scripts

_SHARED = frozenset(re.findall(r"^local (?:function )?(\w+)", scripts.prelude(), re.MULTILINE))
_DEFINITIONS = """-- the head of a file
local ONE = 1

local function two()
  return ONE
end

-- names unused() in a comment only
local function three()
  return two()
end

local function unused()
  return 4
end
"""


def test_what_a_script_names_is_kept_with_all_that_this_names_in_its_order() -> None:
    kept = scripts.needed(_DEFINITIONS, "return three()")

    assert re.findall(r"^local (?:function )?(\w+)", kept, re.MULTILINE) == ["ONE", "two", "three"]


def test_a_definition_that_only_a_comment_names_is_left_out() -> None:
    assert scripts.needed(_DEFINITIONS, "-- unused()\nreturn 1") == ""


@pytest.mark.parametrize(
    "text",
    [
        *(pytest.param(one.text, id=one.name) for one in (scripts.ENQUEUE, scripts.CANCEL, scripts.USED)),
        *(
            pytest.param(lua.source(path.stem), id=path.stem)
            for path in sorted(Path(lua.__file__).with_name("scripts").glob("*.lua"))
        ),
    ],
)
def test_every_shared_name_in_a_script_is_defined_before_it(text: str) -> None:
    defined: set[str] = set()
    for line in re.sub(r"^ *--.*$", "", text, flags=re.MULTILINE).splitlines():
        defined |= set(re.findall(r"^local (?:function )?(\w+)", line))
        assert set(re.findall(r"\b(\w+)\(", line)) & _SHARED <= defined, line


def test_no_script_calls_a_command_that_rewrites_itself_longer() -> None:
    """`INCRBYFLOAT` in a script makes Redis 6.2.14 read past the end of its arguments at a later command, and crash."""
    folders = [Path(lua.__file__).with_name("scripts"), Path(scripts.__file__).with_name("scripts")]
    texts = [path.read_text() for folder in folders for path in folder.glob("*.lua")]

    assert len(texts) > 20
    assert not [one for one in texts if re.search(r"call\('H?INCRBYFLOAT'", one)]


def test_shared_files_hold_local_definitions_only() -> None:
    lines = [line for line in scripts.prelude().splitlines() if line and line[0] not in " -"]

    assert {line for line in lines if not line.startswith("local ")} <= {"end", "}"}
