from __future__ import annotations

from typing import Any

from support.web_parts import TOKEN, FakeParts, FakeSettings, created, serving

from streamhooks.records.hook import CHANGEABLE, CREATABLE
from streamhooks.web.register import HANDLERS, OWNED_BY
from streamhooks.web.rules.hook_input import RESUME
from streamhooks.web.rules.stats import PARAMETERS
from streamhooks.web.spec.calls import CALLS
from streamhooks.web.spec.schemas import SCHEMAS


async def test_the_routes_and_the_document_are_the_same() -> None:
    async with serving(FakeParts()) as client:
        document = await (await client.get("/openapi.json")).json()
        routes = {
            (route.resource.canonical, route.method.lower())
            for route in client.app.router.routes()
            if route.method != "HEAD"
        }
    documented = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert documented == routes
    assert {call.name for call in CALLS} == HANDLERS.keys()
    assert OWNED_BY.keys() <= HANDLERS.keys()


async def test_every_reference_leads_somewhere() -> None:
    async with serving(FakeParts()) as client:
        document = await (await client.get("/openapi.json")).json()
    found = set(references(document))
    assert found
    for reference in found:
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
    assert document["openapi"] == "3.1.0"


def references(node: Any):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


async def test_the_schemas_have_the_fields_of_the_views() -> None:
    async with serving(FakeParts()) as client:
        made = await created(client)
        slip = await created(client, app_id="1", events=["issue.updated"])
    assert SCHEMAS["Hook"]["properties"].keys() == slip.keys() == made.keys() | {"warnings"}
    for kind in ("NewServiceHook", "NewAppHook"):
        assert set(SCHEMAS[kind]["properties"]) == set(CREATABLE)
    assert set(SCHEMAS["HookChange"]["properties"]) == {*CHANGEABLE, RESUME}
    assert set(next(call for call in CALLS if call.name == "get_stats").query) == set(PARAMETERS)


async def test_it_says_whether_a_token_is_needed() -> None:
    for settings, security in ((FakeSettings(), []), (FakeSettings(api_token=TOKEN), [{"token": []}])):
        async with serving(FakeParts(settings=settings)) as client:
            document = await (await client.get("/openapi.json")).json()
        assert document["security"] == security
