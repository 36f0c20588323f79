"""The compose files: every service is checked, contained and unprivileged, and Whisper gets its memory before vLLM."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ConfigDict

from server.settings import Settings, load

ROOT = Path(__file__).parents[2]
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


def whole(path: Path, part: str) -> dict[str, Any]:
    """A part of a compose file together with that of the files that it includes."""
    found = yaml.safe_load(path.read_text())
    parts = [found[part], *(whole(path.parent / name, part) for name in found.get("include", ()))]
    merged = {name: value for each in parts for name, value in each.items()}
    assert len(merged) == sum(map(len, parts)), "compose refuses a name that two files have"
    return merged


def services(path: Path) -> dict[str, Service]:
    return {name: Service.model_validate(service) for name, service in whole(path, "services").items()}


def seconds(duration: str) -> float:
    number, unit = re.fullmatch(r"(\d+)([ms])", duration).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def default_of(argument: str) -> str:
    """A compose argument with the defaults of its variables put in."""
    return interpolated(argument, {})


def interpolated(argument: str, given: dict[str, str]) -> str:
    """A compose argument as compose reads it: the innermost ${NAME:-default} first."""
    while (found := re.search(r"\$\{(\w+):-([^${}]*)\}", argument)) is not None:
        argument = argument[: found.start()] + (given.get(found[1]) or found[2]) + argument[found.end() :]
    return argument


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
            if name == "vllm":
                assert re.search(r":v\d+\.\d+\.\d+$", service.image), "a version, not a moving tag"
            else:
                assert re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", service.image), "by digest"
                assert service.model_extra["read_only"] is True


@each_compose
def test_nothing_but_the_proxy_is_published_beyond_this_host_and_vllm_redis_and_the_metrics_not_at_all(path):
    port = Settings.model_fields["port"].default
    published = {name: service.ports for name, service in services(path).items() if service.ports}
    assert published == {
        "server": [f"127.0.0.1:{port}:{port}"],
        "nginx": ["80:80", "443:443"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


@each_compose
def test_what_is_not_needed_to_serve_starts_only_with_its_profile(path):
    profiles = {name: service.model_extra.get("profiles") for name, service in services(path).items()}
    assert profiles.pop("server") is None
    assert profiles.pop("vllm", None) is None
    assert profiles == {
        "nginx": ["proxy"], "redis": ["store"], "prometheus": ["monitoring"], "grafana": ["monitoring"],
    }  # fmt: skip


@each_compose
def test_every_file_that_a_service_mounts_is_there_and_cannot_be_written(path):
    mounted = [volume for service in services(path).values() for volume in service.volumes if volume.startswith("./")]
    assert len(mounted) == 8
    for volume in mounted:
        source, _, mode = volume.split(":")
        assert mode == "ro"
        assert (path.parent / source).exists(), source


def test_both_compose_files_have_the_same_services_around_the_server():
    cpu, gpu = (services(DOCKER / name) for name in ("compose.cpu.yaml", "compose.yaml"))
    assert cpu.keys() == gpu.keys() - {"vllm"}
    assert all(cpu[name] == gpu[name] for name in cpu.keys() - {"server"})


@each_compose
def test_a_full_redis_refuses_and_forgets_nothing(path):
    command = services(path)["redis"].command
    assert {"--maxmemory-policy noeviction", "--appendonly yes"} <= set(command)


@each_compose
def test_the_server_has_time_to_drain_and_counts_as_healthy_when_it_is_ready(path):
    server = services(path)["server"]
    assert seconds(server.stop_grace_period) > 2 * Settings.model_fields["shutdown_grace_s"].default
    assert server.healthcheck.test == ["CMD", "python", "/opt/healthcheck.py", "/health/ready"]


@each_compose
def test_volumes_are_declared_and_lie_where_weights_are_looked_for(path):
    declared = whole(path, "volumes").keys()
    volumes = [volume for service in services(path).values() for volume in service.volumes]
    mounted = dict(volume.split(":") for volume in volumes if not volume.startswith("./"))
    assert mounted.keys() == declared
    assert "/weights" in mounted.values()


def gpus(given: dict[str, str]) -> dict[str, list[str]]:
    """The GPUs of each service, as compose hands them out with the given variables."""
    found = {}
    for name, service in services(DOCKER / "compose.yaml").items():
        if not service.deploy:
            continue
        (device,) = service.deploy["resources"]["reservations"]["devices"]
        assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
        found[name] = [interpolated(gpu, given) for gpu in device["device_ids"]]
    return found


@pytest.mark.parametrize(
    ("given", "server", "vllm"),
    [
        ({}, "0", "0"),
        ({"GPU": "3"}, "3", "3"),
        ({"VLLM_GPU": "1"}, "0", "1"),
        ({"GPU": "2", "VLLM_GPU": "GPU-5c1d"}, "2", "GPU-5c1d"),
    ],
)
def test_server_and_vllm_get_a_gpu_each_where_two_are_named_and_share_one_otherwise(given, server, vllm):
    assert gpus(given) == {"server": [server], "vllm": [vllm]}


def test_whisper_takes_its_memory_before_vllm_takes_a_cache_of_a_fixed_size():
    both, flags = services(DOCKER / "compose.yaml"), vllm_flags()
    assert both["vllm"].depends_on == {"server": {"condition": "service_healthy"}}
    assert not both["server"].depends_on
    cache_bytes = gibibytes(flags["--kv-cache-memory-bytes"]) * 2**30
    token_bytes = 36 * 8 * 128 * 2 * 2  # layers, heads, their width, keys and values, bfloat16
    assert cache_bytes >= int(flags["--max-model-len"]) * token_bytes, "vLLM refuses a cache that one request overfills"
    assert float(flags["--gpu-memory-utilization"]) <= 0.25, "vLLM refuses to start where less of the GPU is free"
    assert flags["--kv-cache-dtype"] == "auto"


def gibibytes(size: str) -> int:
    """vLLM reads G as 2**30 and g as 10**9."""
    return int(re.fullmatch(r"(\d+)G", size)[1])


def test_deploy_tells_the_defaults_of_the_compose_file_and_each_of_its_variables():
    main = (DOCKER / "compose.yaml").read_text()
    text = main + (DOCKER / "around.yaml").read_text()
    deploy = (ROOT / "docs" / "deploy.md").read_text()
    variables = set(re.findall(r"\$\{(\w+)", text))
    listed = re.search(r"# Variables: (.*?)\.\n", main, re.DOTALL)[1]
    assert variables == set(re.findall(r"[A-Z][A-Z_]+", listed)) - {"UUID"}
    assert [name for name in variables if not re.search(rf"\b{name}\b", deploy)] == []
    assert f"`VLLM_KV_CACHE` ({vllm_flags()['--kv-cache-memory-bytes']}," in deploy
    assert f"`VLLM_MAX_MODEL_LEN` ({vllm_flags()['--max-model-len']})" in deploy
    assert f"It stays low ({vllm_flags()['--gpu-memory-utilization']})" in deploy


@each_compose
def test_a_server_that_ends_by_itself_is_started_again(path):
    assert {service.restart for service in services(path).values()} == {"unless-stopped"}


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
