"""Answers about committed offsets that are an error as a whole.

A broker that does not coordinate the group, or has not loaded it yet, answers with one error and no partitions
(KIP-88). aiokafka looks only at the errors of partitions. It takes such an answer for one that nothing is committed:
then all that Kafka holds would be sent again, or skipped with STREAMHOOKS_START=latest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.errors import GroupCoordinatorNotAvailableError, NoError, NotCoordinatorForGroupError, for_code
from aiokafka.protocol.commit import OffsetFetchRequest


def raising(
    send: Callable[[Any], Awaitable[Any]], coordinator_dead: Callable[[], None]
) -> Callable[[Any], Awaitable[Any]]:
    """Wrap a coordinator's function that sends requests, so that it raises the error of such an answer.

    `coordinator_dead` is called if another broker may be the coordinator: aiokafka then looks for it, and asks again.
    """

    async def sending(request: Any) -> Any:
        answer = await send(request)
        # Before version 2 of the request, all errors are of partitions.
        if isinstance(request, OffsetFetchRequest) and (code := getattr(answer, "error_code", NoError.errno)):
            error = for_code(code)
            if error in (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
                coordinator_dead()
            raise error
        return answer

    return sending
