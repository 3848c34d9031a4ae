from __future__ import annotations

from streamhooks.delivery.distrust import SECONDS, DistrustedOrigins, Origin

HERE = Origin("a.example", 443, True)
THERE = Origin("a.example", 80, False)


def test_an_origin_is_distrusted_for_ten_minutes_from_the_last_time() -> None:
    now = 0.0
    distrusted = DistrustedOrigins(lambda: now)
    assert HERE not in distrusted
    distrusted.add(HERE)
    now = 100.0
    distrusted.add(HERE)
    now = 99.0 + SECONDS
    assert HERE in distrusted
    assert THERE not in distrusted
    now = 100.0 + SECONDS
    assert HERE not in distrusted
    assert len(distrusted) == 0


def test_of_too_many_the_latest_are_known() -> None:
    distrusted = DistrustedOrigins(lambda: 0.0)
    distrusted.add(HERE)
    for port in range(20_000):
        distrusted.add(THERE._replace(port=port))
        if port == 10_000:
            distrusted.add(HERE)
    assert len(distrusted) == 16_384
    assert HERE in distrusted
    assert THERE._replace(port=1) not in distrusted
    assert THERE._replace(port=19_999) in distrusted
