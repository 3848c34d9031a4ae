"""What becomes of the custom headers of a hook when it is changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_web_hook_input import HEADED, change, make, problems

from streamhooks.masking import MASK


@pytest.mark.parametrize(
    "name",
    ["Host", "host", "Content-Type", "content-LENGTH", "Content-Encoding", "Transfer-Encoding", "Connection",
     "User-Agent", "webhook-id", "Webhook-Signature", "x-servicehook-guid", "Sentry-Hook-Signature", "Request-ID",
     "traceparent", "tracestate", "TE", "Trailer", "Upgrade", "Expect", "Keep-Alive", "Proxy-Authorization",
     "Accept-Encoding"],
)  # fmt: skip
def test_reserved_headers(name: str) -> None:
    assert "reserved" in problems(make, headers={name: "v"})["headers"]


def test_headers_that_only_look_reserved() -> None:
    headers = {"X-Host": "v", "Authorization": "Bearer x", "hostess": "v", "my-webhook-id": "v"}
    assert make(headers=headers).headers == headers


def test_put_of_a_masked_header_keeps_its_value() -> None:
    hook = make(headers={"X-Key": "v", "X-Other": "w"})
    assert change(hook, headers={"X-Key": MASK, "X-New": "n"}).headers == {"X-Key": "v", "X-New": "n"}
    assert problems(change, hook, headers={"X-Unknown": MASK}).keys() == {"headers"}


@pytest.mark.parametrize(
    "url",
    ["https://attacker.example/in", "http://example.com/in", "https://example.com:8443/in", "https://example.com./in",
     "https://sub.example.com/in", "https://example.com.attacker.example/in"],
)  # fmt: skip
def test_headers_do_not_go_to_another_origin_unless_they_are_given_again(url: str) -> None:
    hook = make(headers=HEADED)
    for headers in ({}, {"headers": {"X-Key": MASK, "Authorization": MASK}}):
        wrong = problems(change, hook, url=url, **headers)
        assert wrong.keys() == {"headers"}
        assert "origin" in wrong["headers"]
        assert "X-Key, Authorization" in wrong["headers"]
        assert "hunter" not in wrong["headers"]
    assert "values of X-Key again" in problems(change, hook, url=url, headers=HEADED | {"X-Key": MASK})["headers"]
    assert change(hook, url=url, headers=HEADED).headers == HEADED
    assert change(hook, url=url, headers={"X-New": "1"}).headers == {"X-New": "1"}
    for nothing in (None, {}):
        assert not change(hook, url=url, headers=nothing).headers
    assert change(make(), url=url).url == url


@pytest.mark.parametrize(
    "url", ["https://example.com/elsewhere?a=1", "HTTPS://EXAMPLE.com:443/in", "https://example.com"]
)
def test_headers_stay_within_the_origin(url: str) -> None:
    hook = make(headers=HEADED)
    assert change(hook, url=url) == replace(hook, url=url)
    assert change(hook, url=url, headers={"X-Key": MASK}).headers == {"X-Key": "hunter2"}


def test_sealed_headers_do_not_go_to_another_origin_either() -> None:
    hook = replace(make(), headers={"X-Key": "fernet:lost"})
    assert problems(change, hook, url="https://attacker.example/").keys() == {"headers"}
