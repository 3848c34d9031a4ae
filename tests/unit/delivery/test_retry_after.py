from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.delivery.retry_after import retry_after_seconds

NOW = datetime(1994, 11, 6, 8, 49, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([], None),
        (["120"], 120),
        ([" 120\t"], 120),
        (["0"], 1),
        (["00"], 1),
        (["1"], 1),
        (["3600"], 3600),
        (["3601"], 3600),
        (["000000000000000060"], 60),
        (["9" * 10_000], 3600),
        (["100000"], 3600),
        # RFC 9110, 5.6.7: the same moment in its three forms
        (["Sun, 06 Nov 1994 08:49:37 GMT"], 37),
        (["Sunday, 06-Nov-94 08:49:37 GMT"], 37),
        (["Sun Nov  6 08:49:37 1994"], 37),
        (["Sun, 06 Nov 1994 08:49:60 GMT"], 60),
        (["Sun, 06 Nov 1994 09:49:37 GMT"], 3600),
        (["Sun, 06 Nov 2094 09:49:37 GMT"], 3600),
        (["Sunday, 06-Nov-44 08:49:37 GMT"], 3600),  # 50 years ahead: 2044
        (["Sunday, 06-Nov-45 08:49:37 GMT"], None),  # more than that: 1945
        (["Sun, 06 Nov 1994 08:49:00 GMT"], None),
        (["Sun, 06 Nov 1994 08:48:59 GMT"], None),
        (["Thu, 01 Jan 1970 00:00:00 GMT"], None),
        # the first counts, even if it says nothing
        (["7", "9"], 7),
        (["", "9"], None),
        (["soon", "9"], None),
        (["7, 9"], None),
        ([""], None),
        ([" "], None),
        (["-5"], None),
        (["+5"], None),
        (["1.5"], None),
        (["1e3"], None),
        (["0x10"], None),
        (["1_0"], None),
        (["inf"], None),
        (["Infinity"], None),
        (["nan"], None),
        (["１２"], None),
        (["²"], None),
        (["120 s"], None),
        (["12\n"], None),
        (["Sun, 06 Nov 1994 08:49:37"], None),
        (["Sun, 06 Nov 1994 08:49:37 UTC"], None),
        (["Sun, 06 Nov 1994 08:49:37 +0000"], None),
        (["Sun, 6 Nov 1994 08:49:37 GMT"], None),
        (["Sun, 31 Feb 2094 08:49:37 GMT"], None),
        (["Sun, 06 Nov 1994 24:49:37 GMT"], None),
        (["Sun, 06 Nov 1994 08:49:61 GMT"], None),
        (["Sun, 06 Nov 0000 08:49:37 GMT"], None),
        (["1994-11-06T08:49:37Z"], None),
    ],
)
def test_values(values: list[str], seconds: float | None) -> None:
    assert retry_after_seconds(values, NOW) == seconds


@given(values=st.lists(st.text() | st.from_regex(r"[-+0-9.einfa]{0,12}")), now=st.floats(0, 4e9))
def test_any_text_gives_none_or_seconds_in_bounds(values: list[str], now: float) -> None:
    seconds = retry_after_seconds(values, now)
    assert seconds is None or 1 <= seconds <= 3600


@given(st.integers(0, 10**30))
def test_digits(number: int) -> None:
    assert retry_after_seconds([str(number)], NOW) == min(max(number, 1), 3600)


@given(now=st.integers(0, 4_000_000_000), ahead=st.integers(-10_000, 10_000))
def test_dates(now: int, ahead: int) -> None:
    at = max(now + ahead, 0)
    expected = None if at <= now else min(at - now, 3600)
    moment = datetime.fromtimestamp(at, UTC)
    rfc_850 = moment.strftime("%A, %d-%b-%y %H:%M:%S GMT")
    asctime = f"{moment:%a %b} {moment.day:2d} {moment:%H:%M:%S %Y}"
    for value in (formatdate(at, usegmt=True), rfc_850, asctime):
        assert retry_after_seconds([value], now) == expected
