from __future__ import annotations

import re
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
