"""Bodies of requests and replies: JSON as bytes, and back, whatever servers write."""

from __future__ import annotations

import json
from typing import Any

import orjson


def encode(body: dict[str, Any]) -> bytes:
    """JSON as bytes."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:  # a lone surrogate, say, which JSON can carry only escaped
        return json.dumps(body).encode("ascii")


def decode(body: bytes) -> Any:
    """What bytes of JSON hold. Raises ValueError."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)  # takes lone surrogates and NaN, which some servers write
