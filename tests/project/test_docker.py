"""The images: linted, and true to the server that they start."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from asyncio import create_subprocess_exec as create
from pathlib import Path

import pytest

from server.settings import ENV_PREFIX, Settings, load
from tests.support.live import serving

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
DOCKERFILES = sorted(DOCKER.glob("Dockerfile*"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

each_image = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)


def instructions(path: Path) -> list[tuple[str, str]]:
    """(instruction, arguments) in order; comments gone, continued lines joined."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    split = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(name, arguments.strip()) for name, _, arguments in split]


def last_stage(path: Path) -> dict[str, str]:
    """The last of each instruction of the image that runs."""
    stage: dict[str, str] = {}
    for name, arguments in instructions(path):
        stage = {} if name == "FROM" else {**stage, name: arguments}
    return stage


def environment(path: Path) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in shlex.split(last_stage(path)["ENV"]))
    return {name: value for name, _, value in pairs}


def test_there_is_an_image_for_a_gpu_and_one_for_cpus():
    assert [path.name for path in DOCKERFILES] == ["Dockerfile", "Dockerfile.cpu"]


@each_image
def test_hadolint_finds_nothing(path):
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, "--no-color", path.name], cwd=DOCKER, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@each_image
def test_an_image_has_no_root_no_shell_and_the_server_s_own_port(path):
    image = last_stage(path)
    user, group = image["USER"].split(":")
    assert min(int(user), int(group)) > 0, "a number: an orchestrator cannot judge a name"
    assert image["STOPSIGNAL"] == "SIGTERM", "the signal that drains"
    set_by_image = environment(path)
    assert image["EXPOSE"].split() == [set_by_image["DRTRANSCRIBE_PORT"], set_by_image["DRTRANSCRIBE_METRICS_PORT"]]
    assert set_by_image["DRTRANSCRIBE_PORT"] == str(Settings.model_fields["port"].default)
    assert json.loads(image["ENTRYPOINT"]) == ["drtranscribe"]
    assert json.loads(image["CMD"]) == ["serve"]
    assert json.loads(image["VOLUME"]) == ["/weights"]
    check = json.loads(image["HEALTHCHECK"].partition("CMD ")[2])
    assert check == ["python", "/opt/healthcheck.py", "/health/live"]


@each_image
def test_the_base_of_an_image_is_pinned_by_its_digest(path):
    arguments = dict(a.split("=", 1) for name, a in instructions(path) if name == "ARG" and "=" in a)
    bases = [a.split()[0] for name, a in instructions(path) if name == "FROM"]
    pinned = [re.sub(r"^\$\{(\w+)\}$", lambda found: arguments[found[1]], base) for base in bases if base != "base"]
    assert len(pinned) == 1
    assert re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", pinned[0]), pinned


@each_image
def test_the_metrics_of_an_image_are_on_a_port_of_their_own(path, monkeypatch):
    for name, value in environment(path).items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert (settings.metrics_apart, settings.metrics_port) == (True, 9464)
    prometheus = (DOCKER / "prometheus" / "prometheus.yml").read_text()
    assert f"port: {settings.metrics_port}}}" in prometheus


@each_image
def test_an_image_bears_the_version_of_the_distribution(path):
    assert last_stage(path)["ARG"] == f"VERSION={PROJECT['version']}"


@each_image
def test_an_image_copies_only_what_is_there_and_what_dockerignore_lets_through(path):
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines, "everything else stays out"
    let_through = {line[1:] for line in lines if line.startswith("!")}
    copied = [arguments.split()[:-1] for name, arguments in instructions(path) if name == "COPY"]
    sources = {source for copy in copied for source in copy if not copy[0].startswith("--from")}
    assert sources <= let_through
    assert all((ROOT / source).exists() for source in let_through)


@each_image
def test_an_image_installs_only_extras_that_the_project_has(path):
    text = " ".join(arguments for _, arguments in instructions(path))
    defaults = dict(a.split("=", 1) for name, a in instructions(path) if name == "ARG")
    extras = re.sub(r"\$\{(\w+)\}", lambda found: defaults[found[1]], re.search(r'"\.\[(.+?)\]"', text)[1]).split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])


@each_image
def test_the_server_takes_the_environment_of_its_image(path, monkeypatch):
    for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in environment(path).items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert settings.host == "0.0.0.0", "a container's loopback is reached by nobody"
    assert settings.device == ("cpu" if path.suffix == ".cpu" else "cuda")


@each_image
def test_what_an_image_keeps_from_start_to_start_lies_in_its_volume(path):
    kept = {name: environment(path)[name] for name in ("HF_HOME", "CUDA_CACHE_PATH") if name in environment(path)}
    assert ("CUDA_CACHE_PATH" in kept) == (path.suffix != ".cpu"), "CUDA compiles for a new GPU once"
    assert all(folder.startswith("/weights/") for folder in kept.values()), kept


def test_constraints_for_a_gpu_host_pin_everything_and_nothing_twice():
    def pins(path: Path) -> dict[str, str]:
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        return {name.lower().replace("_", "-"): version for name, version in (line.split("==") for line in lines)}

    gpu, both = pins(DOCKER / "constraints-gpu.txt"), pins(ROOT / "constraints.txt")
    assert not gpu.keys() & both.keys()
    assert gpu["nvidia-cublas-cu12"].startswith("12.")
    assert both["torch"] in (DOCKER / "constraints-gpu.txt").read_text(), "made for another torch: resolve it anew"


async def checked(port: int, *arguments: str) -> int:
    """The exit status of an image's health check, with a proxy in the environment that leads nowhere."""
    variables = {**os.environ, "DRTRANSCRIBE_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
    process = await create(sys.executable, DOCKER / "healthcheck.py", *arguments, env=variables)
    return await process.wait()


async def test_the_health_check_passes_while_the_server_serves_and_fails_otherwise():
    async with serving() as server:
        port = int(server.url.rpartition(":")[2])
        assert await checked(port) == 0
        assert await checked(port, "/health/live") == 0
        assert await checked(port, "/health/ready") == 0
        assert await checked(port, "/no-such-page") == 1
    assert await checked(port) == 1
