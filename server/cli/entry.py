"""The command `drtranscribe` before anything of the server is imported: the distribution may be the client alone."""

import re
import signal
import sys
from importlib.metadata import PackageNotFoundError, distribution, requires

_NAME = re.compile(r"[\w.-]+")


def main() -> None:
    """Runs the command, or ends with status 2 and a sentence that says what to install."""
    if sys.argv[1:2] == ["serve"]:
        # Until the server handles it. The first process of a container would ignore a signal that nobody handles.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if missing := missing_packages():
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        lacking = ", ".join(missing[:3]) + more
        print(
            f"The server is not installed here, it lacks {lacking}: pip install 'drtranscribe[server]'", file=sys.stderr
        )
        sys.exit(2)
    from server.cli.main import main as command

    command()


def missing_packages() -> list[str]:
    """The distributions of the extra `server` that are not installed; none can be told of a bare checkout."""
    try:
        wanted = requires("drtranscribe") or []
    except PackageNotFoundError:
        return []
    names = (name[0] for need in wanted if _is_of_the_server(need) and (name := _NAME.match(need)))
    return [name for name in names if not _installed(name)]


def _is_of_the_server(need: str) -> bool:
    """Whether a requirement, such as `torch>=2.8; extra == "server"`, is one of that extra."""
    return need.rpartition("extra ==")[2].strip("""'" )""") == "server"


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
