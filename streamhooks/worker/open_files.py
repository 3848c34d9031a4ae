"""How many files the process may have open: each delivery in flight, and each connection that is kept, is one."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)

#: more than a worker needs, and not so many that what is sized by them grows
WANTED = 65_536
#: for Kafka and whatever else, and for the connections of the web views
REST = 256 + 1000


def allow_many(in_flight: int) -> int | None:
    """Raise the soft limit of this process as far as it goes; the limit then, or None where there is none.

    Many systems start programs with 1,024, which are used up by as many endpoints that hang: then every delivery fails.
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
            log.warning("the limit of open files can't be raised: %s", error)
    if soft != resource.RLIM_INFINITY and soft < 2 * in_flight + REST:
        text = "only %d files may be open: raise the limit (ulimit -n), or lower STREAMHOOKS_MAX_IN_FLIGHT"
        log.warning(text, soft)
    return soft
