"""`drtranscribe keys`, as an operator types it."""

import pytest
from typer.testing import CliRunner

from server.access.keyring import Keyring
from server.cli.main import app


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments, file=tmp_path / "keys.json"):
        result = CliRunner().invoke(app, ["keys", *arguments, *(["--file", str(file)] if file else [])])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    return command


def test_a_key_is_printed_once_and_opens_the_server_until_it_is_revoked(run, tmp_path):
    status, out, err = run("create", "--name", "ward-3")
    assert (status, err) == (0, "keep this key now, it is shown once: ward-3 may speak, read\n")
    text = out.strip()
    assert Keyring(tmp_path / "keys.json").find(text).scopes == {"speak", "read"}
    _, listed, _ = run("list")
    assert "ward-3" in listed
    assert text.split("_", 2)[2] not in listed
    assert run("revoke", "ward-3")[0] == 0
    assert Keyring(tmp_path / "keys.json").find(text) is None


def test_scopes_owner_limits_and_an_end_are_kept_and_listed(run, tmp_path):
    options = [
        "--scope",
        "read",
        "--scope",
        "metrics",
        "--owner",
        "ward-3",
        "--max-sessions",
        "2",
        "--expires-days",
        "30",
    ]
    status, out, _ = run("create", "--name", "screen", *options)
    principal = Keyring(tmp_path / "keys.json").find(out.strip())
    assert (status, principal.owner, principal.scopes, principal.limits.sessions) == (
        0,
        "key:ward-3",
        {"read", "metrics"},
        2,
    )
    assert {"screen", "ward-3", "read", "metrics", "2"} <= set(run("list")[1].replace("│", " ").split())


def test_the_environment_may_name_the_file(run, tmp_path, monkeypatch):
    monkeypatch.setenv("DRTRANSCRIBE_KEYS_FILE", str(tmp_path / "other.json"))
    assert run("create", "--name", "one", file=None)[0] == 0
    assert (tmp_path / "other.json").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["create", "--name", "x", "--scope", "write"], 2, "--scope: choose from speak, read, metrics, admin"),
        (["create", "--name", "a/b"], 1, "name: "),
        (["revoke", "nobody"], 1, "has no key of this name"),
    ],
)
def test_a_wrong_command_is_one_line_that_says_what_to_do(run, arguments, status, told):
    run("create", "--name", "one")
    code, _, err = run(*arguments)
    assert (code, err.count("\n")) == (status, 1)
    assert told in err


def test_a_file_that_is_not_there_is_one_line(run):
    status, _, err = run("list")
    assert status == 1
    assert err.startswith("there is no keys file ")
