"""Schemas laid flat: every field of an object by its path, with what each document says of it; nothing is judged."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

_SAID: Final = ("enum", "format", "maxItems", "minItems", "minimum")
_LENGTHS: Final = ("maxLength", "minLength")


class Field(NamedTuple):
    """What a document says of one field."""

    path: str
    required: bool
    type: str
    said: dict[str, Any]


def flat(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Field]:
    """Return the fields of an object, by path; deprecated ones are left out."""
    return {field.path: field for field in _fields(document, schema, "", required=True)}


def resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Follow references, and merge what `allOf` puts together."""
    if "$ref" in node:
        found: dict[str, Any] = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return resolved(document, found)
    if "allOf" in node:
        merged: dict[str, Any] = {key: value for key, value in node.items() if key != "allOf"}
        for part in node["allOf"]:
            whole = resolved(document, part)
            properties = merged.get("properties", {}) | whole.get("properties", {})
            required = [*merged.get("required", []), *whole.get("required", [])]
            merged = merged | whole | {"properties": properties, "required": required}
        return merged
    if "anyOf" in node and "type" not in node and "properties" not in node:
        merged = {"type": "object", "properties": {}}
        for part in node["anyOf"]:
            merged["properties"] |= resolved(document, part).get("properties", {})
        return merged
    return node


def _fields(document: dict[str, Any], schema: dict[str, Any], path: str, *, required: bool) -> Iterator[Field]:
    whole = resolved(document, schema)
    if whole.get("deprecated"):
        return
    kind = whole.get("type", "object" if whole.get("properties") else "")
    # A pattern or an enumeration says how long a text is; only one of the documents says it twice.
    names = _SAID if "pattern" in whole or "enum" in whole else (*_SAID, *_LENGTHS)
    yield Field(path, required, kind, {name: whole[name] for name in names if whole.get(name)})
    needed = whole.get("required", ())
    for name, each in whole.get("properties", {}).items():
        if not each.get("deprecated"):
            yield from _fields(document, each, f"{path}.{name}".lstrip("."), required=name in needed)
    if "items" in whole:
        yield from _fields(document, whole["items"], f"{path}[]", required=False)
