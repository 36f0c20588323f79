"""The server that the load benchmark is given: one that asks for a key, and tells nothing else on its public port."""

from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks.load import client
from benchmarks.load.target import target
from server.cli.command import KEY_VARIABLE
from tests.support.access import key, text_of
from tests.support.live import serving


@pytest.fixture(autouse=True)
def _no_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@pytest.mark.parametrize("named", ["file", "variable"])
async def test_sessions_are_measured_at_a_server_that_asks_for_a_key(tmp_path, monkeypatch, named):
    text = text_of(key(tmp_path / "keys.json", "bench", "speak"))
    (tmp_path / "key").write_text(f"{text}\n")
    (tmp_path / "pcm").write_bytes(bytes(32_000))
    if named == "variable":
        monkeypatch.setenv(KEY_VARIABLE, text)
    async with serving(keys_file=tmp_path / "keys.json", metrics_port=0) as server:
        args = Namespace(url=server.url, key_file=tmp_path / "key" if named == "file" else None)
        async with target(args) as at:
            assert (at.model, text in repr(at)) == ("not told", False)
            work = client.Work(at.socket, 0.5, (client.Plan(0, tmp_path / "pcm", 0, 16_000, paced=False),), key=at.key)
            assert text not in repr(work)
            (run,) = await client.alone(work)
    assert (run.failure, run.errors, run.stopped[1]) == (None, [], 16_000)


@pytest.mark.parametrize(
    ("shown", "told"), [(None, "it asks for a key"), ("read", "not in force or may not speak"), ("x", "not in force")]
)
async def test_without_a_key_that_may_speak_the_benchmark_says_what_to_set_and_repeats_no_key(tmp_path, shown, told):
    reader = text_of(key(tmp_path / "keys.json", "reader", "read"))
    text = {None: None, "read": reader, "x": "drt_wrong"}[shown]
    (tmp_path / "key").write_text(text or "")
    async with serving(keys_file=tmp_path / "keys.json") as server:
        with pytest.raises(SystemExit, match=told) as ended:
            async with target(Namespace(url=server.url, key_file=tmp_path / "key" if text else None)):
                raise AssertionError
    assert KEY_VARIABLE in str(ended.value)
    assert text is None or text not in str(ended.value)


def test_a_key_file_that_is_not_there_ends_the_benchmark_with_status_2(tmp_path: Path, capsys):
    from benchmarks.load.target import _key

    with pytest.raises(SystemExit) as ended:
        _key(Namespace(url="ws://h/ws", key_file=tmp_path / "none"))
    assert ended.value.code == 2
    assert "cannot be read" in capsys.readouterr().err
