from __future__ import annotations

import io
import logging
import re

import pytest
from aiohttp.http_exceptions import InvalidHeader
from hypothesis import example, given
from hypothesis import strategies as st

from streamhooks.masking import (
    LONGEST_LINE,
    LONGEST_TRACE,
    MASK,
    MaskingFilter,
    cut,
    shown,
    where,
    without,
    without_queries,
)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://a.example/b?token=hunter2", f"https://a.example/b?{MASK}"),
        ("GET https://a.example/?a=hunter2&b=c: refused", f"GET https://a.example/?{MASK} refused"),
        ("HTTP://A.example?hunter2 and http://b/c?hunter2#d", f"HTTP://A.example?{MASK} and http://b/c?{MASK}"),
        ("url='https://a/?hunter2', \"http://b?hunter2\"", f"url='https://a/?{MASK}', \"http://b?{MASK}\""),
        ("https://a.example/b", "https://a.example/b"),
        ("why? because", "why? because"),
        ("http://http://a?b http://c", f"http://http://a?{MASK} http://c"),
        ("http://a?b?http://c?d'http://e?f", f"http://a?{MASK}'http://e?{MASK}"),
        ("?http://a", "?http://a"),
    ],
)
def test_queries_of_urls_are_masked(text: str, masked: str) -> None:
    assert without_queries(text) == masked


@given(
    st.lists(st.sampled_from(["http://", "https://", "HTTP://", "http:/", "?", "a", "'", " ", "\n", "<", "ſ"])).map(
        "".join
    )
)
def test_queries_are_masked_as_they_were(text: str) -> None:
    # As it was written at first: quadratic.
    assert without_queries(text) == re.sub(
        r"(https?://[^\s?'\"<>]*)\?[^\s'\"<>]*", rf"\1?{MASK}", text, flags=re.IGNORECASE
    )


#: what makes a regular expression, or a search, go over the same text again and again
HOSTILE = [
    "http://",
    "?http://",
    "http://?",
    "h",
    "http:/",
    "https://a?b ",
    "http://'",
    "?http://?http://",
    "'http://a?b",
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("part", HOSTILE)
def test_a_megabyte_of_urls_is_nothing(part: str) -> None:
    text = "?" + part * (1_000_000 // len(part))
    assert "?b" not in without_queries(text)
    assert len(without(text, [text[:1000], text[1:900_000] + "x", part * 100 + "y"])) <= 2 * len(text)


def naively_without(text: str, secrets: list[str]) -> str:
    """Do what `without` does, as it was written at first: each possible cut of each secret is looked at."""
    for secret in sorted({one for one in secrets if len(one) >= 4}, key=len, reverse=True):
        text = text.replace(secret, MASK)
        for length in range(min(len(secret) - 1, len(text)), 3, -1):
            if text.endswith(secret[:length]):
                text = text[:-length] + MASK
                break
    return text


@st.composite
def echoes(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Secrets of few letters, full of repetitions, and a text with pieces of them."""
    letters = st.text("ab", min_size=1, max_size=4)
    repeated = st.builds(lambda part, times, more: part * times + more, letters, st.integers(1, 30), letters)
    secrets = draw(st.lists(repeated | letters, min_size=1, max_size=4))
    pieces = st.sampled_from(secrets).flatmap(lambda one: st.integers(0, len(one)).map(lambda end: one[:end]))
    return "".join(draw(st.lists(pieces | repeated | letters, max_size=5))), secrets


@given(echoes())
@example(("hunte", ["hunter2"]))  # nothing but a secret, cut off
@example(("a" * 40, ["a" * 10 + "b" + "a" * 30]))
def test_secrets_are_masked_as_they_were(echo: tuple[str, list[str]]) -> None:
    assert without(*echo) == naively_without(*echo)


@given(st.text(min_size=5, max_size=200).filter(lambda secret: "*" not in secret), st.text(max_size=50), st.data())
def test_a_secret_that_is_cut_off_anywhere_is_masked(secret: str, before: str, data: st.DataObject) -> None:
    kept = data.draw(st.integers(4, len(secret)))
    text = before + secret[:kept]
    masked = without(text, [secret])
    # Behind the mask may stand less than four characters: of a secret that repeats itself, such as 00000 in 000000.
    assert not any(masked.endswith(secret[:length]) for length in range(4, len(secret) + 1))
    assert masked == naively_without(text, [secret])


@pytest.mark.timeout(60)
def test_masking_is_linear_in_secrets_that_repeat_themselves() -> None:
    half = 500_000
    for secret, text in (
        ("a" * half + "b" + "a" * half, "c" + "a" * 2 * half),
        ("ab" * half + "c", "ab" * half + "a"),
        ("b" + "a" * half, "a" * half),
    ):
        assert without(text, [secret, secret[1:]])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("short", "short"),
        ("", ""),
        (None, "None"),
        (12, "12"),
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 100 + "…"),
        ("a\nERROR forged", "a\\nERROR forged"),
        ("\x1b[2J\u2028\ud800", r"\x1b[2J\u2028\ud800"),
        ("Grüße, 世界", "Grüße, 世界"),
    ],
)
def test_what_somebody_wrote_is_shown_cut_and_on_one_line(value: object, text: str) -> None:
    assert shown(value) == text


@given(st.text(), st.integers(100, 1000))
def test_what_is_cut_keeps_both_ends(text: str, longest: int) -> None:
    text *= 20
    short = cut(text, longest)
    assert len(short) <= longest
    if len(text) <= longest:
        assert short == text
    else:
        assert text.startswith(short.split(" [… ")[0])
        assert text.endswith(short[-20:])


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("X-Key: hunter2.", f"X-Key: {MASK}."),
        ("hunter2 and hunter22", f"{MASK} and {MASK}"),
        ("cut off: hunte", f"cut off: {MASK}"),
        ("cut off: hunter22", f"cut off: {MASK}"),
        ("hun is not enough: hun", "hun is not enough: hun"),
        ("abc stays", "abc stays"),
        ("", ""),
    ],
)
def test_secrets_are_masked_also_when_cut_off(text: str, masked: str) -> None:
    assert without(text, ["hunter2", "hunter22", "abc", ""]) == masked


def failing() -> None:
    raise ValueError("hunter2")


def test_where_it_happened_is_told_without_the_text() -> None:
    with pytest.raises(ValueError) as raised:
        failing()
    told = where(raised.value)
    assert told.startswith("ValueError\n")
    assert "in failing" in told
    assert told.count("hunter2") == told.count('ValueError("hunter2")') == 1  # the line of code itself


@pytest.fixture
def logged():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(MaskingFilter())
    logger = logging.Logger("a.test")
    logger.addHandler(handler)
    return logger, stream


def test_logs_are_masked_in_texts_arguments_and_tracebacks(logged) -> None:
    logger, stream = logged
    url = "https://a.example/?" + "hunter2"
    logger.warning("calling %s failed", url)
    try:
        raise OSError(url)
    except OSError:
        logger.exception("it failed")
    assert stream.getvalue().count(MASK) == 2
    assert "hunter2" not in stream.getvalue()
    assert "OSError: https://a.example/" in stream.getvalue()


def test_lines_and_tracebacks_have_an_end(logged) -> None:
    logger, stream = logged
    logger.warning("a record: %s, it ends", "x" * 1_000_000)
    line = stream.getvalue()
    assert line.startswith("a record: xxx")
    assert line.endswith("xxx, it ends\n")
    assert len(line) <= LONGEST_LINE + 1
    try:
        raise OSError("http://a?" * 200_000 + " it ends")
    except OSError:
        logger.exception("failed")
    trace = stream.getvalue().removeprefix(line)
    assert trace.startswith("failed\nTraceback (most recent call last)")
    assert "it ends" in trace
    assert len(trace) <= LONGEST_TRACE + 10


def test_what_is_cut_in_the_midst_of_a_query_shows_none_of_it(logged) -> None:
    logger, stream = logged
    logger.warning("calling %s", "https://a.example/?" + "hunter2" * 10_000)
    assert stream.getvalue() == f"calling https://a.example/?{MASK}\n"


def test_what_aiohttp_stumbled_over_is_not_quoted(logged) -> None:
    logger, stream = logged
    logger.error("Error handling request from %s", "127.0.0.1", exc_info=InvalidHeader("Authorization: hunter2\x01"))
    assert stream.getvalue() == "Error handling request from 127.0.0.1: InvalidHeader\n"
