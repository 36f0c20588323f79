"""The client as a package for other people's programs."""

import ast
import sys
from pathlib import Path

import pytest

import drtranscribe

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
