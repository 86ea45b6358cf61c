"""The description of the HTTP surface says what is true, and nothing FastAPI only supposes."""

from __future__ import annotations

from typing import Any

from http_serving.openapi import complete_openapi

FROM_THE_SERVER = {"408", "414", "431", "503"}
"""Refused before any route sees the request."""


def document(path: str, **responses: Any) -> dict[str, Any]:
    return {
        "info": {"title": "t"},
        "paths": {path: {"post": {"responses": {"200": {"description": "OK"}, "422": {}} | responses}}},
        "components": {"schemas": {"ErrorResponse": {}, "HTTPValidationError": {}, "ValidationError": {}}},
    }


def test_422_is_gone_with_its_shapes() -> None:
    found = complete_openapi(document("/api/rooms"))
    assert set(found["paths"]["/api/rooms"]["post"]["responses"]) == {"200"} | FROM_THE_SERVER
    assert set(found["components"]["schemas"]) == {"ErrorResponse"}
    assert set(found["components"]["securitySchemes"]) == {"APIKeyHeader", "HTTPBearer"}
    assert "Idempotency-Key" in found["info"]["description"]


def test_doors_for_deliveries_say_how_they_refuse() -> None:
    own = {"description": "what the door itself says"}
    responses = complete_openapi(document("/webhooks/eventgrid", **{"400": own}))["paths"]["/webhooks/eventgrid"][
        "post"
    ]["responses"]
    assert set(responses) == {"200", "400", "401", "404", "413", "429"} | FROM_THE_SERVER
    assert responses["400"] == own
    assert responses["401"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}


def test_a_document_without_components_is_fine() -> None:
    bare = document("/api/rooms")
    del bare["components"]
    assert "422" not in complete_openapi(bare)["paths"]["/api/rooms"]["post"]["responses"]
