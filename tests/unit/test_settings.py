"""What a wrong setting is told as: one line that names its variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamhooks.errors import BadSettings
from streamhooks.settings import Settings, load_settings, unknown_settings


@pytest.fixture(autouse=True)
def _no_other_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # away from an .env of the developer


def read(monkeypatch: pytest.MonkeyPatch, **given: str) -> Settings:
    for name, value in given.items():
        monkeypatch.setenv(f"STREAMHOOKS_{name.upper()}", value)
    return load_settings()


@pytest.mark.parametrize(
    ("given", "brokers"),
    [
        ("kafka:9092", ("kafka:9092",)),
        ("kafka", ("kafka",)),
        (" a-1.example.com:9092 , b_2:19092,", ("a-1.example.com:9092", "b_2:19092")),
        ("[::1]:9092,10.0.0.1:9092", ("[::1]:9092", "10.0.0.1:9092")),
    ],
)
def test_brokers(monkeypatch: pytest.MonkeyPatch, given: str, brokers: tuple[str, ...]) -> None:
    assert read(monkeypatch, brokers=given).brokers == brokers


@pytest.mark.parametrize("given", ["", " , ", "a:b", "a:9092:9093", "kafka://a:9092", "a b:9092", "a;b", ":9092"])
def test_what_is_no_broker(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    with pytest.raises(BadSettings, match=r"^STREAMHOOKS_BROKERS: must be"):
        read(monkeypatch, brokers=given)


@pytest.mark.parametrize(
    ("bind", "advertise", "url"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:6066"),
        ("::1", None, "http://[::1]:6066"),
        ("127.0.0.1", "worker-1", "http://worker-1:6066"),
        ("127.0.0.1", "2001:db8::1", "http://[2001:db8::1]:6066"),
        ("127.0.0.1", "[2001:db8::1]", "http://[2001:db8::1]:6066"),
    ],
)
def test_the_url_for_other_workers(monkeypatch: pytest.MonkeyPatch, bind: str, advertise: str | None, url: str) -> None:
    given = {"web_bind": bind} | ({"advertise": advertise} if advertise else {})
    assert read(monkeypatch, **given).advertised_url == url


@pytest.mark.parametrize("given", ["", "http://worker", "worker:6066", "a b", "worker/", "user@worker"])
def test_what_is_no_host(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    with pytest.raises(BadSettings, match=r"^STREAMHOOKS_ADVERTISE: must be"):
        read(monkeypatch, advertise=given)


def test_an_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("STREAMHOOKS_PARTITIONS=3\nSOMETHING_ELSE=1\n")
    assert load_settings().partitions == 3
    (tmp_path / ".env").write_text("STREAMHOOKS_PARTITIONS=many\n")
    with pytest.raises(BadSettings, match=r"^STREAMHOOKS_PARTITIONS: "):
        load_settings()


def test_an_env_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"STREAMHOOKS_PARTITIONS=\xff\xfe\n")
    with pytest.raises(BadSettings, match=r"\.env") as raised:
        load_settings()
    assert "\n" not in str(raised.value)


def test_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    given = read(monkeypatch, denied_networks=" 8.8.8.0/24, 2a00:1450::/32,9.9.9.9 ")
    assert [str(network) for network in given.denied_networks] == ["8.8.8.0/24", "2a00:1450::/32", "9.9.9.9/32"]


@pytest.mark.parametrize("name", ["allowed_networks", "denied_networks"])
@pytest.mark.parametrize("given", ["8.8.8.8/33", "8.8.8.8/24", "example.com", "8.8.8.0/24;9.9.9.9", "::/0 1"])
def test_what_is_no_network(monkeypatch: pytest.MonkeyPatch, name: str, given: str) -> None:
    with pytest.raises(BadSettings, match=rf"^STREAMHOOKS_{name.upper()}: ") as raised:
        read(monkeypatch, **{name: given})
    assert "\n" not in str(raised.value)


def test_a_mistyped_setting_is_told_with_the_nearest_one() -> None:
    given = ["STREAMHOOKS_RETRY_DELAYY", "STREAMHOOKS_BROKER", "STREAMHOOKS_RETRY_DELAY", "STREAMHOOKS_URL", "PATH"]
    assert unknown_settings(given) == [
        ("STREAMHOOKS_BROKER", "STREAMHOOKS_BROKERS"),
        ("STREAMHOOKS_RETRY_DELAYY", "STREAMHOOKS_RETRY_DELAY"),
    ]
    assert unknown_settings(["STREAMHOOKS_XYZ"])[0][1].startswith("STREAMHOOKS_")


@pytest.mark.parametrize(
    "name",
    ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_6066_TCP", "PORT_6066_TCP_ADDR",
     "WORKER_SERVICE_HOST", "WORKER_PORT", "WORKER_PORT_6066_TCP_PROTO"],
)  # fmt: skip
def test_what_kubernetes_sets_is_no_slip(name: str) -> None:
    assert unknown_settings([f"STREAMHOOKS_{name}"]) == []
