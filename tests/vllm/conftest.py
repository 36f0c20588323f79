"""A real vLLM for these tests, which run only where they are asked for: `make check-vllm` sets TEST_VLLM to the folder
of benchmarks/vllm/serve_cpu.sh, and then nothing is skipped."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vllm.process import VllmProcess

FOLDER = os.environ.get("TEST_VLLM")
collect_ignore_glob = [] if FOLDER else ["test_*.py"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "vllm: drives a real vLLM; run by `make check-vllm`")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("vllm")
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def process() -> Iterator[VllmProcess]:
    if not FOLDER or not (Path(FOLDER) / "installed.txt").exists():
        pytest.fail("no vLLM to test against: run these tests with `make check-vllm`")
    process = VllmProcess(Path(FOLDER).absolute())
    yield process
    process.stop()


@pytest.fixture
async def vllm(process: VllmProcess) -> VllmProcess:
    """Up, whatever the test before did to it."""
    if not process.running:
        process.start()
    await process.until_up()
    return process
