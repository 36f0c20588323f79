import resource
import subprocess
import sys

import pytest

from server.socket import descriptors


@pytest.mark.parametrize(("limit", "connections"), [(20_000, 19_744), (1024, 768), (256, 192), (1, 1)])
def test_connections_leave_a_reserve_of_descriptors(limit, connections):
    assert descriptors.for_connections(limit) == connections


def test_the_soft_limit_is_raised_to_the_hard_one():
    hard = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 900)
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, {hard}));"
        "from server.socket import descriptors; print(descriptors.raise_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(hard), str(hard)]
