"""What the metadata of a commit tells, whoever wrote it."""

from __future__ import annotations

import pytest

from streamhooks.kafka.commits import from_metadata, to_metadata
from streamhooks.kafka.logs import Reading, short_id


def test_what_was_committed_comes_back() -> None:
    reading = Reading(7, "GgO5W2AfSV2KpaJXRumP1Q", 3)
    assert from_metadata(7, to_metadata(reading)) == reading


@pytest.mark.parametrize(
    "metadata", [None, "", "{}", "null", "[]", "3", '"x"', "{", '{"log": 3, "epoch": "x"}', '{"epoch": true}', "\0"]
)
def test_what_is_no_metadata_of_ours_tells_nothing(metadata: str | None) -> None:
    assert from_metadata(7, metadata) == Reading(7)


def test_keys_of_a_later_version_are_left_alone() -> None:
    assert from_metadata(7, '{"log": "A", "epoch": 3, "more": [1]}') == Reading(7, "A", 3)


def test_ids_as_numbers() -> None:
    assert short_id("") == 0
    assert short_id("GgO5W2AfSV2KpaJXRumP1Q") == 0x1A03B95B
