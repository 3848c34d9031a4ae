"""A schema registry: the writers' schemas of records in its wire format, each asked for once."""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import fastavro

from streamhooks.errors import RegistryAway

WIRE = b"\x00"
"""The first byte of the wire format of Confluent's schema registry; the schema's id follows, 4 bytes."""
#: how long the registry may take to answer, in seconds
TIMEOUT = 5.0
#: how long an id that the registry does not know is not asked for again, in seconds
UNKNOWN_FOR = 10.0

Fetch = Callable[[int], bytes]


class SchemaRegistry:
    """Confluent's HTTP API, which Karapace, Apicurio and Redpanda speak as well. May be used by any thread."""

    def __init__(self, url: str, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch or _fetcher(url)
        self._clock = clock
        self._schemas: dict[int, Any] = {}
        self._unknown: dict[int, tuple[float, str]] = {}
        self._lock = threading.Lock()
        #: why it gave no answer when it was asked last, or None
        self.trouble: str | None = None

    def learn(self, value: bytes | None) -> None:
        """Have the schema at hand that a record needs, if it is in the wire format; blocks while it is asked for.

        Raises:
            RegistryAway: the registry gives no answer.

        """
        if value is not None and value.startswith(WIRE) and len(value) >= 5:
            try:
                self.schema(int.from_bytes(value[1:5], "big"))
            except LookupError:
                return  # for whoever decodes the record

    def knows(self, value: bytes | None) -> bool:
        """Whether `learn` has nothing to ask for."""
        return not (value and value.startswith(WIRE)) or int.from_bytes(value[1:5], "big") in self._schemas

    def schema(self, schema_id: int) -> Any:
        """Return a schema, parsed by fastavro.

        Raises:
            LookupError: the registry has none under this id, or one that is not Avro; the text says which.
            RegistryAway: it gives no answer.

        """
        known = self._schemas.get(schema_id)
        if known is not None:
            return known
        with self._lock:  # one question at a time: many records ask for the same schema
            if schema_id not in self._schemas:
                self._schemas[schema_id] = self._asked(schema_id)
            return self._schemas[schema_id]

    def _asked(self, schema_id: int) -> Any:
        until, why = self._unknown.get(schema_id, (0.0, ""))
        if self._clock() < until:
            raise LookupError(why)
        try:
            schema = _parsed(schema_id, self._fetch(schema_id))
        except LookupError as error:
            self._unknown[schema_id] = (self._clock() + UNKNOWN_FOR, str(error))
            self.trouble = None
            raise
        except RegistryAway as error:
            self.trouble = str(error)
            raise
        self.trouble = None
        return schema


def _parsed(schema_id: int, answer: bytes) -> Any:
    """Return the schema in an answer; one that needs others (`references`) can't be read."""
    try:
        found = json.loads(answer)
        kind = found.get("schemaType", "AVRO")
        schema = fastavro.parse_schema(json.loads(found["schema"])) if kind == "AVRO" else None
    except Exception as error:  # fastavro raises many kinds for what is no schema, and documents none
        text = f"the schema {schema_id} of the schema registry can't be read: {type(error).__name__}"
        raise LookupError(text) from None
    if schema is None:
        raise LookupError(f"the schema {schema_id} of the schema registry is {kind!r:.100}, not Avro")
    return schema


def _fetcher(url: str) -> Fetch:
    """Return what asks the registry; a user name and password in the URL become basic authentication."""
    parts = urlsplit(url)
    base = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
    headers = {"Accept": "application/vnd.schemaregistry.v1+json, application/json"}
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def fetch(schema_id: int) -> bytes:
        request = urllib.request.Request(f"{base}/schemas/ids/{schema_id}", headers=headers)
        try:
            with opener.open(request, timeout=TIMEOUT) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    raise LookupError(f"the schema registry has no schema {schema_id}") from None
                raise RegistryAway(f"the schema registry answers {error.code}") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise RegistryAway(f"the schema registry does not answer: {type(reason).__name__}") from None

    return fetch
