"""docs/deploy.md and docker/ name settings, flags, metrics and files: each must be there."""

import re
from pathlib import Path

import pytest
import typer

from server.cli import app
from server.metrics import Metrics
from server.settings import ENV_PREFIX, Settings

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "docs" / "deploy.md"


def written() -> dict[str, str]:
    """What is said about the server, by file."""
    return {path.name: path.read_text() for path in [DEPLOY, *(ROOT / "docker").iterdir()] if path.is_file()}


@pytest.mark.parametrize("name", written())
def test_every_variable_that_is_named_is_a_setting(name):
    named = set(re.findall(rf"{ENV_PREFIX}([A-Z0-9_]+)", written()[name]))
    assert named <= {field.upper() for field in Settings.model_fields}


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
    for line in re.findall(r"\bdrtranscribe ((?:serve|transcribe|bench|models|[a-z]+ --)[^`\n|&]*)", written()[name]):
        words = line.split()
        command = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
        assert command in known, line
        assert {word.split("=")[0] for word in words if word.startswith("--")} <= known[command], line


def test_every_flag_that_deploy_names_alone_belongs_to_the_server():
    alone = re.findall(r"`(--[a-z0-9-]+)[ `]", DEPLOY.read_text())
    assert alone, "nothing was looked at"
    assert set(alone) <= commands()["serve"]


def test_every_metric_that_deploy_names_exists():
    named = set(re.findall(r"`(drtranscribe_[a-z_]+)", DEPLOY.read_text()))
    text = Metrics().text().decode()
    assert named, "nothing was looked at"
    assert all(f"# HELP {metric} " in text for metric in named), named


def test_every_file_that_deploy_names_exists():
    text = DEPLOY.read_text()
    linked = [DEPLOY.parent / target for target in re.findall(r"\]\(([^)#:]+)\)", text)]
    said = [ROOT / target for target in re.findall(r"\b(docker/[\w.-]+\.(?:yaml|txt))", text)]
    modules = [ROOT / f"{module.replace('.', '/')}.py" for module in re.findall(r"python -m (benchmarks\.\w+)", text)]
    assert all((linked, said, modules)), "nothing was looked at"
    assert [path for path in linked + said + modules if not path.exists()] == []


def test_the_proxy_sample_keeps_ids_of_sessions_out_of_its_log_and_names_the_scheme():
    text = DEPLOY.read_text()
    (records,) = re.findall(r"location /v1/ \{.*?\n    \}", text, re.DOTALL)
    assert "access_log off;" in records
    assert text.count("proxy_set_header X-Forwarded-Proto $scheme;") == text.count("proxy_pass ")
