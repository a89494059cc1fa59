"""What holds for every endpoint: no database, and the OpenAPI document."""

from __future__ import annotations

from uuid import uuid4

import pytest

from .clients import ORDER, PAIR
from .faults import no_database

pytestmark = pytest.mark.django_db

EVERY_ENDPOINT = {
    "list": ("get", "/api/orders", None),
    "order": ("get", f"/api/orders/{uuid4()}", None),
    "client order": ("get", "/api/orders/by-client-id/mine", None),
    "cancel": ("post", f"/api/orders/{uuid4()}/cancel", None),
    "ticket": ("post", f"/api/orders/{uuid4()}/ticket", None),
    "execute": ("post", "/api/orders/execute", ORDER),
    "preview": ("post", "/api/orders/preview", ORDER),
    "quotes": ("post", "/api/quotes", PAIR),
    "tokens": ("get", "/api/tokens", None),
    "venues": ("get", "/api/venues", None),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("method", "path", "body"), EVERY_ENDPOINT.values(), ids=EVERY_ENDPOINT
)
def test_without_a_database_every_endpoint_says_try_again(client, method, path, body):
    with no_database():
        send = getattr(client, method)
        answer = send(path, body, content_type="application/json")

    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert answer.json()["code"] == "database_unavailable"


@pytest.mark.parametrize(
    ("method", "path", "body"), EVERY_ENDPOINT.values(), ids=EVERY_ENDPOINT
)
def test_another_method_is_answered_with_the_one_to_use(client, method, path, body):
    answer = client.delete(path)

    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert method.upper() in answer.json()["detail"]
    assert method.upper() in answer["Allow"]


def test_the_openapi_document_names_every_endpoint_and_error(client):
    schema = client.get(
        "/api/schema/", headers={"accept": "application/vnd.oai.openapi+json"}
    ).json()

    operations = {
        (method, path): operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == {
        ("get", "/api/orders"),
        ("get", "/api/orders/{order_id}"),
        ("get", "/api/orders/by-client-id/{client_order_id}"),
        ("post", "/api/orders/{order_id}/cancel"),
        ("post", "/api/orders/{order_id}/ticket"),
        ("post", "/api/orders/execute"),
        ("post", "/api/orders/preview"),
        ("post", "/api/quotes"),
        ("get", "/api/tokens"),
        ("get", "/api/venues"),
    }
    for operation in operations.values():
        assert set(operation["responses"]["503"]["content"]) == {
            "application/problem+json"
        }
    execute = operations["post", "/api/orders/execute"]
    assert set(execute["responses"]) == {
        "200",
        "201",
        "400",
        "401",
        "403",
        "406",
        "409",
        "413",
        "415",
        "422",
        "429",
        "500",
        "503",
    }
    assert set(execute["requestBody"]["content"]) == {"application/json"}
    examples = execute["requestBody"]["content"]["application/json"]["examples"]
    plain, limited, named = (set(example["value"]) for example in examples.values())
    assert plain == {"type", "tokenIn", "tokenOut", "amountIn", "slippage"}
    assert limited == plain | {"maxPriceImpact"}
    assert named == plain | {"clientOrderId"}
    components = schema["components"]["schemas"]
    assert set(components["OrderRequest"]["required"]) == plain
    assert {"FieldError", "VenueAnswer"} <= set(components)
    assert all(name.isalnum() for name in components)
