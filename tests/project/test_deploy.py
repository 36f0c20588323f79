"""docs/deploy.md and docker/ name settings, flags, metrics and files: each must be there, and each example must work."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from inference.pipeline import Pipeline
from server.app import create_app
from server.cli.command import KEY_VARIABLE
from server.cli.main import app
from server.cli.serve import ENGINE_FAILED_STATUS
from server.monitoring.metrics import Metrics
from server.settings import ENV_PREFIX, Settings
from tests.support.fakes import LevelAsr, LoudnessVad
from tests.support.tools import tool

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy.md"


def written() -> dict[str, str]:
    """What is said about the server, by file."""
    return {path.name: path.read_text() for path in [DEPLOY, *(ROOT / "docker").rglob("*")] if path.is_file()}


@pytest.mark.parametrize("name", written())
def test_every_variable_that_is_named_is_a_setting(name):
    named = set(re.findall(rf"{ENV_PREFIX}([A-Z0-9_]+)", written()[name]))
    assert named <= {field.upper() for field in Settings.model_fields} | {KEY_VARIABLE.removeprefix(ENV_PREFIX)}


def commands() -> dict[str, set[str]]:
    """Every command with its flags: `models list` counts as one."""
    root = typer.main.get_command(app)
    leaves = dict(root.commands)
    groups = {name: command for name, command in leaves.items() if hasattr(command, "commands")}
    for name, group in groups.items():
        leaves |= {f"{name} {sub}": command for sub, command in group.commands.items()}
    common = {"--help", "--version"}
    return {name: common | {flag for p in command.params for flag in p.opts} for name, command in leaves.items()}


@pytest.mark.parametrize("name", written())
def test_every_command_that_is_named_exists_with_its_flags(name):
    known = commands()
    for line in re.findall(
        r"\bdrtranscribe ((?:serve|transcribe|bench|models|keys|[a-z]+ --)[^`\n|&]*)", written()[name]
    ):
        words = line.split()
        command = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
        assert command in known, line
        assert {word.split("=")[0] for word in words if word.startswith("--")} <= known[command], line


def test_every_flag_that_deploy_names_alone_belongs_to_the_server_or_is_given_to_vllm():
    alone = re.findall(r"`(--[a-z0-9-]+)[ `]", DEPLOY.read_text())
    assert alone, "nothing was looked at"
    vllm = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]["vllm"]["command"]
    ours = commands()["serve"] | commands()["keys create"] | commands()["transcribe"]
    others = {"--profile", "--ssl-certfile", "--ssl-keyfile"}  # of docker compose, and of a vLLM on another host
    assert set(alone) <= ours | {argument.partition("=")[0] for argument in vllm} | others


def test_every_metric_that_deploy_names_exists():
    named = set(re.findall(r"`(drtranscribe_[a-z_]+)", DEPLOY.read_text()))
    text = Metrics().text().decode()
    assert named, "nothing was looked at"
    assert all(f"# HELP {metric} " in text for metric in named), named


def test_every_file_that_deploy_names_exists():
    text = DEPLOY.read_text()
    linked = [DEPLOY.parent / target for target in re.findall(r"\]\(([^)#:]+)\)", text)]
    said = [
        ROOT / target
        for target in re.findall(r"\b(docker/[\w./@-]+\.(?:yaml|yml|txt|conf|json|service|logrotate))", text)
    ]
    named = [ROOT / module.replace(".", "/") for module in re.findall(r"python -m (benchmarks(?:\.\w+)+)", text)]
    modules = [path / "__main__.py" if path.is_dir() else path.with_suffix(".py") for path in named]
    assert all((linked, said, modules)), "nothing was looked at"
    assert [path for path in linked + said + modules if not path.exists()] == []


def examples(language: str) -> list[str]:
    """The code blocks of deploy.md in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DEPLOY.read_text(), re.DOTALL | re.MULTILINE)


UNIT = ROOT / "docker" / "systemd" / "drtranscribe@.service"


def unit() -> dict[str, list[str]]:
    """Every key of the systemd unit with its values."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_systemd_takes_the_unit(tmp_path):
    analyze = tool("systemd-analyze")
    text = UNIT.read_text()
    (command,) = unit()["ExecStart"]
    template = tmp_path / "drtranscribe@.service"
    template.write_text(text.replace(command.split()[0], "/bin/true"))  # the server is not installed there
    told = subprocess.run(
        [analyze, "verify", "--man=no", tmp_path / "drtranscribe@0.service"],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in told.stderr.splitlines() if "drtranscribe" in line]
    assert (told.returncode, ours) == (0, []), told.stderr


def test_systemd_restarts_what_may_come_back_and_leaves_time_to_drain():
    values = unit()
    assert values["Restart"] == ["on-failure"]
    assert "RestartPreventExitStatus" not in values, "a GPU whose driver is not loaded yet looks like a wrong setting"
    assert int(values["TimeoutStopSec"][0]) > 2 * Settings.model_fields["shutdown_grace_s"].default
    assert values["User"] != ["root"]
    assert {"NoNewPrivileges", "ProtectSystem", "CapabilityBoundingSet", "LimitCORE"} <= values.keys()
    state = f"/var/lib/{values['StateDirectory'][0]}"
    variables = dict(pair.split("=", 1) for line in values["Environment"] for pair in line.split())
    kept = ("DRTRANSCRIBE_MODELS_DIR", "HF_HOME", "CUDA_CACHE_PATH")
    assert all(variables[name].startswith(f"{state}/") for name in kept)
    logs = f"/var/log/{values['LogsDirectory'][0]}"
    assert variables["DRTRANSCRIBE_AUDIT"].startswith(f"{logs}/"), "ProtectSystem=strict lets it write nowhere else"
    assert f"{logs}/audit-*.jsonl {{" in UNIT.with_name("drtranscribe.logrotate").read_text()


def manifests() -> dict[str, Any]:
    (text,) = examples("yaml")
    return {manifest["kind"]: manifest for manifest in yaml.safe_load_all(text)}


def test_the_kubernetes_example_restarts_by_life_and_steers_by_readiness():
    pod = manifests()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    probes = {name: container[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}
    paths = {name: probe["httpGet"]["path"] for name, probe in probes.items()}
    assert paths == {"startup": "/health/live", "liveness": "/health/live", "readiness": "/health/ready"}
    routes = {
        resource.canonical
        for resource in create_app(Pipeline(LoudnessVad(), LevelAsr(), []), Settings()).router.resources()
    }
    assert set(paths.values()) <= routes
    assert pod["restartPolicy"] == "Always", "the only one that a Deployment may have"
    assert probes["startup"]["periodSeconds"] * probes["startup"]["failureThreshold"] >= 900, "as in the image"
    assert pod["terminationGracePeriodSeconds"] > 2 * Settings.model_fields["shutdown_grace_s"].default


def test_the_kubernetes_example_has_the_image_s_user_port_and_volume_and_a_gpu():
    deployment, service = manifests()["Deployment"]["spec"], manifests()["Service"]["spec"]
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    user = pod["securityContext"]
    assert f"USER {user['runAsUser']}:{user['runAsGroup']}" in dockerfile
    assert user["fsGroup"] == user["runAsGroup"], "or it could not write to its volume"
    assert container["ports"] == [
        {"name": "http", "containerPort": Settings.model_fields["port"].default},
        {"name": "metrics", "containerPort": 9464},
    ]
    assert 'VOLUME ["/weights"]' in dockerfile
    mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert mounted.keys() == {"/weights", "/tmp", "/etc/drtranscribe"}
    assert set(mounted.values()) == {volume["name"] for volume in pod["volumes"]}
    assert container["resources"]["limits"] == {"nvidia.com/gpu": 1}
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"}), "one GPU, one server"
    labels = deployment["template"]["metadata"]["labels"]
    assert labels == deployment["selector"]["matchLabels"] == service["selector"]
    assert (service["ports"][0]["targetPort"], service["sessionAffinity"]) == ("http", "ClientIP")


def test_deploy_tells_the_status_with_which_a_server_ends_whose_engine_is_gone():
    said = {int(number) for number in re.findall(r"status (\d+)", DEPLOY.read_text())}
    assert ENGINE_FAILED_STATUS in said
