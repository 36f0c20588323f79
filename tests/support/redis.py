"""A real Redis for tests, and servers that share it."""

import pytest

from benchmarks.common.redis_process import RedisProcess, installed


def redis_or_skip(*options: str) -> RedisProcess:
    """A Redis for one test, as a context manager. Skips the test where no redis-server is installed."""
    if not installed():
        pytest.skip("redis-server is not installed, and only a real Redis can judge the store")
    return RedisProcess(*options)
