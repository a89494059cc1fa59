"""The documents of the API: valid, complete, and of one mind with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from jsonschema import Draft7Validator, Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from orders import errors, problems
from orders.close_codes import CLOSE_CODES, CLOSE_PROBLEM
from orders.documents import known
from orders.documents.groups import FOLLOWING, OPENING
from orders.documents.problem_schema import field_codes
from orders.statuses import Status

from .documents import (
    calls,
    enums,
    objections,
    openapi,
    operations,
    references,
    resolve,
    sockets,
    text_of,
)

PROBLEM = "application/problem+json"


def codes_of_the_source() -> set[str]:
    """Return every code that some code makes a problem with."""
    told = {text_of(a[1]) for a in calls("Problem") if len(a) > 1}
    told |= {
        text_of(a[0]) for a in calls("_malformed", "_unauthorized", "_unavailable")
    }
    for kind in (*problems._PROBLEMS, *errors.OrderDenied.__subclasses__()):
        if kind is not errors.OrderDenied:  # which says no more than its kinds
            told.add(getattr(kind, "code", None))
    return {code for code in told if isinstance(code, str)} | {"not_acceptable"}


def codes_of_the_documents() -> set[str]:
    rest = openapi()["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    schemas = sockets()["components"]["schemas"]
    return set(rest).union(
        *(
            schemas[name]["properties"]["code"]["enum"]
            for name in ("FollowProblem", "PlaceProblem")
        )
    )


def test_the_openapi_document_is_a_valid_one_of_3_1():
    assert openapi()["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(openapi()).iter_errors()) == []


def test_the_documents_name_every_code_that_the_code_can_send_and_no_other():
    assert codes_of_the_documents() == codes_of_the_source()
    assert set(known.problems()) == codes_of_the_source()


def test_the_documents_name_every_code_of_a_wrong_field_and_no_other():
    told = {text_of(a[1]) for a in calls("FieldError") if len(a) > 1} - {None}

    assert told <= field_codes()
    schemas = openapi()["components"]["schemas"]
    assert set(schemas["FieldError"]["properties"]["code"]["enum"]) == field_codes()


@pytest.mark.parametrize("name", operations(openapi()))
def test_an_operation_shows_its_request_each_answer_and_each_error(name):
    operation = operations(openapi())[name]
    contents = [
        *operation.get("requestBody", {"content": {}})["content"].values(),
        *(
            content
            for response in operation["responses"].values()
            for content in response["content"].values()
        ),
    ]

    for content in contents:
        assert content["examples"], name
        for example in content["examples"].values():
            assert objections(openapi(), content["schema"], example["value"]) == []


@pytest.mark.parametrize("name", operations(openapi()))
def test_an_error_of_an_operation_has_the_status_and_the_code_that_it_stands_under(
    name,
):
    responses = operations(openapi())[name]["responses"]

    for status, response in responses.items():
        if int(status) < 400:
            continue
        content = response["content"][PROBLEM]
        codes = content["schema"]["allOf"][1]["properties"]["code"]["enum"]
        assert list(content["examples"]) == codes
        for code in codes:
            assert known.problems()[code].status == int(status)


def test_every_operation_needs_a_key_or_a_session():
    for operation in operations(openapi()).values():
        assert operation["security"] == [{"apiKey": []}, {"session": []}]
    schemes = openapi()["components"]["securitySchemes"]
    assert "leave this field empty" in schemes["session"]["description"]


def test_the_document_of_the_sockets_names_each_proof_and_where_it_counts():
    document = sockets()
    schemes = document["components"]["securitySchemes"]
    places = {
        name: (scheme["type"], scheme.get("in"), scheme.get("name"))
        for name, scheme in schemes.items()
    }
    needed = {
        name: {proof["$ref"].split("/")[-1] for proof in operation["security"]}
        for name, operation in document["operations"].items()
    }

    assert places == {
        "apiKey": ("http", None, None),
        "keyAsSubprotocol": ("httpApiKey", "header", "Sec-WebSocket-Protocol"),
        "ticket": ("httpApiKey", "query", "ticket"),
        "session": ("httpApiKey", "cookie", "sessionid"),
    }
    here = document["servers"]["here"]["security"]
    assert [proof["$ref"].split("/")[-1] for proof in here] == list(schemes)
    assert needed == {
        "followOrder": set(schemes),
        "placeOrder": set(schemes) - {"ticket"},
        "followPlaced": set(schemes) - {"ticket"},
    }


@pytest.mark.parametrize("document", [openapi(), sockets()], ids=["rest", "sockets"])
def test_every_reference_of_a_document_leads_somewhere(document):
    found = list(references(document))

    assert found
    for reference in found:
        assert resolve(document, reference)


def test_the_asyncapi_document_has_the_members_that_3_0_asks_for():
    document = sockets()

    assert document["asyncapi"] == "3.0.0"
    assert set(document) == {
        *("asyncapi", "info", "servers", "defaultContentType"),
        *("channels", "operations", "components"),
    }
    for server in document["servers"].values():
        assert {"host", "protocol"} <= set(server)
    for name, channel in document["channels"].items():
        assert channel["address"] == "/api/orders/execute"
        assert "?" not in channel["address"]  # 3.0 wants queries in the binding
        for message in channel["messages"].values():
            assert message["$ref"].startswith("#/components/messages/"), name
    for operation in document["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = operation["channel"]["$ref"]
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{channel}/messages/")


@pytest.mark.parametrize("name", sockets()["components"]["schemas"])
def test_a_schema_of_a_frame_means_the_same_in_2020_12_and_in_draft_7(name):
    schema = sockets()["components"]["schemas"][name]

    Draft202012Validator.check_schema(schema)
    Draft7Validator.check_schema(schema)
    for names in enums(schema):
        assert len(names) == len(set(names))
    # What only one of them knows, or what means another thing there.
    assert not re.search(
        r'"(prefixItems|\$defs|definitions|dependentRequired|unevaluated\w+|items": \[)',
        str(schema).replace("'", '"'),
    )


@pytest.mark.parametrize("name", sockets()["components"]["messages"])
def test_each_example_of_a_frame_has_its_shape_and_no_shape_but_that(name):
    document = sockets()
    message = document["components"]["messages"][name]

    assert message["examples"]
    for example in message["examples"]:
        assert objections(document, message["payload"], example["payload"]) == []
        changed = {**example["payload"], "invented": 1}
        assert objections(document, message["payload"], changed) != []


def test_each_status_has_a_frame_of_its_own():
    schemas = sockets()["components"]["schemas"]
    frames = {name for name in schemas if name.endswith("Event")}

    assert frames == {f"{status.capitalize()}Event" for status in Status.values}


def test_the_page_and_the_document_name_the_same_close_codes():
    page = Path(settings.BASE_DIR, "docs", "websocket.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d{4}(?:, \d{4})*) \|", page, re.MULTILINE)
    told = {int(code) for row in rows for code in row.split(", ")}

    assert told == set(CLOSE_CODES)
    for channel in sockets()["channels"].values():
        assert set(map(int, channel["x-close-codes"])) == told


def test_each_problem_that_ends_a_socket_has_its_close_code():
    # The first closes nothing, the second with the protocol's own code.
    ending = {*OPENING, *FOLLOWING} - {"unexpected_message", "body_too_large"}

    assert {CLOSE_PROBLEM + known.problems()[code].status for code in ending} <= set(
        CLOSE_CODES
    )


def test_who_asks_finds_the_documents(client):
    document = client.get("/api/asyncapi.json")
    page = client.get("/api/docs/sockets/")

    assert document.json()["servers"]["here"]["host"] == "testserver"
    assert document.json()["channels"] == sockets()["channels"]
    assert page.status_code == 200
    for status in Status.values:
        assert f'id="{status.capitalize()}Event"' in page.content.decode()
    for text in ("<script", "style="):
        assert text not in page.content.decode()
