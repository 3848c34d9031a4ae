"""A client of the web API. A failed call becomes one line that gives the reason."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from streamhooks.cli.show import clean
from streamhooks.errors import Refusal
from streamhooks.settings import is_loopback
from streamhooks.web.http.json_client import Answer, call

# Seconds. A worker may spend 10 s on forwarding a call, and another 10 s until Kafka confirms a change.
TIMEOUT = 25.0
#: timeout of a call that reads many records first, in seconds
LONG = 300.0
#: retries of a call that got a 429 or 503, and the longest pause between them, in seconds
TRIES, _LONGEST_PAUSE = 5, 5.0
_PAGE = 500

JSON = dict[str, Any]


class ProblemAnswer(Refusal):
    """A worker answered with a problem. The text gives the reason; `body` may have details.

    `maybe_applied` is true if the change may have been made, or may be made later. `retry_after` is in seconds.
    """

    def __init__(self, status: int, text: str, body: Any = None, *, retry_after: float = 1.0) -> None:
        super().__init__(text)
        self.status = status
        self.body: JSON = body if isinstance(body, dict) else {}
        self.maybe_applied = self.body.get("maybe_applied") is True
        self.retry_after = retry_after

    @property
    def is_soon_over(self) -> bool:
        """Tell whether a retry may succeed."""
        return self.status in (429, 503)


@dataclass(frozen=True)
class Api:
    """The web API of one worker. Any worker will do: they forward calls to each other.

    Every method raises Refusal when no worker answers, and ProblemAnswer when a worker answers with a problem. A GET
    that gets a 429 or 503 is retried a few times. Other calls are retried only with `again`: after a 503 the change may
    still take effect, and a second call would make it twice. See `changing.py` for those.
    """

    base: str
    token: str | None = field(default=None, repr=False)
    sleep: Callable[[float], None] = time.sleep
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    """The trusted certificates; None means those of the system."""

    def get(self, path: str, **query: object) -> Any:
        """Return the JSON of the answer; a None in the query is left out."""
        return self.answer("GET", path, query=query).json

    def post(self, path: str, body: object = None, *, again: bool = False, timeout: float = TIMEOUT) -> Any:
        """Send a POST and return the JSON of the answer."""
        return self.answer("POST", path, body, again=again, timeout=timeout).json

    def delete(self, path: str, *, again: bool = False) -> None:
        """Send a DELETE."""
        self.answer("DELETE", path, again=again)

    def pages(self, path: str, name: str, limit: int | None = None, **query: object) -> Iterator[JSON]:
        """Yield the items under `name` of all pages, at most `limit`."""
        for page in self.pages_of(path, name, limit, **query):
            yield from page[name]

    def pages_of(self, path: str, name: str, limit: int | None = None, **query: object) -> Iterator[JSON]:
        """Yield the pages until they have `limit` items under `name`."""
        cursor, left = None, limit
        while left is None or left > 0:
            page = self.get(path, cursor=cursor, limit=min(_PAGE, left or _PAGE), **query)
            yield page
            cursor = page["next_cursor"]
            if cursor is None:
                return
            left = None if left is None else left - len(page[name])

    def answer(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, object] | None = None,
        again: bool | None = None,
        timeout: float = TIMEOUT,
        if_match: int | None = None,
    ) -> Answer:
        """Call and return the whole answer with its headers; its status is a 2xx.

        `if_match` is the revision that the hook must have.
        """
        given = {name: value for name, value in (query or {}).items() if value is not None}
        # An argument that is not UTF-8 is sent byte by byte, as it was given.
        url = self.base + path + ("?" + urlencode(given, errors="surrogateescape") if given else "")
        again = method == "GET" if again is None else again
        for left in range(TRIES if again else 0, -1, -1):
            answer = self._call(method, url, body, timeout, if_match)
            if answer.status not in (429, 503) or not left:
                break
            self.sleep(_pause(answer.headers.get("Retry-After", "1")))
        if 200 <= answer.status < 300:
            return answer
        pause = _pause(answer.headers.get("Retry-After", "1"))
        raise ProblemAnswer(answer.status, self._text(answer), answer.json, retry_after=pause)

    def _call(self, method: str, url: str, body: object, timeout: float, if_match: int | None) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        try:
            proxies = not is_loopback(urlsplit(url).hostname or "")
            return call(method, url, body, timeout, headers=headers, proxies=proxies, tls=self.tls)
        except OSError as error:
            reason = clean(str(getattr(error, "reason", None) or error))
            raise Refusal(f"no worker answers at {self.base} (--url, STREAMHOOKS_URL): {reason}") from None
        except ValueError:  # its text may contain the token
            raise Refusal(f"{clean(self.base)} is not a URL, or the token can't be sent in a header") from None

    def _text(self, answer: Answer) -> str:
        given = answer.json if isinstance(answer.json, dict) else {"detail": answer.json}
        detail = given["detail"] if "detail" in given else _map(given)
        text = clean(str(detail or "no reason given"))
        match answer.status:
            case 401 if self.token:
                return f"{self.base} rejects this token (--token, STREAMHOOKS_API_TOKEN)"
            case 401:
                return f"{self.base} requires a token (--token, STREAMHOOKS_API_TOKEN)"
            case 403:
                return f"not allowed: {text}"
            case 400 | 404 | 409:
                return text
            case 412:
                return f"{text}: look at it, then try again"
            case 503 if _maybe_applied(answer):
                return f"it may have been done, check before you try again: {text}"
            case 429 | 503:
                return f"not possible right now, try again: {text}"
            case status if 300 <= status < 400:
                return f"{self.base} is not a worker: it redirects to {clean(answer.headers.get('Location', '?'))}"
            case status:
                return f"{self.base} answered with {status}: {text}"


def hook_path(hook: str, *parts: str) -> str:
    """Return the path of a hook, or the path that `parts` name below it."""
    return "/".join(["/api/hooks", *(quote(part, safe="", errors="surrogateescape") for part in (hook, *parts))])


def _maybe_applied(answer: Answer) -> bool:
    return isinstance(answer.json, dict) and answer.json.get("maybe_applied") is True


def _map(fields: Mapping[str, object]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in fields.items())


def _pause(retry_after: str) -> float:
    try:
        return min(max(float(retry_after), 0.0), _LONGEST_PAUSE)
    except ValueError:  # a date, which no worker sends
        return 1.0
