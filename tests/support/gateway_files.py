"""Configuration files with one gateway, and the parts of them that tests change."""

from __future__ import annotations

import json
from typing import Any

JSON = {"content-type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
POST: dict[str, Any] = {
    "channel": "SMS",
    "method": "POST",
    "url": "https://gw.example/sms",
    "headers": JSON,
    "body": '{"to": "${to}", "text": "${message}"}',
}
GET: dict[str, Any] = {"channel": "sms", "method": "GET", "url": "https://gw.example/sms?text=${message}&to=${to}"}
VOICE_GET = GET | {"channel": "voice"}
BASIC = {"method": "BASIC", "username": "acme", "password": "${PASSWORD}"}
OAUTH2 = {"method": "OAUTH2", "auth_url": "https://id.example/t", "client_id": "c", "client_secret": "s"}
FROM = POST | {"body": '{"to": "${to}", "text": "${message}", "from": "${from}"}'}
PHONE = {"number": "+14155550100", "type": "PHONE_NUMBER", "capabilities": ["SMS", "VOICE"]}
TOLL_FREE = {"number": "+18335550199", "type": "toll_free", "capabilities": ["sms"], "countries": ["US", "CA"]}
SHORT_CODE = {"number": "88022", "type": "short_code", "capabilities": ["sms"], "countries": ["US"]}


def gateway_file(**fields: Any) -> str:
    """Return a file whose only sender is a gateway with these fields besides or instead of valid ones."""
    valid = {
        "kind": "gateway",
        "name": "Own gateway",
        "channels": ["sms"],
        "consent": {"by": "ops@acme.example"},
        "authentication": BASIC,
        "requests": [POST],
    }
    sender = {name: value for name, value in (valid | fields).items() if value is not None}
    return json.dumps({"tenants": {"acme": {"senders": {"own": sender}}}})
