"""The constraint ``jsonSchema`` (v2): values against a JSON Schema that stands in the schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.schemas.table import Field
from epc_release.schemas.types.elsewhere import needed


def check_json_schema(field: Field, schema: Any) -> str:
    """The schema as canonical text; E137 where it is none, E135 where jsonschema is absent."""
    text = json.dumps(schema, sort_keys=True)
    if not isinstance(schema, dict | bool):
        raise ReleaseError("E137", field=field.name, reason="it is no object")
    outside = [one for one in _references(schema) if not one.startswith("#")]
    if outside:
        raise ReleaseError("E137", field=field.name, reason=f"it refers to {outside[0]}")
    _valid(field.name, text)
    return text


def is_valid(field: str, schema: str, value: Any) -> bool:
    """Whether a JSON value conforms; ``schema`` is what ``check_json_schema`` gave."""
    return _valid(field, schema)(value)


@lru_cache(maxsize=64)
def _valid(name: str, text: str) -> Callable[[Any], bool]:
    field = Field({"name": name})
    validators = needed("jsonschema.validators", "jsonschema", field, "jsonSchema")
    wrong = needed("jsonschema.exceptions", "jsonschema", field, "jsonSchema").SchemaError
    schema = json.loads(text)
    kind = validators.validator_for(schema, default=validators.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except wrong as error:
        raise ReleaseError("E137", field=name, reason=error.message) from error
    _resolve(field, schema)
    registry = needed("referencing", "jsonschema", field, "jsonSchema").Registry()
    valid: Callable[[Any], bool] = kind(schema, registry=registry).is_valid  # nothing is fetched
    return valid


def _resolve(field: Field, schema: Any) -> None:
    """Refuse references that lead nowhere."""
    referencing = needed("referencing", "jsonschema", field, "jsonSchema")
    drafts = needed("referencing.jsonschema", "jsonschema", field, "jsonSchema")
    own = referencing.Resource.from_contents(schema, default_specification=drafts.DRAFT202012)
    resolver = referencing.Registry().with_resource("urn:schema", own).resolver("urn:schema")
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except referencing.exceptions.Unresolvable as error:
            reason = f"{reference} leads nowhere"
            raise ReleaseError("E137", field=field.name, reason=reason) from error


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [one for item in schema for one in _references(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
    return own + [one for item in schema.values() for one in _references(item)]
