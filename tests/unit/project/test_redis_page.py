"""The page about Redis keeps up with the scripts and the findings."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.acl import PAGE, USERS

ROOT = Path(__file__).parents[3]
CLIENT_SCRIPTS = [file.read_text() for file in sorted((ROOT / "client/trunkline_client/scripts").glob("*.lua"))]


def test_a_producer_may_run_every_command_of_the_clients_scripts() -> None:
    calls = re.findall(r"redis\.call\(([^,)]+)", "".join(CLIENT_SCRIPTS))
    commands = {command for call in calls for command in re.findall(r"'([A-Z]+)'", call)}

    assert {"LPUSH", "RPUSH", "HSET"} <= commands
    assert {command for command in commands if f"+{command.lower()}" not in USERS["trunkline-producer"]} == set()


def test_a_producer_may_touch_every_key_of_the_clients_scripts() -> None:
    code = re.sub(r"--.*", "", "".join(CLIENT_SCRIPTS))
    named = set(re.findall(r"'(tl:[a-z_]+:?)'?", code))
    allowed = {rule[1:].removesuffix("*") for rule in USERS["trunkline-producer"] if rule.startswith("~")}

    assert {"tl:job:", "tl:tuning"} <= named
    assert named - allowed == set()


def test_every_finding_is_on_the_page() -> None:
    findings = set(re.findall(r"Finding\(\s*\"([a-z]+)\"", (ROOT / "worker" / "redis_health.py").read_text()))

    assert {"eviction", "compact"} <= findings
    assert {finding for finding in findings if f"| `{finding}` |" not in PAGE.read_text()} == set()
