from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from streamhooks.delivery.signing import legacy_signature, standard_signature

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + b64encode(bytes(32)).decode()
BODY = '{"a":"ü"}'.encode()


def test_legacy_key_is_the_whole_text() -> None:
    expected = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    assert legacy_signature(SECRET, BODY) == expected


def test_legacy_key_may_be_any_text() -> None:
    # echo -n body | openssl dgst -sha256 -hmac sécret-of-16-chars
    assert legacy_signature("sécret-of-16-chars", b"body") == (
        hmac.new("sécret-of-16-chars".encode(), b"body", hashlib.sha256).hexdigest()
    )


@given(secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300), body=st.binary())
def test_keys_of_any_length_are_those_of_rfc_2104(secret: str, body: bytes) -> None:
    """Beyond 64 bytes, the key is the hash of the secret."""
    expected = hmac.new(secret.encode(), body, hashlib.sha256)
    assert legacy_signature(secret, body) == expected.hexdigest()
    assert standard_signature(["whsec_" + b64encode(secret.encode()).decode()], "id", 7, body) == (
        "v1," + b64encode(hmac.digest(secret.encode(), b"id.7." + body, "sha256")).decode()
    )


def test_known_value_of_the_specification() -> None:
    # The example of Standard Webhooks' own libraries.
    signature = standard_signature(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def verified(secret: str | bytes, signature: str, body: bytes, now: int, webhook_id: str = "id-1") -> bool:
    headers = {"webhook-id": webhook_id, "webhook-timestamp": str(now), "webhook-signature": signature}
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


@given(key=st.binary(min_size=16, max_size=64), value=st.dictionaries(st.text(), st.text()))
def test_the_library_verifies(key: bytes, value: dict[str, str]) -> None:
    import orjson

    body = orjson.dumps(
        {k.encode(errors="replace").decode(): v.encode(errors="replace").decode() for k, v in value.items()}
    )
    secret = "whsec_" + b64encode(key).decode()
    now = int(datetime.now(UTC).timestamp())
    signature = standard_signature([secret], "id-1", now, body)
    assert verified(secret, signature, body, now)
    assert not verified(secret, signature, body + b" ", now)
    assert not verified(secret, signature, body, now, "id-2")


def test_both_secrets_verify_during_a_rotation() -> None:
    now = int(datetime.now(UTC).timestamp())
    signature = standard_signature([SECRET, OTHER], "id-1", now, BODY)
    new, old = signature.split(" ")
    assert new == standard_signature([SECRET], "id-1", now, BODY)
    assert old == standard_signature([OTHER], "id-1", now, BODY)
    assert verified(SECRET, signature, BODY, now)
    assert verified(OTHER, signature, BODY, now)
    assert not verified("whsec_" + b64encode(b"x" * 32).decode(), signature, BODY, now)


@pytest.mark.parametrize(
    "secret",
    [
        "sixteen-chars-00",
        "pässwörd-of-16-c",
        "whsec_!!!!!!!!!!!!!!!!",  # no base64: a lenient decoder would make an empty key of it
        "whsec_YWJj YWJj YWJj",
        "whsec_YWJjYWJjYWJjY",  # wrong padding
        "whsec_====",
        "whsec_ünïcödé-sécrét",
    ],
)
def test_other_secrets_are_keys_as_they_are(secret: str) -> None:
    now = int(datetime.now(UTC).timestamp())
    assert verified(secret.encode(), standard_signature([secret], "id-1", now, BODY), BODY, now)
