"""An answer about committed offsets that is an error is no answer that nothing is committed."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import GroupAuthorizationFailedError
from aiokafka.protocol.commit import OffsetFetchRequest, OffsetFetchResponse_v1, OffsetFetchResponse_v3
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streamhooks.faust_patches.committed import raising

TP = TopicPartition("t.events", 3)
COMMITTED = OffsetFetchResponse_v3(throttle_time_ms=0, topics=[("t.events", [(3, 42, "", 0)])], error_code=0)
LOADING, NOT_AVAILABLE, NOT_COORDINATOR, NOT_AUTHORIZED = 14, 15, 16, 30


class Coordinator:
    """aiokafka's coordinator of a group, as far as it reads what is committed, with these answers of brokers."""

    group_id, _retry_backoff_ms = "t.worker", 1

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.looked_for = 0
        self._send_req = raising(self._answer, self.coordinator_dead)
        self._do_fetch_commit_offsets = partial(GroupCoordinator._do_fetch_commit_offsets, self)

    async def _answer(self, request: Any) -> Any:
        assert isinstance(request, OffsetFetchRequest)
        return self.answers.pop(0)

    async def ensure_coordinator_known(self) -> None:
        pass

    def coordinator_dead(self) -> None:
        self.looked_for += 1

    async def committed(self) -> Any:
        return await GroupCoordinator.fetch_committed_offsets(self, [TP])


def error(code: int) -> OffsetFetchResponse_v3:
    return OffsetFetchResponse_v3(throttle_time_ms=0, topics=[], error_code=code)


@pytest.mark.parametrize(("code", "looked_for"), [(LOADING, 0), (NOT_AVAILABLE, 1), (NOT_COORDINATOR, 1)])
async def test_what_is_committed_is_asked_for_again_when_another_broker_has_to_say(code: int, looked_for: int):
    coordinator = Coordinator(error(code), error(code), COMMITTED)
    assert await coordinator.committed() == {TP: OffsetAndMetadata(42, "")}
    assert coordinator.looked_for == 2 * looked_for


async def test_an_error_that_does_not_pass_is_raised():
    with pytest.raises(GroupAuthorizationFailedError):
        await Coordinator(error(NOT_AUTHORIZED)).committed()


async def test_an_offset_that_is_not_committed_is_none():
    nothing = OffsetFetchResponse_v3(throttle_time_ms=0, topics=[("t.events", [(3, -1, "", 0)])], error_code=0)
    assert await Coordinator(nothing).committed() == {}
    assert await Coordinator(OffsetFetchResponse_v1(topics=[("t.events", [(3, -1, "", 0)])])).committed() == {}


async def test_other_answers_are_given_as_they_are():
    answer = SimpleNamespace(error_code=NOT_COORDINATOR)

    async def send(_request: object) -> object:
        return answer

    assert await raising(send, lambda: None)("a heartbeat") is answer
