"""What can be known of the image and of Compose without Docker: their own rules, and that what they name is here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamhooks.cli import main
from streamhooks.settings import Settings, load_settings

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
KNOWN = {f"STREAMHOOKS_{name.upper()}" for name in Settings.model_fields}
WORKERS = ("worker-1", "worker-2")


def environment(service: str) -> dict[str, str]:
    given = COMPOSE["services"][service]["environment"]
    return {name: filled(str(text)) for name, text in given.items()}


def filled(text: str) -> str:
    """What Compose makes of it where the variables are not set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_starts_with_what_it_is_given(name, monkeypatch, tmp_path):
    given = environment(name)
    assert given.keys() <= KNOWN
    monkeypatch.chdir(tmp_path)
    for variable, text in given.items():
        monkeypatch.setenv(variable, text)
    settings = load_settings()
    assert settings.advertised_host == name
    host, port = settings.brokers[0].split(":")
    assert f"INSIDE://{host}:{port}" in environment("kafka")["KAFKA_ADVERTISED_LISTENERS"]
    subnet = COMPOSE["networks"]["default"]["ipam"]["config"][0]["subnet"]
    assert [str(network) for network in settings.allowed_networks] == [subnet]


def test_the_image_sets_only_what_exists():
    named = set(re.findall(r"\bSTREAMHOOKS_\w+", DOCKERFILE))
    assert named
    assert named <= KNOWN


@pytest.mark.parametrize("path", re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE))
def test_the_image_copies_what_is_there(path):
    assert all((ROOT / name).exists() for name in path.split())


def test_each_listener_of_kafka_is_whole():
    kafka = environment("kafka")
    names = set(re.findall(r"(\w+)://", kafka["KAFKA_LISTENERS"]))
    assert set(re.findall(r"(\w+):PLAINTEXT", kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"])) == names
    assert kafka["KAFKA_INTER_BROKER_LISTENER_NAME"] in names
    assert kafka["KAFKA_CONTROLLER_LISTENER_NAMES"] in names


def test_the_receiver_is_a_command_that_exists():
    program, name, *options = map(filled, COMPOSE["services"]["receiver"]["command"])
    assert program == "streamhooks"
    context = main.commands[name].make_context(name, options)
    assert context.params["host"] == "0.0.0.0"
    published = COMPOSE["services"]["receiver"]["ports"][0]
    assert published == f"127.0.0.1:8080:{context.params['port']}"


def test_nothing_is_published_beyond_this_machine():
    ports = [port for service in COMPOSE["services"].values() for port in service["ports"]]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.fixture
def parse():
    return pytest.importorskip("compose_spec", reason="it has wheels for Linux").PyCompose.from_json


def test_compose_is_as_its_specification_has_it(parse):
    assert sorted(parse(json.dumps(COMPOSE)).service_names()) == sorted(COMPOSE["services"])


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("healthcheck", "helthcheck"), ("service_healthy", "service_helthy"), ("9092:9092", "9092:x"), ("5s", "5 fs")],
)
def test_what_is_not_as_the_specification_has_it_is_found(parse, right, wrong):
    text = json.dumps(COMPOSE)
    assert right in text
    with pytest.raises(ValueError):
        parse(text.replace(right, wrong))


def test_what_compose_names_is_there():
    named = COMPOSE["services"]
    for service in named.values():
        assert set(service.get("depends_on", ())) <= named.keys()
        assert {one["source"] for one in service.get("configs", ())} <= COMPOSE["configs"].keys()
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in COMPOSE["volumes"]


def test_each_image_has_an_exact_version():
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    images += [one["image"] for one in COMPOSE["services"].values() if "build" not in one]
    assert len(images) == 5
    for image in images:
        assert re.search(r":v?[0-9]+\.[0-9]+\.[0-9]+", image), image


def test_the_ports_are_those_of_the_settings():
    port = Settings.model_fields["web_port"].default
    assert f"EXPOSE {port}\n" in DOCKERFILE
    for name in WORKERS:
        assert COMPOSE["services"][name]["ports"][0].endswith(f":{port}")
        assert f":{port}/health/ready" in COMPOSE["services"][name]["healthcheck"]["test"][-1]


def test_the_image_starts_a_worker_that_may_write_its_data():
    command = json.loads(re.search(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)[1])
    assert command[:4] == ["faust", "-A", "streamhooks", "worker"]
    data = re.search(r"STREAMHOOKS_DATA_DIR=(\S+)", DOCKERFILE)[1]
    assert f"install -d -o streamhooks {data}\n" in DOCKERFILE
    assert f"VOLUME {data}\n" in DOCKERFILE


def test_hadolint_finds_nothing():
    program = shutil.which("hadolint", path=Path(sys.executable).parent)
    if program is None:
        pytest.skip("it has wheels for Linux")
    done = subprocess.run([program, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def is_sent(path: str) -> bool:
    """Whether Docker sends a file: the last line of .dockerignore that fits decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if line.startswith("#") or not line:
            continue
        parts = path.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        anywhere = pattern.removeprefix("**/")
        names = parts if pattern.startswith("**/") else above
        if any(fnmatch(name, anywhere) for name in names):
            sent = line.startswith("!")
    return sent


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("pyproject.toml", True), ("constraints.txt", True), ("README.md", True), ("schemas/Event.avsc", True),
        ("streamhooks/web/assets/main.js", True), (".env", False), (".git/config", False), (".venv/bin/pip", False),
        ("data/x", False), ("tests/conftest.py", False), ("streamhooks/__pycache__/x.pyc", False),
    ],
)  # fmt: skip
def test_what_docker_sends_is_what_is_copied(path, sent):
    assert is_sent(path) is sent
