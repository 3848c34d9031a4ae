from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from standardwebhooks.webhooks import Webhook

from streamhooks.dev.verification import hook_id, verify

NOW = 1_700_000_000
OURS = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def standard(secret: str, body: bytes, now: int = NOW) -> CIMultiDict:
    sign = Webhook(secret).sign
    return CIMultiDict(
        {
            "Webhook-Id": "msg",
            "Webhook-Timestamp": str(now),
            "Webhook-Signature": sign("msg", datetime.fromtimestamp(now, UTC), body.decode()),
        }
    )


def sentry(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@given(st.text().filter(lambda text: text.isprintable()))
def test_what_the_standards_library_signs_is_right(text):
    body = text.encode()
    assert verify(standard(OURS, body), body, [OURS], NOW) == {"standard": True}
    assert verify(standard(OURS, body), body + b" ", [OURS], NOW) == {"standard": False}


def test_a_secret_of_the_callers_own_is_its_text():
    own = "correct horse battery staple"
    headers = standard(base64.b64encode(own.encode()).decode(), b"{}")
    assert verify(headers, b"{}", [own], NOW) == {"standard": True}


@pytest.mark.parametrize("apart", [-301, 301])
def test_a_timestamp_far_away_is_not_accepted(apart):
    assert verify(standard(OURS, b"{}"), b"{}", [OURS], NOW + apart) == {"standard": False}


@pytest.mark.parametrize("timestamp", ["", "now", "-5", "1.5", "²"])
def test_a_broken_timestamp_is_not_accepted(timestamp):
    headers = standard(OURS, b"{}")
    headers["webhook-timestamp"] = timestamp
    assert verify(headers, b"{}", [OURS], NOW) == {"standard": False}


def test_one_right_signature_of_several_is_enough_while_a_secret_rotates():
    old, new = standard("b2xk", b"{}"), standard("bmV3", b"{}")
    old["webhook-signature"] += " " + new["webhook-signature"]
    assert verify(old, b"{}", ["whsec_bmV3"], NOW) == {"standard": True}
    assert verify(new, b"{}", ["whsec_b2xk", "whsec_bmV3"], NOW) == {"standard": True}


@pytest.mark.parametrize(
    ("header", "name"),
    [("X-ServiceHook-Signature", "service_hook"), ("Sentry-Hook-Signature", "app_hook")],
)
def test_sentrys_signatures(header, name):
    headers = CIMultiDict({header: sentry(OURS, b"{}")})
    assert verify(headers, b"{}", [OURS], NOW) == {name: True}
    assert verify(headers, b"{ }", [OURS], NOW) == {name: False}
    assert verify(headers, b"{}", ["another"], NOW) == {name: False}
    assert verify(CIMultiDict({header: "é"}), b"{}", [OURS], NOW) == {name: False}


def test_without_signatures_there_is_nothing_to_tell():
    assert verify(CIMultiDict(), b"{}", [OURS], NOW) == {}


def test_the_hook_of_a_request():
    assert hook_id(CIMultiDict({"x-servicehook-guid": "abc"}), b"{}") == "abc"
    assert hook_id(CIMultiDict(), b'{"action":"created","installation":{"uuid":"def"}}') == "def"
    assert hook_id(CIMultiDict(), b"\xff") is None
