"""Whether an installation is new: its topics may have been created just now."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException

from streamhooks.kafka import starts
from streamhooks.settings import Settings

PARTITIONS = dict.fromkeys(starts.WRITTEN_BY_WORKERS, 1)


class Admin:
    """Answers each question with the next of these: an end of all partitions, or an error."""

    def __init__(self, *answers: int | KafkaError) -> None:
        self.answers = list(answers)

    def list_offsets(self, asked: dict, **_options: object) -> dict[object, Future]:
        answer = self.answers.pop(0)
        futures = {tp: Future() for tp in asked}
        for future in futures.values():
            if isinstance(answer, KafkaError):
                future.set_exception(KafkaException(answer))
            else:
                future.set_result(SimpleNamespace(offset=answer))
        return futures


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch):
    """Return whether an installation is known to be used, by an admin client that answers so."""
    monkeypatch.setattr(starts, "_committed", lambda _settings, _sources: frozenset())

    def ask(*answers: int | KafkaError) -> bool:
        admin = Admin(*answers)
        monkeypatch.setattr(starts, "admin_client", lambda _settings: admin)
        is_used = starts.look_around(Settings(), {"events": 1}, {"orders": 1}, PARTITIONS).is_used
        assert not admin.answers
        return is_used

    return ask


@pytest.mark.parametrize(("end", "is_used"), [(0, False), (1, True)])
def test_an_installation_is_used_when_its_topics_held_a_record(asked, end, is_used):
    assert asked(end) is is_used


@pytest.mark.parametrize("code", starts.BEING_MADE)
def test_topics_that_were_created_just_now_are_asked_again(asked, code):
    assert asked(KafkaError(code), KafkaError(code), 0) is False


def test_another_error_is_told(asked):
    with pytest.raises(TimeoutError, match="does not answer"):
        asked(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
