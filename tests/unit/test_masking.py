from __future__ import annotations

import io
import logging

import pytest
from aiohttp.http_exceptions import InvalidHeader

from streamhooks.masking import MASK, MaskingFilter, where, without, without_queries


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://a.example/b?token=hunter2", f"https://a.example/b?{MASK}"),
        ("GET https://a.example/?a=hunter2&b=c: refused", f"GET https://a.example/?{MASK} refused"),
        ("HTTP://A.example?hunter2 and http://b/c?hunter2#d", f"HTTP://A.example?{MASK} and http://b/c?{MASK}"),
        ("url='https://a/?hunter2', \"http://b?hunter2\"", f"url='https://a/?{MASK}', \"http://b?{MASK}\""),
        ("https://a.example/b", "https://a.example/b"),
        ("why? because", "why? because"),
    ],
)
def test_queries_of_urls_are_masked(text: str, masked: str) -> None:
    assert without_queries(text) == masked


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


def test_what_aiohttp_stumbled_over_is_not_quoted(logged) -> None:
    logger, stream = logged
    logger.error("Error handling request from %s", "127.0.0.1", exc_info=InvalidHeader("Authorization: hunter2\x01"))
    assert stream.getvalue() == "Error handling request from 127.0.0.1: InvalidHeader\n"
