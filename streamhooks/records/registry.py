"""A schema registry: the writers' schemas of records in its wire format, each fetched once."""

from __future__ import annotations

import base64
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from streamhooks.errors import RegistryAway
from streamhooks.records.writers import parse_writer
from streamhooks.settings import Settings
from streamhooks.times import steady

WIRE = b"\x00"
"""The first byte of the wire format of Confluent's schema registry; 4 bytes with the schema's id follow."""
#: timeout of a request to the registry, in seconds
TIMEOUT = 5.0
#: how long an id that the registry does not know is not fetched again, in seconds
UNKNOWN_FOR = 10.0
#: how many unknown ids are fetched within that time, since producers can make them up
MOST_UNKNOWN = 1000
#: how many schemas are kept
MOST_KNOWN = 1000
#: maximum size of a schema, in bytes
LARGEST = 1_000_000

#: how many schemas one may reference, directly or through others
MOST_REFERENCES = 100
#: stands for the schema of a record that is JSON in the wire format
JSON_SCHEMA: Final = "JSON"

#: returns the response at a path
Fetch = Callable[[str], bytes]


class SchemaRegistry:
    """Confluent's HTTP API, which Karapace, Apicurio and Redpanda offer as well. Any thread may use it."""

    def __init__(self, url: str, fetch: Fetch | None = None, clock: Callable[[], float] = steady) -> None:
        self._fetch = fetch or _fetcher(url)
        self._clock = clock
        self._schemas: dict[int, Any] = {}
        self._unknown: dict[int, tuple[float, str]] = {}
        self._lock = threading.Lock()
        #: why the last request failed, or None
        self.trouble: str | None = None

    def learn(self, value: bytes | None) -> None:
        """Fetch the schema that a record in the wire format needs, unless it is known; block.

        Raises:
            RegistryAway: the registry does not respond, or was asked for too many ids that it does not know.

        """
        if value is not None and value.startswith(WIRE) and len(value) >= 5:
            schema_id = int.from_bytes(value[1:5], "big")
            if schema_id not in self._schemas and schema_id not in self._unknown and self._asked_too_much():
                raise RegistryAway(
                    f"it did not know {MOST_UNKNOWN} schemas within {UNKNOWN_FOR:g} s, and is not asked for now"
                )
            try:
                self.schema(schema_id)
            except LookupError:
                return  # decoding the record raises it again

    def knows(self, value: bytes | None) -> bool:
        """Tell whether `learn` has nothing to fetch."""
        return not (value and value.startswith(WIRE)) or int.from_bytes(value[1:5], "big") in self._schemas

    def schema(self, schema_id: int) -> Any:
        """Return a schema, parsed by fastavro, or JSON_SCHEMA if the record is JSON.

        Raises:
            LookupError: the registry has none under this id, or one of another kind; the text says which.
            RegistryAway: it does not respond.

        """
        known = self._schemas.get(schema_id)
        if known is not None:
            return known
        with self._lock:  # one request at a time: many records need the same schema
            if schema_id not in self._schemas:
                _keep(self._schemas, schema_id, self._asked(schema_id), MOST_KNOWN)
            return self._schemas[schema_id]

    def _asked_too_much(self) -> bool:
        with self._lock:
            # The oldest is first.
            return len(self._unknown) >= MOST_UNKNOWN and next(iter(self._unknown.values()))[0] > self._clock()

    def _asked(self, schema_id: int) -> Any:
        until, why = self._unknown.get(schema_id, (0.0, ""))
        if self._clock() < until:
            raise LookupError(why)
        try:
            schema = _parsed(schema_id, self._fetch)
        except LookupError as error:
            _keep(self._unknown, schema_id, (self._clock() + UNKNOWN_FOR, str(error)), MOST_UNKNOWN)
            self.trouble = None
            raise
        except RegistryAway as error:
            self.trouble = str(error)
            raise
        self.trouble = None
        return schema


def _keep(known: dict[int, Any], schema_id: int, value: Any, most: int) -> None:
    """Append a value, and remove the first one if there are too many."""
    known.pop(schema_id, None)
    if len(known) >= most:
        del known[next(iter(known))]
    known[schema_id] = value


def _parsed(schema_id: int, fetch: Fetch) -> Any:
    """Return the schema that the registry has under an id, with those that it references."""
    try:
        found = json.loads(fetch(f"schemas/ids/{schema_id}"))
        kind = found.get("schemaType", "AVRO")
        if kind == "JSON":
            return JSON_SCHEMA
        if kind != "AVRO":
            raise ValueError(f"it is {kind!r:.100}, not Avro or JSON")
        needed: dict[tuple[str, int], str] = {}
        _fetch_references(found, fetch, needed)
        return parse_writer(found["schema"], needed.values())
    except (LookupError, RegistryAway) as error:
        if type(error) in (LookupError, RegistryAway):
            raise
        why = type(error).__name__
    except Exception as error:  # fastavro raises many kinds for an invalid schema, and documents none
        why = str(error) if type(error) is ValueError else type(error).__name__
    raise LookupError(f"the schema {schema_id} of the schema registry can't be read: {why}")


def _fetch_references(found: Any, fetch: Fetch, needed: dict[tuple[str, int], str]) -> None:
    """Fetch the schemas that one references, each after those that it references itself."""
    for reference in found.get("references") or ():
        place = (str(reference["subject"]), int(reference["version"]))
        if place in needed:
            continue
        if len(needed) >= MOST_REFERENCES:
            raise ValueError(f"it needs more than {MOST_REFERENCES} schemas")
        needed[place] = ""  # so that schemas that reference each other end the recursion
        other = json.loads(fetch(f"subjects/{quote(place[0], safe='')}/versions/{place[1]}"))
        _fetch_references(other, fetch, needed)
        del needed[place]
        needed[place] = other["schema"]


def _fetcher(url: str) -> Fetch:
    """Return a function that fetches a path; a user name and password in the URL become basic authentication."""
    parts = urlsplit(url)
    base = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
    headers = {"Accept": "application/vnd.schemaregistry.v1+json, application/json"}
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def fetch(path: str) -> bytes:
        request = urllib.request.Request(f"{base}/{path}", headers=headers)
        try:
            with opener.open(request, timeout=TIMEOUT) as answer:
                text = bytes(answer.read(LARGEST + 1))
                if len(text) > LARGEST:
                    raise LookupError(f"{path} of the schema registry has more than {LARGEST} bytes")
                return text
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    raise LookupError(f"the schema registry has no {path}") from None
                raise RegistryAway(f"the schema registry responds with {error.code}") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise RegistryAway(f"the schema registry does not answer: {type(reason).__name__}") from None

    return fetch


def registry_of(settings: Settings) -> SchemaRegistry | None:
    """Return the schema registry of an installation, if it has one."""
    return SchemaRegistry(settings.schema_registry) if settings.schema_registry else None
