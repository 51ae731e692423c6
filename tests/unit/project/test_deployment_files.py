"""The files a deployment is made from agree with each other and keep their promises; nothing is started here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from trunkline_client import keys
from worker import probe
from worker.environment import variable
from worker.settings import Settings

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
ENV_EXAMPLE = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
WORKERS = ("worker", "fallback-worker", "urgent-worker")


def queues_of(service: str) -> tuple[str, ...]:
    command = SERVICES[service]["command"]
    return tuple(command[command.index("--queues") + 1].split(",")) if "--queues" in command else keys.ALL_QUEUES


@pytest.mark.parametrize("service", SERVICES)
def test_every_container_gives_up_what_it_does_not_need(service: str) -> None:
    hardened = SERVICES[service]
    assert hardened["read_only"] is True
    assert hardened["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in hardened["security_opt"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_published_port_is_bound_to_the_loopback_address(service: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[service].get("ports", []))


def test_redis_writes_to_disk_evicts_nothing_and_keeps_records_small() -> None:
    redis = SERVICES["redis"]
    options = dict(zip(redis["command"][1::2], redis["command"][2::2], strict=True))
    assert options == {
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--maxmemory-policy": "noeviction",
        "--hash-max-listpack-value": "1024",
    }
    assert redis["volumes"] == ["journal:/data"]
    assert "ports" not in redis


def test_redis_is_on_a_network_without_a_way_out() -> None:
    assert SERVICES["redis"]["networks"] == ["journal"]
    assert COMPOSE["networks"]["journal"] == {"internal": True}


@pytest.mark.parametrize("worker", WORKERS)
def test_a_worker_consumes_only_queues_of_the_contract(worker: str) -> None:
    assert set(queues_of(worker)) <= set(keys.ALL_QUEUES)


def test_fallback_and_urgent_jobs_have_workers_of_their_own() -> None:
    assert queues_of("fallback-worker") == ("fallback.syniverse", "fallback.twilio")
    assert queues_of("urgent-worker") == ("dispatch.urgent",)


@pytest.mark.parametrize("worker", WORKERS)
def test_a_stopping_worker_has_time_for_its_limit_and_its_longest_attempt(worker: str) -> None:
    limit_s, attempt_s = (Settings.model_fields[name].default for name in ("stop_s", "attempt_s"))
    assert int(SERVICES[worker]["stop_grace_period"].removesuffix("s")) >= limit_s + 5 > attempt_s


@pytest.mark.parametrize("service", ["flower", "simulators", "redis", "exporter"])
def test_only_workers_get_the_secret_keys(service: str) -> None:
    assert "env_file" not in SERVICES[service]
    assert "TRUNKLINE_SECRET_KEYS" not in SERVICES[service].get("environment", {})


def test_flower_asks_for_a_password_from_the_environment_and_changes_nothing() -> None:
    environment = SERVICES["flower"]["environment"]
    assert environment["FLOWER_BASIC_AUTH"] == "${FLOWER_USER:?set it in .env}:${FLOWER_PASSWORD:?set it in .env}"
    assert environment["FLOWER_READ_ONLY"] == "true"


@pytest.mark.parametrize("worker", WORKERS)
def test_a_worker_shows_metrics_and_health_inside_its_networks_only(worker: str) -> None:
    environment = SERVICES[worker]["environment"]
    assert int(environment["TRUNKLINE_METRICS_PORT"]) > 0
    assert "ports" not in SERVICES[worker]


def test_the_exporter_is_asked_where_it_listens() -> None:
    exporter = SERVICES["exporter"]
    port = exporter["command"][exporter["command"].index("--port") + 1]
    assert exporter["environment"]["TRUNKLINE_METRICS_PORT"] == port
    assert exporter["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_prometheus_scrapes_the_ports_that_are_served() -> None:
    jobs = {job["job_name"]: job for job in yaml.safe_load((ROOT / "ops/prometheus.yml").read_text())["scrape_configs"]}
    (workers,) = jobs["trunkline-workers"]["dns_sd_configs"]
    assert workers["names"] == list(WORKERS)
    assert {SERVICES[worker]["environment"]["TRUNKLINE_METRICS_PORT"] for worker in WORKERS} == {str(workers["port"])}
    assert jobs["trunkline-exporter"]["static_configs"] == [{"targets": ["exporter:9464"]}]


def test_the_production_image_is_healthy_when_it_is_ready() -> None:
    production = DOCKERFILE.split(" AS production\n")[1]
    assert re.search(r'^HEALTHCHECK .* CMD \["python", "-m", "worker\.probe"\]$', production, re.MULTILINE)
    assert (variable("metrics_port"), variable("metrics_host")) == (probe.PORT_VARIABLE, probe.HOST_VARIABLE)


def test_the_example_environment_holds_no_secret() -> None:
    assert ENV_EXAMPLE["TRUNKLINE_SECRET_KEYS"] == ""
    assert ENV_EXAMPLE["FLOWER_PASSWORD"] == ""


@pytest.mark.parametrize("service", [name for name in SERVICES if "build" in SERVICES[name]])
def test_every_image_is_a_target_of_the_dockerfile(service: str) -> None:
    assert f" AS {SERVICES[service]['build']['target']}\n" in DOCKERFILE


def test_every_image_drops_root_before_it_runs() -> None:
    base = DOCKERFILE.split(" AS base\n")[1]
    assert "USER 10001" in base.split("FROM ")[0]
    assert re.findall(r"^FROM (\S+) AS (flower|simulators|production)$", DOCKERFILE, re.MULTILINE) == [
        ("base", "flower"),
        ("base", "simulators"),
        ("base", "production"),
    ]


def test_the_production_image_comes_last_and_has_no_extras() -> None:
    last_stage = DOCKERFILE.split("FROM ")[-1]
    assert last_stage.startswith("base AS production")
    assert "--from=wheels /opt/trunkline" in last_stage
