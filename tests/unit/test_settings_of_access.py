from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest

from streamhooks.errors import BadSettings
from streamhooks.settings import Settings, load_settings

# The same in each process: it is part of the names of tests.
KEY = urlsafe_b64encode(bytes(range(32))).decode()


@pytest.fixture(autouse=True)
def _no_other_settings(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)  # away from an .env of the developer


def read(monkeypatch: pytest.MonkeyPatch, **given: str) -> Settings:
    for name, value in given.items():
        monkeypatch.setenv(f"STREAMHOOKS_{name.upper()}", value)
    return load_settings()


def test_tokens_with_scopes(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, api_tokens="read:hunter2hunter2, write:a:b:c:d:e,send:hunter2hunter3")
    assert settings.api_tokens == (("read", "hunter2hunter2"), ("write", "a:b:c:d:e"), ("send", "hunter2hunter3"))


@pytest.mark.parametrize(
    "value", ["hunter2hunter2", "admin:hunter2hunter2", "read:", "read:hunter2", "READ:hunter2hunter2"]
)
def test_bad_tokens_are_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    with pytest.raises(BadSettings, match=r"^STREAMHOOKS_API_TOKENS: ") as bad:
        read(monkeypatch, api_tokens=value)
    assert "hunter2" not in str(bad.value)


def test_keys_of_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, secret_keys=f"{KEY},{KEY}").secret_keys == (KEY, KEY)


@pytest.mark.parametrize("value", ["hunter2", f"{KEY},hunter2", KEY + "hunter2", "é" * 44])
def test_bad_keys_are_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    with pytest.raises(BadSettings, match=r"^STREAMHOOKS_SECRET_KEYS: key [12] ") as bad:
        read(monkeypatch, secret_keys=value)
    assert "hunter2" not in str(bad.value)
    assert KEY not in str(bad.value)


@pytest.mark.parametrize("given", [{"api_token": "hunter2hunter2"}, {"api_tokens": "read:hunter2hunter2"}])
def test_either_kind_of_token_opens_the_views_to_others(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    assert read(monkeypatch, web_bind="0.0.0.0", **given).web_bind == "0.0.0.0"


def test_no_token_keeps_them_here(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSettings, match=r"STREAMHOOKS_API_TOKEN .*STREAMHOOKS_API_TOKENS"):
        read(monkeypatch, web_bind="0.0.0.0")


def test_secrets_stay_out_of_the_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(
        monkeypatch,
        api_token="hunter2hunter2",
        api_tokens="read:hunter2hunter2",
        secret_keys=KEY,
        sasl_password="hunter2",
    )
    assert "hunter2" not in repr(settings)
    assert KEY not in repr(settings)


def test_a_schedule_of_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch).retry_schedule is None
    assert read(monkeypatch, retry_schedule="5, 300,1800.5").retry_schedule == (5.0, 300.0, 1800.5)


@pytest.mark.parametrize("value", ["soon", "5,-1", "5,nan", "inf", "5,1e9", "", ",".join(["1"] * 51)])
def test_bad_schedules(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    with pytest.raises(BadSettings, match=r"^STREAMHOOKS_RETRY_SCHEDULE: "):
        read(monkeypatch, retry_schedule=value)
