"""A worker without allowed networks, as in production: what it must not connect to."""

from __future__ import annotations

import json

import pytest
from installation import Installation, event

SETTINGS = {"allowed_networks": "", "denied_networks": "9.9.9.0/24", "retry_delay": 0.3}


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]", "localhost", "2130706433", "9.9.9.9"],
)
def test_the_api_refuses_the_address(installation: Installation, organization: str, host: str) -> None:
    body = {"organization_id": organization, "url": f"http://{host}/hook", "events": ["event.created"]}
    answer = installation.api.post("/api/hooks", body)
    assert answer.status == 400
    assert list(answer.json) == ["url"]


def test_a_delivery_does_not_connect_to_it(installation: Installation, organization: str) -> None:
    path = installation.path()
    hook_id = installation.write_hook(organization, url=installation.receiver.url(path))
    installation.produce("events", "11", event(organization))
    letter = installation.dead_letter_of(hook_id)
    assert letter["attempts"] == 1
    assert "127.0.0.1 is loopback" in json.dumps([letter["reason"], letter["last"]])
    assert installation.receiver.requests(path) == []


def test_a_sample_does_not_connect_to_it(installation: Installation, organization: str) -> None:
    path = installation.path()
    hook_id = installation.write_hook(organization, url=installation.receiver.url(path))
    answer = installation.api.post(f"/api/hooks/{hook_id}/test")
    assert (answer.status, answer.json["outcome"]) == (200, "failed")
    assert installation.receiver.requests(path) == []
