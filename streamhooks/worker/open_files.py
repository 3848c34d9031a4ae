"""Raises the limit of open files: each delivery in flight and each kept connection is one."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)

#: more than a worker needs, but few enough for programs that allocate a table of this size
WANTED = 65_536
#: files for Kafka and others, and for the connections of the web views
REST = 256 + 1000


def allow_many(in_flight: int) -> int | None:
    """Raise the soft limit of this process as far as possible; return the new limit, or None without one.

    Many systems start programs with a limit of 1,024. When as many endpoints hang, every further delivery would fail.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            soft = limit
        except (OSError, ValueError) as error:
            log.warning("can't raise the limit of open files: %s", error)
    if soft != resource.RLIM_INFINITY and soft < 2 * in_flight + REST:
        text = "only %d files may be open: raise the limit (ulimit -n), or lower STREAMHOOKS_MAX_IN_FLIGHT"
        log.warning(text, soft)
    return soft
