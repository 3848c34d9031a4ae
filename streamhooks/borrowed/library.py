"""The form of the tables in this folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

#: in place of a digest: an attribute, of which there is no source
ATTRIBUTE = "attribute"


class Library(NamedTuple):
    """What we borrow of a library, as it was read."""

    distribution: str
    version: str
    """The version that was read."""
    published: frozenset[str]
    """The modules of which we use what they publish."""
    names: Mapping[str, Mapping[str, str]]
    """By module of ours: `module:Class.name` of theirs, and the digest of its source or `ATTRIBUTE`."""
