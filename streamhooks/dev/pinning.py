"""`python -m streamhooks.dev.pinning`: print the jars of the embedded Kafka with their SHA-256 sums.

For a new version of Kafka: set `VERSION` in `distribution`, write the output into `kafka_jars.sha256`, and compare the
sums with the published ones. Nothing else runs this module.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jgo.maven import MavenContext

from streamhooks.dev.distribution import VERSION

_KAFKA = f"org.apache.kafka:kafka_2.13:{VERSION}"
# Without this binding, Kafka logs nothing. Its version is that of the log4j in this Kafka.
_LOG_BINDING = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.5")


def main() -> None:
    """Resolve Kafka's dependencies, fetch all, and print one line per jar, as `sha256sum` does."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        context = MavenContext(repo_cache=folder)
        inputs, others = context.resolver.resolve([context.create_dependency(_KAFKA)])
        # Resolved separately: together, its dependency management would replace the versions that Kafka needs.
        group, artifact, version = _LOG_BINDING
        binding = context.project(group, artifact).at_version(version).artifact()
        artifacts = [*(dependency.artifact for dependency in (*inputs, *others)), binding]
        with ThreadPoolExecutor(4) as pool:
            jars = list(pool.map(lambda one: Path(one.resolve()), artifacts))
        for jar in jars:
            digest = hashlib.sha256(jar.read_bytes()).hexdigest()
            sys.stdout.write(f"{digest}  {jar.relative_to(folder).as_posix()}\n")


if __name__ == "__main__":
    main()
