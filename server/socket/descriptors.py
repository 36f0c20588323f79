"""File descriptors: how many the process may have, and how many of them connections may take."""

import logging
import resource

logger = logging.getLogger(__name__)

MOST = 65_536
"""The soft limit is raised to the hard one, but not above this: some systems have a hard limit of a billion, and
libraries that close or scan every possible descriptor would stand still."""

RESERVE = 256
"""Descriptors for models, extraction servers, records and the connections of one turn of the loop that are refused."""


def raise_limit() -> int:
    """Raises the soft limit of open files as far as the system lets this process. Returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
        except (OSError, ValueError) as error:
            logger.warning("the limit of open files stays at %d (%s): raise it with ulimit -n", soft, error)
    return MOST if soft == resource.RLIM_INFINITY else soft


def for_connections(limit: int) -> int:
    """Of `limit` descriptors, those that connections may take."""
    return max(1, limit - min(RESERVE, limit // 4))
