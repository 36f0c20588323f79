"""The command where the server's packages are missing."""

import importlib.metadata

import pytest

from server.cli import entry


@pytest.fixture
def installed(monkeypatch):
    """What is installed, as the metadata of distributions tell it."""
    needs = ["aiohttp>=3.12", "torch>=2.8; extra == 'server'", 'typer>=0.15; extra == "server"', 'x; extra == "dev"']
    present = {"aiohttp", "torch", "typer"}

    def distribution(name: str) -> str:
        if name not in present:
            raise importlib.metadata.PackageNotFoundError(name)
        return name

    monkeypatch.setattr(entry, "requires", lambda name: needs)
    monkeypatch.setattr(entry, "distribution", distribution)
    return present


def test_a_whole_server_lacks_nothing(installed):
    assert entry.missing_packages() == []


def test_a_package_that_the_server_needs_is_told_with_what_to_install(installed, capsys):
    installed.remove("torch")
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "The server is not installed here, it lacks torch: pip install 'drtranscribe[server]'\n"
    )


def test_a_checkout_that_is_not_installed_is_left_to_its_imports(monkeypatch):
    def requires(name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(entry, "requires", requires)
    assert entry.missing_packages() == []
