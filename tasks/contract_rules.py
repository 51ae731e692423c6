"""The client's rules as JSON schema, so that the model and its schema cannot say different things."""

from __future__ import annotations

from typing import Any, Final

from pydantic import WithJsonSchema
from pydantic.config import JsonDict

from trunkline_client.limits import (
    MOST_BODY,
    MOST_METADATA_KEYS,
    ONLY_FOR,
    RULES,
    ChoiceRule,
    MetadataRule,
    Rule,
    SecondsRule,
    TextRule,
    TimeRule,
    body_rule,
)
from trunkline_client.times import TIME_FORM
from trunkline_client.words import Channel


def ruled(name: str, description: str) -> WithJsonSchema:
    """Return the annotation that gives a field of the model its schema."""
    rule = body_rule(Channel.SMS) if name == "body" else RULES[name]
    return WithJsonSchema({"description": description, **_schema(rule)})


def _schema(rule: Rule) -> dict[str, Any]:
    match rule:
        case TextRule(most=most, form=form):
            text: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": most}
            return text | ({"pattern": f"^(?:{form.pattern})$"} if form else {})
        case ChoiceRule(words):
            return {"enum": list(words)}
        case TimeRule():
            return {"type": "string", "format": "date-time", "pattern": f"^(?:{TIME_FORM.pattern})$"}
        case SecondsRule(least, most):
            return {"type": "number", "minimum": least, "maximum": most}
        case MetadataRule():
            values = {"additionalProperties": {"type": "string"}, "propertyNames": {"minLength": 1}}
            return {"type": "object", "maxProperties": MOST_METADATA_KEYS, **values}


def _only_for(field: str, channel: Channel) -> JsonDict:
    return {"if": {"required": [field]}, "then": {"properties": {"channel": {"const": channel.value}}}}


#: what spans more than one field.
CROSS_RULES: Final[JsonDict] = {
    "allOf": [
        {
            "if": {"properties": {"channel": {"const": Channel.VOICE.value}}},
            "then": {"properties": {"body": {"maxLength": MOST_BODY[Channel.VOICE]}}},
        },
        {"not": {"required": ["expires_at", "ttl"]}},
        *(_only_for(field, channel) for field, channel in ONLY_FOR.items()),
    ]
}
