"""The structure of the tables in this folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

#: in place of a digest: an attribute, which has no source
ATTRIBUTE = "attribute"


class Library(NamedTuple):
    """What we borrow from a library, as it was read."""

    distribution: str
    version: str
    """The version that was read."""
    published: frozenset[str]
    """The modules whose public names we use."""
    names: Mapping[str, Mapping[str, str]]
    """Per module of ours: `module:Class.name` of theirs, with the digest of its source or `ATTRIBUTE`."""
