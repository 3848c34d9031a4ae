"""The file of topics of one's own: what it may have, and the one line that says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.examples import hook

from streamhooks.errors import Refusal
from streamhooks.kafka.topics import NAMES
from streamhooks.settings import load_settings
from streamhooks.sources.own_file import MOST_TOPICS, own_topics, own_topics_of

ORDERS = "topic: orders, type: value.type, organization_id: value.customer"
GOOD = f"- {{{ORDERS}}}\n"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "sources.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def mistakes(folder: Path, text: str | bytes, prefix: str = "streamhooks.") -> str:
    path = written(folder, text)
    with pytest.raises(Refusal) as refused:
        own_topics(path, prefix)
    said = str(refused.value)
    assert "\n" not in said
    assert said.startswith(f"{path}: ")
    return said.removeprefix(f"{path}: ")


def entry(**fields: str) -> str:
    given = {"topic": "orders", "type": "value.type", "organization_id": "value.customer", **fields}
    return "- " + "\n  ".join(f"{name}: {value}" for name, value in given.items()) + "\n"


def test_an_entry_per_topic(tmp_path: Path) -> None:
    text = f"sources:\n{entry()}{entry(topic='Shop_2.returns-eu', when='value.done', data='value.return')}"
    orders, returns = own_topics(written(tmp_path, text), "streamhooks.")
    assert (orders.topic, [rule.field for rule in orders.rules], orders.when) == (
        "orders",
        ["type", "organization_id"],
        None,
    )
    assert (returns.topic, [rule.field for rule in returns.rules]) == (
        "Shop_2.returns-eu",
        ["type", "organization_id", "data"],
    )
    assert returns.when is not None


def test_a_list_without_a_name_and_json_are_read(tmp_path: Path) -> None:
    text = '[{"topic": "orders", "type": "value.type", "organization_id": "value.customer"}]'
    assert [one.topic for one in own_topics(written(tmp_path, text), "")] == ["orders"]


def test_the_settings_name_the_file(tmp_path: Path) -> None:
    assert own_topics_of(load_settings()) == ()
    settings = load_settings(sources=written(tmp_path, GOOD), topic_prefix="t.")
    assert [one.topic for one in own_topics_of(settings)] == ["orders"]
    missing = tmp_path / "missing.yaml"
    with pytest.raises(Refusal, match=r"missing\.yaml: can't be read: No such file"):
        own_topics_of(load_settings(sources=missing))
    with pytest.raises(Refusal, match="can't be read: Is a directory"):
        own_topics_of(load_settings(sources=tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file must be a list of entries, or have one under sources:"),
        ("[]", "the file must be a list of entries"),
        ("sources: 3", "the file must be a list of entries"),
        ("orders", "the file must be a list of entries"),
        ("source: []", "source: unknown: the file has its entries under sources:"),
        (f"sources:\n{entry()}version: 1", "version: unknown"),
        ("- topic: [", "line 1, column 11: not YAML: "),
        ("- topic: a\n\ttype: b", "line 2, column 1: not YAML: "),
        (b"- topic: \xff", "not YAML: "),
        ("- topic: 2026-99-99", "not YAML: "),
        (entry() + "  type: value.b", "line 4, column 3: not YAML: type is there twice"),
        ('- {"a\\nb": 1, "a\\nb": 2}', "line 1, column 15: not YAML: a b is there twice"),
        (f"sources:\n{entry()}sources:\n{entry()}", "line 5, column 1: not YAML: sources is there twice"),
        ("- orders", "entry 1: must have topic, type and organization_id"),
        (entry(typ="1"), "entry 1 (orders): typ: unknown: an entry can have topic, type, organization_id,"),
        (entry(source="value.a"), "entry 1 (orders): source: unknown"),
        ("- type: value.a", "entry 1: topic: must be the name of a topic, a text"),
        (entry(topic="7"), "entry 1: topic: must be the name of a topic, a text"),
        (entry(topic="or ders"), "entry 1 (or ders): topic: must be letters, digits"),
        (entry(topic="'..'"), "topic: must be letters, digits"),
        (entry(topic="''"), "topic: must be letters, digits"),
        (entry(topic="x" * 250), "of at most 249 characters together"),
        (entry(topic="__consumer_offsets"), "entry 1 (__consumer_offsets): topic: it is one of Kafka's own topics"),
        (entry(topic="streamhooks.messages"), "topic: it is one of streamhooks' own topics"),
        (entry(topic="streamhooks.worker-__assignor-__leader"), "topic: it is one of streamhooks' own topics"),
        ("- topic: orders\n  organization_id: value.a", "entry 1 (orders): type: must be given"),
        ("- topic: orders\n  type: value.a", "entry 1 (orders): organization_id: must be given"),
        ("- topic: orders\n  type: value.a\n  organization_id:", "entry 1 (orders): organization_id: must be given"),
        (GOOD + entry(topic="b") + GOOD, "the topic orders has 2 entries, and can have one"),
        (entry(organization_id="1"), 'organization_id: must be an expression, a text: in quotes, "1" is one'),
        (entry(when="true"), 'entry 1 (orders): when: must be an expression, a text: in quotes, "true" is one'),
        (entry(data="{a: 1}"), "entry 1 (orders): data: must be an expression, a text"),
        (entry(type="[value.a]"), "entry 1 (orders): type: must be an expression, a text"),
        (entry(topic="streamhooks.counting-__assignor-__leader"), "topic: it is one of streamhooks' own topics"),
        (entry(topic="!!bool maybe"), "line 1, column 10: not YAML: it is no bool"),
        (entry(topic="!!int ''"), "line 1, column 10: not YAML: it is no int"),
        (entry(topic="!!timestamp soon"), "line 1, column 10: not YAML: it is no timestamp"),
        (entry(topic="2026-13-45"), "line 1, column 10: not YAML: it is no timestamp"),
        (entry(topic="9" * 5000), "line 1, column 10: not YAML: it is no int"),
        (entry(topic=r'"a\nb"'), "entry 1 (a b): topic: must be letters, digits"),
        (entry(topic=r'"\ud800"'), "entry 1 (?): topic: must be letters, digits"),
        ('- {"a\\nb": 1}', "entry 1: a b: unknown: an entry can have topic"),
        (f"- {{? {'x' * 5000} : 1}}", f"entry 1: {'x' * 199}…: unknown: an entry can have topic"),
        (f"- {{{', '.join(f'n{one}: 1' for one in range(21))}}}", "n18, n19 and 1 more: unknown: an"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in mistakes(tmp_path, text)


def test_a_name_that_stands_for_very_much_is_not_told(tmp_path: Path) -> None:
    lists = "".join(f"  - &l{one} [{', '.join([f'*l{one - 1}'] * 10)}]\n" for one in range(1, 12))
    text = f"- - &l0 [x]\n{lists}- {{topic: orders, type: *l11, organization_id: key}}\n"
    assert mistakes(tmp_path, text).endswith("entry 2 (orders): type: must be an expression, a text")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"type": "value.type +"}, "type: position 13: "),
        ({"type": "|\n    value.a +\n    nothing"}, "type: line 2, position 1: there is no nothing, only headers, key"),
        ({"id": "values.id"}, "id: position 1: there is no values, only headers, key, offset, partition, timestamp,"),
        ({"id": "value.id.upper()"}, "id: position 10: there is no function upper"),
        ({"id": "''"}, "id: position 1: "),
        ({"data": f"'\"{'x' * 1000}\"'"}, "data: it has 1002 characters, and an expression can have 1000"),
        ({"when": "value.a.exists(i, value.b.exists(j, i == j))"}, "when: position 27: an expression can have one"),
        ({"when": "value.a.exists(i, i == key)"}, "when: position 24: .exists() can't name key, which is copied"),
        ({"data": "value.lines.map(i, i.sku)"}, "data: position 13: .map() copies its list for each element"),
        ({"when": "value.a.matches(value.b)"}, "when: position 9: the pattern of matches must be a text in quotes"),
        ({"when": "value.a" + " + value.a" * 11 + " == 1"}, "when: position 109: an expression can have 10 +"),
    ],
)  # fmt: skip
def test_an_expression_that_is_none_or_costs_too_much_is_told_with_its_position(
    tmp_path: Path, fields: dict[str, str], said: str
) -> None:
    assert f"entry 1 (orders): {said}" in mistakes(tmp_path, entry(**fields))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"type": "'\"order paid\"'"}, "type: must be segments of letters, digits, _ and -"),
        ({"type": "'5'"}, "type: must be a text"),
        ({"organization_id": "'\"\"'"}, "organization_id: must not be empty"),
        ({"organization_id": "'1.5'"}, "organization_id: must be an id (a text or an integer)"),
        ({"project_id": "'true'"}, "project_id: must be an id (a text or an integer)"),
        ({"timestamp": "'\"noon\"'"}, "timestamp: must be RFC 3339 or epoch seconds"),
        ({"timestamp": "'1790000000123'"}, "timestamp: 1790000000123 is no epoch seconds: for milliseconds, write"),
        ({"when": "'1'"}, "when: its value is of type int, not bool"),
        ({"data": "'1 / 0'"}, "data: "),
        ({"data": "'{1: 2}'"}, "data: its value is no JSON: "),
    ],
)  # fmt: skip
def test_a_constant_is_checked_at_once(tmp_path: Path, fields: dict[str, str], said: str) -> None:
    assert f"entry 1 (orders): {said}" in mistakes(tmp_path, entry(**fields))


def test_a_text_without_its_quotes_is_told_what_to_write(tmp_path: Path) -> None:
    for text in ("order.paid", '"order.paid"'):
        said = mistakes(tmp_path, entry(type=text))
        cure = said.partition("for the text order.paid, write ")[2].partition(", with")[0]
        (topic,) = own_topics(written(tmp_path, entry(type=cure)), "")
        assert topic.types == ("order.paid",)
    assert "for the text acme, write '\"acme\"'" in mistakes(tmp_path, entry(organization_id="acme"))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    said = mistakes(tmp_path, entry(topic="a", type="b.c") + GOOD + entry(topic="c", id="value.(") + GOOD)
    assert [one in said for one in ("entry 1 (a): type", "entry 3 (c): id", "the topic orders has 2 entries")] == [
        True
    ] * 3
    assert "entry 2" not in said


def test_the_number_of_entries_is_bounded(tmp_path: Path) -> None:
    fits = "".join(entry(topic=f"t{number}") for number in range(MOST_TOPICS))
    assert len(own_topics(written(tmp_path, fits), "")) == MOST_TOPICS
    assert mistakes(tmp_path, fits + GOOD) == f"it has {MOST_TOPICS + 1} entries, and can have {MOST_TOPICS}"


@pytest.mark.parametrize("prefix", ["", "t.", "streamhooks."])
def test_only_the_topics_of_this_installation_are_its_own(tmp_path: Path, prefix: str) -> None:
    for name in NAMES.values():
        assert "own topics" in mistakes(tmp_path, entry(topic=prefix + name), prefix)
    for other in ("x.messages", f"{prefix}orders", f"{prefix}worker-jobs", "messages2"):
        assert own_topics(written(tmp_path, entry(topic=other)), prefix)


def test_which_hooks_it_can_fire_follows_from_a_constant_type(tmp_path: Path) -> None:
    (paid,) = own_topics(written(tmp_path, entry(type="'\"order.paid\"'")), "")
    (any_type,) = own_topics(written(tmp_path, GOOD), "")
    hooks = [hook(1, "order.*", format="standard"), hook(2, "user.*", format="data"), hook(3, "event.created")]
    assert [paid.can_fire(one) for one in hooks] == [True, False, False]
    assert [any_type.can_fire(one) for one in hooks] == [True, True, False]
    assert (paid.types, any_type.types) == (("order.paid",), None)
