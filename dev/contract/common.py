"""The descriptions, read with nothing but the standard library and a validator of JSON Schema."""

import json

import jsonschema_rs
from hypothesis import HealthCheck, settings

from ..environment import ROOT

SIGNALS = ROOT / "cloudsignal" / "openapi.json"
ORDERS = ROOT / "controllers" / "openapi.json"
ORDER = ROOT / "order_document" / "order.schema.json"
EXAMPLES = ROOT / "tests" / "order_documents"

generated = settings(
    deadline=None, max_examples=1000, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def load_json(path):
    return json.loads(path.read_text())


def get_schema(description, name):
    """Return a validator of one of the schemas of an OpenAPI description."""
    root = {"$ref": f"#/components/schemas/{name}", "components": description["components"]}
    return jsonschema_rs.Draft202012Validator(root)
