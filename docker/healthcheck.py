"""Asks the server in this container how it is; the exit status is 0 if the answer is 200.

python healthcheck.py [PATH]     default: /health/live
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

TIMEOUT_S = 3.0


def healthy(port: int, path: str) -> bool:
    # http.client, because urllib would ask the proxy that the environment names, even for this address.
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    port = int(os.environ.get("DRTRANSCRIBE_PORT", "8765"))
    sys.exit(0 if healthy(port, sys.argv[1] if len(sys.argv) > 1 else "/health/live") else 1)
