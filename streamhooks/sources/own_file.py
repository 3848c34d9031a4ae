"""The file that STREAMHOOKS_SOURCES names: topics of one's own, and expressions for what their records become.

    sources:
      - topic: orders
        type: '"order." + value.status'
        organization_id: value.customer_id
        when: value.status in ["paid", "refunded"]

It is read once, at the start. Every mistake ends the start.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

import yaml

from streamhooks.cel.expression import shortened
from streamhooks.errors import BadExpression, BrokenRecord, Refusal
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import NAMES
from streamhooks.records.hook_events import is_type
from streamhooks.settings import Settings
from streamhooks.sources.own import FIELDS, REQUIRED, WHEN, OwnTopic, Rule
from streamhooks.sources.own_values import RecordValues, formula_of

LONGEST_TOPIC: Final = 249
#: each of them is an agent with a queue
MOST_TOPICS: Final = 100

_TOPIC = re.compile(r"[A-Za-z0-9._-]+")
_OF_KAFKA: Final = "__"
#: what begins the names of Faust's own topics: the name of its group
_OF_FAUST: Final = ("worker-__", "counting-__")
#: unknown names that are told
_TOLD: Final = 20
_OF_LIST: Final = "sources"
_NOTHING: Final = RecordValues(Record("", 0, 0, 0, None, b"null"), None)


def own_topics_of(settings: Settings) -> tuple[OwnTopic, ...]:
    """Return the topics of one's own of an installation; raise Refusal as `own_topics` does."""
    return () if settings.sources is None else own_topics(settings.sources, settings.topic_prefix)


def own_topics(path: Path, prefix: str) -> tuple[OwnTopic, ...]:
    """Return the topics in a file; `prefix` is that of our own topics.

    Raises:
        Refusal: the file can't be read, or has mistakes. One line tells all of them, each with the file, the entry and
            the position.

    """
    try:
        data = yaml.load(path.read_bytes(), _Loader)
    except OSError as error:
        raise Refusal(f"{path}: can't be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Refusal(f"{path}: {_not_yaml(error)}") from None
    try:
        topics = _topics(data, prefix)
    except BrokenRecord as broken:
        raise Refusal(f"{path}: {broken}") from None
    return topics


class _Loader(yaml.SafeLoader):  # type: ignore[misc] # it has no types
    """Refuses a name that an entry has twice: YAML's loader takes the last one in silence."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Return the value of a node; raise yaml.YAMLError for a scalar that is not of its type."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError):
            if not isinstance(node, yaml.ScalarNode):
                raise
            kind = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(None, None, f"it is no {kind}", node.start_mark) from None

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Return the mapping; raise yaml.YAMLError for a name that it has twice."""
        seen = set()
        for name, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(name, yaml.ScalarNode):
                continue
            if name.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name.value} is there twice", name.start_mark)
            seen.add(name.value)
        return super().construct_mapping(node, deep)


def _not_yaml(error: Exception) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or problem is None:
        return f"not YAML: {_told(str(error))}"
    return f"line {mark.line + 1}, column {mark.column + 1}: not YAML: {_told(problem)}"


def _topics(data: Any, prefix: str) -> tuple[OwnTopic, ...]:
    if isinstance(data, dict):
        if unknown := [name for name in data if name != _OF_LIST]:
            raise BrokenRecord(f"{_named(unknown)}: unknown: the file has its entries under {_OF_LIST}:")
        data = data.get(_OF_LIST)
    if not isinstance(data, list) or not data:
        raise BrokenRecord(f"the file must be a list of entries, or have one under {_OF_LIST}:")
    if len(data) > MOST_TOPICS:
        raise BrokenRecord(f"it has {len(data)} entries, and can have {MOST_TOPICS}")
    found, wrong = list[OwnTopic](), list[str]()
    for number, raw in enumerate(data, 1):
        try:
            found.append(_entry(raw, prefix))
        except BrokenRecord as broken:
            wrong.append(f"{_place(number, raw)}: {broken}")
    for topic, times in Counter(one.topic for one in found).items():
        if times > 1:
            wrong.append(f"the topic {topic} has {times} entries, and can have one")
    if wrong:
        raise BrokenRecord("; ".join(wrong))
    return tuple(found)


def _place(number: int, raw: Any) -> str:
    topic = raw.get("topic") if isinstance(raw, dict) else None
    return f"entry {number} ({_told(topic)})" if isinstance(topic, str) else f"entry {number}"


def _named(names: list[Any]) -> str:
    further = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return ", ".join(_told(str(name)) for name in names[:_TOLD]) + further


def _told(name: str) -> str:
    """Return a name that the file has, fit for a line."""
    return shortened(name).encode(errors="replace").decode()


def _entry(raw: Any, prefix: str) -> OwnTopic:
    if not isinstance(raw, dict):
        raise BrokenRecord("must have topic, type and organization_id")
    known = ("topic", *FIELDS, WHEN)
    if unknown := [name for name in raw if name not in known]:
        raise BrokenRecord(f"{_named(unknown)}: unknown: an entry can have {', '.join(known)}")
    topic = _topic(raw.get("topic"), prefix)
    for name in REQUIRED:
        if raw.get(name) is None:
            raise BrokenRecord(f"{name}: must be given")
    rules = {name: _rule(name, raw[name]) for name in (*FIELDS, WHEN) if raw.get(name) is not None}
    of_type = rules["type"]
    return OwnTopic(
        topic,
        rules=tuple(rules[name] for name in FIELDS if name in rules),
        when=rules.get(WHEN),
        types=(of_type.of(_NOTHING),) if of_type.formula.is_constant else None,
    )


def _topic(name: Any, prefix: str) -> str:
    if not isinstance(name, str):
        raise BrokenRecord("topic: must be the name of a topic, a text")
    if not _TOPIC.fullmatch(name) or len(name) > LONGEST_TOPIC or name in (".", ".."):
        raise BrokenRecord(
            f"topic: must be letters, digits, '.', '_' and '-', of at most {LONGEST_TOPIC} characters together"
        )
    if name in {prefix + one for one in NAMES.values()} or name.startswith(tuple(prefix + one for one in _OF_FAUST)):
        raise BrokenRecord("topic: it is one of streamhooks' own topics")
    if name.startswith(_OF_KAFKA):
        raise BrokenRecord("topic: it is one of Kafka's own topics")
    return name


def _rule(name: str, text: Any) -> Rule:
    if not isinstance(text, str):
        # The text of a list that names others may be as long as all memory.
        shown = str(text).lower() if isinstance(text, bool) else str(text) if isinstance(text, int | float) else ""
        written = f': in quotes, "{shown}" is one' if shown else ""
        raise BrokenRecord(f"{name}: must be an expression, a text{written}")
    try:
        rule = Rule(name, formula_of(text))
    except BadExpression as bad:
        raise BrokenRecord(f"{name}: {bad}{_cure(text, str(bad))}") from None
    if rule.formula.is_constant:
        rule.check(_NOTHING)
    return rule


def _cure(text: str, problem: str) -> str:
    """Return what to write in place of a text that was meant as it is: in an expression, a name is a variable."""
    if ": there is no " not in problem or not is_type(text):
        return ""
    return f"; for the text {text}, write '\"{text}\"', with both kinds of quotes"
