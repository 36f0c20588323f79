"""The command `drtranscribe` before anything of the server is imported: the distribution may be the client alone."""

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution, requires

_OF_THE_SERVER = re.compile(r"""([\w.-]+).*;.*\bextra == ['"]server['"]""")


def main() -> None:
    """Runs the command, or ends with status 2 and a sentence that says what to install."""
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
    return [found[1] for need in wanted if (found := _OF_THE_SERVER.match(need)) and not _installed(found[1])]


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
