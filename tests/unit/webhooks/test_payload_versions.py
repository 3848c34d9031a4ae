"""A version of payloads is an entry in a table: what is sent, what a test sends, and what the API takes follow."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.examples import EVENT
from support.runs import HOOK

from streamhooks.delivery.links import Links
from streamhooks.delivery.payloads import FORMATS, Format
from streamhooks.records.hook import FIELDS
from streamhooks.records.hook_values import VERSIONS
from streamhooks.webhooks.rendering import Rendering, unsupported
from streamhooks.webhooks.sample_bodies import sample_body
from streamhooks.webhooks.tasks import process_service_hook, send_resource_change_webhook

LINKS = Links("https://h.example")
OLD, NEW = replace(HOOK, version=0), replace(HOOK, version=1)


@pytest.fixture(autouse=True)
def _another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, 1, Format(lambda event, _links: b"service 1", lambda *_: b"app 1"))


def test_hooks_of_two_versions_get_their_own_body_of_the_same_event() -> None:
    rendering = Rendering(LINKS)
    bodies = [process_service_hook.render(rendering, hook, EVENT).body for hook in (OLD, NEW, NEW, OLD)]
    assert bodies == [bodies[0], b"service 1", b"service 1", bodies[0]]
    assert bodies[0].startswith(b'{"project":')


def test_an_app_gets_the_body_of_its_version() -> None:
    app = replace(NEW, app_id="a")
    assert send_resource_change_webhook.render(Rendering(LINKS), app, "issue.created", {}).body == b"app 1"


def test_a_test_sends_the_body_of_the_version() -> None:
    assert sample_body(NEW, "event.created", LINKS, 5.0) == b"service 1"
    assert sample_body(replace(NEW, app_id="a"), "issue.created", LINKS, 5.0) == b"app 1"


def test_what_there_is_is_supported() -> None:
    assert unsupported(NEW) is None
    assert unsupported(replace(HOOK, version=7)) is not None


def test_the_api_takes_the_versions_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert set(VERSIONS) == set(FORMATS)
    assert FIELDS["version"].value.schema["enum"] == list(VERSIONS)
