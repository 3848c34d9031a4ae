"""What goes out with a delivery, and what of its answer may be kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streamhooks.delivery.client import Answer
from streamhooks.delivery.outcomes import Attempted, VerdictKind
from streamhooks.delivery.signing import standard_signature
from streamhooks.records.hook import Hook
from streamhooks.tasks.call import Call
from streamhooks.webhooks.deliver import deliverer
from streamhooks.webhooks.rendering import Payload

HOOK = Hook(
    id="a" * 32,
    organization_id="1",
    url="https://example.com/in?token=hunter4&a=%20b",
    events=(),
    secret="hunter1hunter1hunter1",
    headers={"X-Key": "hunter2", "Authorization": "Bearer hunter3"},
    previous_secret="hunter5hunter5hunter5",
    previous_secret_until=2000.0,
    earlier_secret="hunter7hunter7hunter7",
    earlier_secret_until=1500.0,
)
ECHO = (
    "POST /in?token=hunter4&a=%20b HTTP/1.1 X-Key: hunter2 Authorization: Bearer hunter3 "
    "hunter1hunter1hunter1 token hunter3 hunter5hunter5hunter5 hunter7hunter7hunter7 cut: hunter1hun"
)
# The URL of somebody else in an error text, such as one that aiohttp quotes.
ERROR = f"https://elsewhere.example/?hunter6 {ECHO}"


async def deliver(
    answer: Answer, hook: Hook = HOOK, hops: int = 0, is_shown: bool = False, traceparent: str | None = None
) -> tuple[list[dict[str, str]], Attempted]:
    """Return the headers that went out and what came of it."""
    sent: list[dict[str, str]] = []

    async def post(url, headers, body, timeout, organization):
        assert (url, organization) == (hook.url, hook.organization_id)
        sent.append(headers)
        return answer

    call = Call("c", "t", 0, 0, hook_id=hook.id, hops=hops, traceparent="of the call")
    send = deliverer(post, clock=lambda: 1000.0, timeout=1.0, max_body=100)
    payload = Payload(b"{}", lambda *_: {"Content-Type": "application/json"})
    return sent, await send(call, hook, payload, traceparent, is_shown=is_shown)


@pytest.mark.parametrize("hops", [0, 3])
async def test_one_hop_more_goes_out(hops: int) -> None:
    sent, _ = await deliver(Answer(200, None, "answered", (), "", 1), hops=hops)
    assert sent[0]["streamhooks-hops"] == str(hops + 1)
    assert sent[0]["X-Key"] == "hunter2"


@pytest.mark.parametrize(
    ("previous_until", "earlier_until", "replaced"),
    [(2000.0, 1500.0, (5, 7)), (2000.0, 1000.0, (5,)), (1000.0, 1500.0, (7,)), (1000.0, 999.0, ())],
)
async def test_each_secret_that_is_in_force_signs_the_current_one_first(
    previous_until, earlier_until, replaced
) -> None:
    hook = replace(HOOK, previous_secret_until=previous_until, earlier_secret_until=earlier_until)
    sent, _ = await deliver(Answer(200, None, "answered", (), "", 1), hook)
    secrets = [f"hunter{number}" * 3 for number in (1, *replaced)]
    signed = [standard_signature([secret], sent[0]["webhook-id"], 1000, b"{}") for secret in secrets]
    assert sent[0]["webhook-signature"] == " ".join(signed)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(None, f"garbage: {ERROR}", "garbage", (), "", 1),
        Answer(None, f"denied: {ERROR}", "denied", (), ECHO, 1),
        Answer(500, None, "answered", (), ECHO, 1),
        Answer(400, None, "answered", (), ECHO, 1),
    ],
    ids=lambda answer: answer.kind,
)
async def test_what_an_endpoint_echoes_of_our_secrets_is_masked(answer: Answer) -> None:
    _, attempted = await deliver(answer)
    kept = repr((attempted.answer, attempted.verdict))
    assert "********" in kept
    assert "hunter" not in kept
    assert attempted.answer.status == answer.status


@pytest.mark.parametrize(
    ("name", "value", "echo"),
    [
        ("X-Key", " hunter2 \t", "hunter2"),  # what stands around a value is no part of it (RFC 9110, 5.5)
        ("Authorization", "Bearer  hunter2", "hunter2"),
        ("Authorization", "Bearer\thunter2", "hunter2"),
        ("X-Key", 'a"hunter2\\', '{"X-Key": "a\\"hunter2\\\\"}'),
        ("X-Key", "\t\ta\thunter2", '{"X-Key": "a\\thunter2"}'),
        ("Authorization", "Basic a/hunter2==", '{"Authorization":"Basic a\\/hunter2=="}'),  # as PHP writes it
        ("X-Key", "a&hunter2>", '{"X-Key":"a\\u0026hunter2\\u003e"}'),  # as Go writes it
        ("X-Key", "a&hunter2>", "<td>a&amp;hunter2&gt;</td>"),
        ("X-Key", "a/hunter2==", "/login?key=a%2Fhunter2%3D%3D"),
    ],
)
async def test_what_is_echoed_in_another_form_is_masked(name: str, value: str, echo: str) -> None:
    head = f"HTTP/1.1 500 No\r\nX-Echo: {echo}\r\n\r\n".encode()
    answer = Answer(500, None, "answered", (), f"it was {echo}.", 1, head=head)
    _, attempted = await deliver(answer, replace(HOOK, headers={name: value}), is_shown=True)
    kept = repr(attempted.answer)
    assert "********" in kept
    assert "hunter" not in kept


async def test_of_a_delivery_that_went_well_nothing_is_kept_unless_it_is_shown() -> None:
    answer = Answer(200, None, "answered", (), ECHO, 1)
    _, attempted = await deliver(answer)
    assert (attempted.answer.status, attempted.answer.excerpt) == (200, "")
    _, attempted = await deliver(answer, is_shown=True)
    assert "********" in attempted.answer.excerpt
    assert "hunter" not in attempted.answer.excerpt


async def test_the_headers_of_both_sides_are_kept_for_who_waits_for_them_without_our_secrets() -> None:
    written = (
        b"POST / HTTP/1.1\r\nHost: e\r\nX-Key: hunter2\r\nauthorization: Bearer hunter3\r\nwebhook-id: w\r\n\r\n{}"
    )
    head = b"HTTP/1.1 200 OK\r\nX-Echo: a hunter2\r\nhunter3: b\r\nSet-Cookie: 1\r\nset-cookie: hunter1hun\r\n\r\n"
    answer = Answer(200, None, "answered", (), "", 1, written=written, head=head)
    _, attempted = await deliver(answer, is_shown=True)
    assert attempted.request.headers == (
        ("Host", "e"),
        ("X-Key", "********"),
        ("authorization", "********"),
        ("webhook-id", "w"),
    )
    assert attempted.answer.headers == (
        ("X-Echo", "a ********"), ("********", "b"), ("Set-Cookie", "1"), ("set-cookie", "********"),
    )  # fmt: skip
    assert "hunter" not in repr(attempted.answer)
    _, attempted = await deliver(answer)
    assert attempted.request.headers == attempted.answer.headers == ()
    assert "hunter" not in repr(attempted.answer)


async def test_nothing_is_signed_with_what_no_key_opens() -> None:
    over = replace(HOOK, headers={"X-Key": "v" * 9000})
    for sealed in (replace(HOOK, secret="fernet:A"), replace(HOOK, headers={"X-Key": "fernet:A"}), over):
        sent, attempted = await deliver(Answer(200, None, "answered", (), "", 1), sealed)
        assert sent == []
        assert (attempted.request, attempted.answer) == (None, None)
        assert attempted.verdict.kind is VerdictKind.RETRY


@pytest.mark.parametrize("traceparent", [None, "of the span"])
async def test_the_attempt_is_named_to_the_receiver(traceparent: str | None) -> None:
    sent, _ = await deliver(Answer(200, None, "answered", (), "", 1), traceparent=traceparent)
    assert sent[0]["traceparent"] == traceparent or "of the call"


async def test_a_body_that_is_too_large_is_not_sent() -> None:
    async def post(*_):
        raise AssertionError

    send = deliverer(post, clock=lambda: 1000.0, timeout=1.0, max_body=100)
    attempted = await send(Call("c", "t", 0, 0), HOOK, Payload(b"x" * 101, lambda *_: {}))
    assert (attempted.request, attempted.answer) == (None, None)
    assert (attempted.verdict.kind, attempted.verdict.reason) == ("rejected", "the body has 101 bytes, more than 100")
