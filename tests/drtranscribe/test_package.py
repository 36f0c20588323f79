"""The client as a package for other people's programs."""

import ast
import asyncio
import re
import sys
from pathlib import Path

import pytest

import drtranscribe
from tests.support.fakes import speech
from tests.support.live import serving

MANUAL = Path(__file__).parents[2] / "docs" / "python-client.md"
MODULES = sorted(Path(drtranscribe.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_the_standard_library_aiohttp_and_its_own_package_alone(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert imported <= sys.stdlib_module_names | {"aiohttp", "yarl", "drtranscribe"}


def test_every_public_name_is_there_and_says_what_it_is():
    for name in set(drtranscribe.__all__) - {"Event", "Kind", "RecordFormat", "Speaker", "PROTOCOL"}:
        assert getattr(drtranscribe, name).__doc__, name
    methods = [m for name, m in vars(drtranscribe.Consultation).items() if not name.startswith("_")]
    assert [method for method in methods if not method.__doc__] == []


async def test_the_program_of_the_manual_works(monkeypatch, tmp_path, capsys):
    async def microphone():
        for _ in range(3):
            yield speech((0.5, 0), (2, 0.5), (1.5, 0))

    monkeypatch.chdir(tmp_path)
    program = re.search(r"```python\n(.+?)asyncio\.run", MANUAL.read_text(), re.DOTALL)[1]
    names = {"microphone": microphone}
    async with serving() as server:
        exec(program.replace("ws://127.0.0.1:8765/ws", server.url), names)
        await names["main"]()
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert await asyncio.to_thread((tmp_path / "record.md").read_bytes)


def test_the_manual_lists_every_option():
    code = drtranscribe.Consultation.connect.__func__.__code__
    options = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    listed = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.+?) \|", MANUAL.read_text(), re.MULTILINE))))
    assert set(options) <= listed
