"""A broker's disk is replaced only while the others have all that it held."""

from __future__ import annotations

from types import SimpleNamespace

from chaos.broker_faults import is_in_sync


def test_a_broker_that_is_in_sync_of_one_partition_is_in_sync():
    behind, ahead = SimpleNamespace(isrs=[2, 3]), SimpleNamespace(isrs=[1])
    assert not is_in_sync(1, [behind])
    assert is_in_sync(1, [behind, ahead])
