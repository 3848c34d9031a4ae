"""Helpers for tests that see the product only through its contract: topics, web views, what receivers get."""

from support.api import Answer, Api, api
from support.eventually import eventually
from support.processes import ended
from support.receiver import Receiver
from support.topics import consume_all, create_topic, make_anew, produce
from support.worker import Worker

__all__ = [
    "Answer",
    "Api",
    "Receiver",
    "Worker",
    "api",
    "consume_all",
    "create_topic",
    "ended",
    "eventually",
    "make_anew",
    "produce",
]
