"""The compose files: every service is checked, contained and unprivileged, and Whisper gets its memory before vLLM."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ConfigDict

from server.settings import Settings, load

ROOT = Path(__file__).parent.parent
DOCKER = ROOT / "docker"
COMPOSE_FILES = sorted(DOCKER.glob("compose*.yaml"))

each_compose = pytest.mark.parametrize("path", COMPOSE_FILES, ids=lambda path: path.name)


class Healthcheck(BaseModel):
    test: list[str]
    interval: str
    timeout: str
    start_period: str


class Service(BaseModel):
    model_config = ConfigDict(extra="allow")

    image: str
    restart: str
    init: bool
    cap_drop: list[str]
    security_opt: list[str]
    stop_grace_period: str
    healthcheck: Healthcheck
    build: dict[str, Any] | None = None
    user: str | None = None
    ports: list[str] = []
    command: list[str] = []
    depends_on: dict[str, dict[str, str]] = {}
    environment: dict[str, Any] = {}
    deploy: dict[str, Any] = {}
    volumes: list[str] = []


def services(path: Path) -> dict[str, Service]:
    found = yaml.safe_load(path.read_text())["services"]
    return {name: Service.model_validate(service) for name, service in found.items()}


def seconds(duration: str) -> float:
    number, unit = re.fullmatch(r"(\d+)([ms])", duration).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def default_of(argument: str) -> str:
    """A compose argument with the defaults of its variables put in."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", argument)


def vllm_flags() -> dict[str, str]:
    command = services(DOCKER / "compose.yaml")["vllm"].command
    return {name: value for name, _, value in (default_of(argument).partition("=") for argument in command)}


def test_there_is_a_compose_file_for_a_gpu_and_one_for_cpus():
    assert [path.name for path in COMPOSE_FILES] == ["compose.cpu.yaml", "compose.yaml"]


@each_compose
def test_every_service_is_checked_contained_and_unprivileged(path):
    for name, service in services(path).items():
        assert service.healthcheck.test[0] == "CMD", f"{name}: exec form"
        assert service.cap_drop == ["ALL"]
        assert service.security_opt == ["no-new-privileges:true"]
        assert not {"privileged", "network_mode", "pid", "ipc", "cap_add"} & service.model_extra.keys()
        if service.build:
            context = (path.parent / service.build["context"]).resolve()
            assert context == ROOT
            assert (context / service.build["dockerfile"]).is_file(), "test_docker.py sees that its user is not root"
            assert service.model_extra["read_only"] is True
        else:
            assert int(service.user.split(":")[0]) > 0
            assert re.search(r":v\d+\.\d+\.\d+$", service.image), "a version, not a moving tag"


@each_compose
def test_only_the_server_is_published_and_only_on_this_host(path):
    port = Settings.model_fields["port"].default
    published = {name: service.ports for name, service in services(path).items() if service.ports}
    assert published == {"server": [f"127.0.0.1:{port}:{port}"]}


@each_compose
def test_the_server_has_time_to_drain_and_counts_as_healthy_when_it_is_ready(path):
    server = services(path)["server"]
    assert seconds(server.stop_grace_period) > 2 * Settings.model_fields["shutdown_grace_s"].default
    assert server.healthcheck.test == ["CMD", "python", "/opt/healthcheck.py", "/health/ready"]


@each_compose
def test_volumes_are_declared_and_lie_where_weights_are_looked_for(path):
    declared = yaml.safe_load(path.read_text())["volumes"].keys()
    mounted = dict(volume.split(":") for service in services(path).values() for volume in service.volumes)
    assert mounted.keys() == declared
    assert "/weights" in mounted.values()


def test_whisper_takes_its_memory_before_vllm_takes_a_bounded_share_of_the_same_gpu():
    both = services(DOCKER / "compose.yaml")
    assert both["vllm"].depends_on == {"server": {"condition": "service_healthy"}}
    assert not both["server"].depends_on
    assert 0.2 <= float(vllm_flags()["--gpu-memory-utilization"]) <= 0.8
    assert both["vllm"].deploy == both["server"].deploy
    devices = both["vllm"].deploy["resources"]["reservations"]["devices"]
    assert [(device["driver"], device["capabilities"]) for device in devices] == [("nvidia", ["gpu"])]


def test_vllm_logs_no_prompts_reports_nothing_and_writes_no_white_space():
    flags, vllm = vllm_flags(), services(DOCKER / "compose.yaml")["vllm"]
    assert {"--no-enable-log-requests", "--disable-uvicorn-access-log"} <= flags.keys()
    assert json.loads(flags["--structured-outputs-config"]) == {"backend": "xgrammar", "disable_any_whitespace": True}
    assert vllm.environment["VLLM_NO_USAGE_STATS"] == 1
    assert int(flags["--max-model-len"]) >= 8192, "what the extraction client asks for"


def test_the_server_is_told_where_vllm_is(monkeypatch):
    server = services(DOCKER / "compose.yaml")["server"]
    for name, value in server.environment.items():
        monkeypatch.setenv(name, default_of(str(value)))
    assert str(load().vllm_url) == "http://vllm:8000/v1"


@each_compose
def test_the_server_may_hold_many_connections(path):
    assert services(path)["server"].model_extra["ulimits"] == {"nofile": {"soft": 65_536, "hard": 65_536}}
