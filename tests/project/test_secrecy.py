"""No line of our own code writes an error's message, whose words may be a patient's, to a log, and no script to a console."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path for folder in ("extension", "server/static") for path in (ROOT / folder).rglob("*.js"))
SOURCES = sorted(path for package in ("inference", "server") for path in (ROOT / package).rglob("*.py"))

SPEAKS = {
    *(("inference/device/memory_pool.py", kind) for kind in ("OSError", "AttributeError", "RuntimeError")),
    ("server/socket/descriptors.py", "OSError"),
    ("server/socket/descriptors.py", "ValueError"),
    ("inference/pipeline.py", "ExtractionError"),
    ("server/store/sharing.py", "KeyFault"),
}
"""(file, error) of which the message itself is logged: messages of ours or of the system, about no consultation."""

LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log"}
SAFE = {"place_of", "place", "type"}
SHOWN = {"print_exc", "print_exception", "format_exc", "format_exception", "print_tb", "print_stack"}


def logged(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in ("logger", "logging", "log"):
                yield node


def bare(argument: ast.AST, name: str) -> bool:
    """Whether an argument holds the error itself, and not only its place or the name of its type."""
    if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Name) and argument.func.id in SAFE:
        return False
    if isinstance(argument, ast.Name):
        return argument.id == name
    return any(bare(child, name) for child in ast.iter_child_nodes(argument))


def faults(path: str, source: str) -> list[str]:
    """Every line that writes an error's message where it may hold words."""
    tree = ast.parse(source)
    found = []
    for call in logged(tree):
        if call.func.attr == "exception" or any(k.arg in ("exc_info", "stack_info") for k in call.keywords):
            found.append(f"{path}:{call.lineno} logs a traceback")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in SHOWN:
            found.append(f"{path}:{node.lineno} shows a traceback")
        if isinstance(node, ast.ExceptHandler) and node.name:
            kinds = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)}
            if kinds <= {kind for file, kind in SPEAKS if file == path}:
                continue
            found += [
                f"{path}:{call.lineno} logs the message of {'/'.join(sorted(kinds))}"
                for call in logged(ast.Module(node.body, []))
                if any(bare(argument, node.name) for argument in call.args)
            ]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_line_logs_the_message_of_an_error_that_may_repeat_what_was_said(path):
    assert faults(str(path.relative_to(ROOT)), path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "logger.exception('it failed')",
        "logger.error('it failed', exc_info=True)",
        "logger.error('it failed: %s', error)",
        "logger.error(f'it failed: {error}')",
        "logger.error('it failed: %s', str(error))",
        "logging.warning('it failed: %r', error.args)",
        "traceback.print_exc()",
    ],
)
def test_the_scan_finds_each_way_to_log_a_message(line):
    assert faults("server/x.py", f"try:\n    work()\nexcept Exception as error:\n    {line}\n")


def test_the_scan_lets_the_place_and_the_type_of_an_error_pass():
    line = "logger.error('it failed: %s %s', place_of(error), type(error).__name__)"
    assert not faults("server/x.py", f"try:\n    work()\nexcept Exception as error:\n    {line}\n")


def test_no_script_of_the_page_or_the_extension_writes_to_the_console():
    assert len(SCRIPTS) > 20
    assert [str(path.relative_to(ROOT)) for path in SCRIPTS if "console." in path.read_text()] == []
