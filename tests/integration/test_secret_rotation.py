"""A secret that is replaced: the former one signs too until its own end, so that receivers can change in peace."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from installation import JSON, Hook, Installation, event
from standardwebhooks import Webhook, WebhookVerificationError
from support import eventually

SETTINGS = {"secret_overlap": 8}


def fire(installation: Installation, organization: str, hook: Hook) -> JSON:
    before = len(hook.requests())
    installation.produce("events", "11", event(organization))
    return hook.received(before + 1)[before]


def verifies(secret: str, request: JSON) -> bool:
    try:
        Webhook(secret).verify(request["body"], request["headers"])
    except WebhookVerificationError:
        return False
    return True


def rotate(installation: Installation, hook: Hook) -> str:
    answer = installation.api.post(f"/api/hooks/{hook.id}/rotate-secret")
    assert answer.status == 200
    return answer.json["secret"]


def put_secret(installation: Installation, hook: Hook) -> str:
    secret = "whsec_dHdlbnR5LWZvdXIgYnl0ZXMgYW5kIG1vcmU="
    assert installation.api.put(f"/api/hooks/{hook.id}", {"secret": secret}).status == 200
    return secret


@pytest.mark.parametrize("change", [rotate, put_secret])
def test_both_sign_during_the_overlap(installation: Installation, organization: str, change) -> None:
    hook = installation.create_hook(organization)
    new = change(installation, hook)
    assert new != hook.secret
    request = fire(installation, organization, hook)
    assert verifies(new, request)
    assert verifies(hook.secret, request)
    assert len(request["headers"]["webhook-signature"].split()) == 2
    # There is room for one signature only in Sentry's header.
    signature = hmac.new(new.encode(), request["body"].encode(), hashlib.sha256).hexdigest()
    assert request["headers"]["x-servicehook-signature"] == signature
    # When the overlap is over, only the new one does.
    request = eventually(
        lambda: (found := fire(installation, organization, hook)) and not verifies(hook.secret, found) and found,
        interval=0.5,
    )
    assert verifies(new, request)
    assert len(request["headers"]["webhook-signature"].split()) == 1


def test_the_new_secret_is_shown_once(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    new = rotate(installation, hook)
    shown = installation.api.get(f"/api/hooks/{hook.id}").body.decode()
    assert new not in shown
    assert hook.secret not in shown


def test_who_is_slow_has_until_the_end_of_its_own_secret(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    oldest = hook.secret
    former, latest = rotate(installation, hook), rotate(installation, hook)
    request = fire(installation, organization, hook)
    assert [verifies(secret, request) for secret in (latest, former, oldest)] == [True, True, True]
    assert len(request["headers"]["webhook-signature"].split()) == 3
    signature = hmac.new(latest.encode(), request["body"].encode(), hashlib.sha256).hexdigest()
    assert request["headers"]["x-servicehook-signature"] == signature

    ends = installation.api.get(f"/api/hooks/{hook.id}").json["previous_secrets_until"]
    for refused in (
        installation.api.post(f"/api/hooks/{hook.id}/rotate-secret"),
        installation.api.put(f"/api/hooks/{hook.id}", {"secret": "whsec_dHdlbnR5LWZvdXIgYnl0ZXMgYW5kIG1vcmU="}),
    ):
        assert refused.status == 409
        assert min(ends) in refused.json["detail"]
    # A refusal changes nothing, nor does another change end what signs.
    assert installation.api.put(f"/api/hooks/{hook.id}", {"timeout": 3}).status == 200
    request = fire(installation, organization, hook)
    assert [verifies(secret, request) for secret in (latest, former, oldest)] == [True, True, True]

    def ended(secret: str) -> JSON | None:
        found = fire(installation, organization, hook)
        return None if verifies(secret, found) else found

    request = eventually(lambda: ended(oldest), interval=0.3)
    assert verifies(latest, request)
    newest = eventually(lambda: _rotated(installation, hook), interval=0.3)
    request = fire(installation, organization, hook)
    assert [verifies(secret, request) for secret in (newest, latest, oldest)] == [True, True, False]


def _rotated(installation: Installation, hook: Hook) -> str | None:
    answer = installation.api.post(f"/api/hooks/{hook.id}/rotate-secret")
    assert answer.status in (200, 409)
    return answer.json["secret"] if answer.status == 200 else None
