"""Values that are JSON: objects, arrays, geographic points and GeoJSON.

They are read with the standard library, once for each distinct text. JSON is that of RFC 8259: NaN
and Infinity, which Python accepts, are none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping
from typing import Any, Final, NoReturn

_NUMBER: Final = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_PAIR: Final = re.compile(rf"\s*({_NUMBER})\s*,\s*({_NUMBER})\s*", re.ASCII)
_LIMITS: Final = (180, 90)  # degrees of longitude and latitude
_TYPES: Final[Mapping[str, type]] = {"object": dict, "geojson": dict, "array": list}


def read_document(type_: str, text: str) -> Any:
    """The JSON value of an ``object``, ``array`` or ``geojson``; None where it is none of these."""
    value = read_json(text)
    return value if isinstance(value, _TYPES[type_]) else None


def read_point(form: str, text: str) -> tuple[float, float] | None:
    """Longitude and latitude in degrees, or None (Table Schema v2, geopoint)."""
    if form == "default":
        found = _PAIR.fullmatch(text)
        pair = [float(part) for part in found.groups()] if found else None
    else:
        value = read_json(text)
        if form == "object" and isinstance(value, dict) and value.keys() == {"lon", "lat"}:
            value = [value["lon"], value["lat"]]
        elif form == "object":
            value = None
        pair = value if isinstance(value, list) else None
    if pair is None or len(pair) != len(_LIMITS) or not all(map(_is_number, pair)):
        return None
    within = all(abs(part) <= limit for part, limit in zip(pair, _LIMITS, strict=True))
    return (float(pair[0]), float(pair[1])) if within else None


def read_json(text: str) -> Any:
    """The JSON value of a text, None where it is no JSON (or null)."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def frozen(value: Any) -> Hashable:
    """A JSON value as one that can be compared: 1 and 1.0 are equal, true and 1 are not."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, dict):
        return frozenset((key, frozen(item)) for key, item in value.items())
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
