"""What the variables of a gateway's templates stand for in one message."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from providers.gateway_settings import GatewayRequest, NumberFormat
from providers.plain_speech import apart, plain_speech
from providers.protocol import Origin, OriginType, SmsRequest, VoiceRequest
from providers.variables import Variables
from providers.voice_markup import VoiceMarkup
from trunkline_client.private import Body, Code

_SPELLED: Final = re.compile(r"<\s*sayCharValue\s*>(.*?)<\s*/\s*sayCharValue\s*>", re.IGNORECASE | re.DOTALL)
_RUN: Final = re.compile(r"(?<![0-9])[0-9]{4,10}(?![0-9])", re.ASCII)
#: stands for the code while a text is tidied; no text of a job holds it, the contract refuses control characters.
_CODE: Final = "\0"


def sms_values(settings: GatewayRequest, request: SmsRequest, names: Iterable[str]) -> Mapping[str, str]:
    """Return the value of each variable in `names` for an SMS."""
    code = code_of(request.body, request.variables)
    known = {
        "to": _number(settings, request.to.reveal()),
        "from": _from(settings, request.origin),
        "message": request.body.reveal(),
        "otp": code.reveal() if code else "",
    }
    return _whole(known, request.variables, names)


def voice_values(
    settings: GatewayRequest, request: VoiceRequest, markup: VoiceMarkup, names: Iterable[str]
) -> Mapping[str, str]:
    """Return the value of each variable in `names` for a call that speaks `markup`, the parsed body."""
    code = code_of(request.body, request.variables)
    digits = code.reveal() if code else ""
    is_tagged = bool(settings.before_tag or settings.after_tag)
    tagged = "".join(f"{settings.before_tag}{digit}{settings.after_tag}" for digit in digits)
    known = {
        "to": _number(settings, request.to.reveal()),
        "from": _from(settings, request.origin),
        "message": _tagged_speech(markup, digits, tagged) if is_tagged and digits else plain_speech(markup),
        "otp": tagged if is_tagged else digits,
        "voice": request.voice or "",
        "locale": request.locale or "",
    }
    return _whole(known, request.variables, names)


def code_of(body: Body, variables: Variables) -> Code | None:
    """Return the passcode of a message, None if it cannot be told.

    It is the job's own `otp`; else what the body spells with `<sayCharValue>`; else the only run of 4 to 10 digits.
    """
    given = variables.reveal("otp")
    if given:
        return Code(given)
    text = body.reveal()
    spelled = _SPELLED.search(text)
    if spelled and spelled[1].strip():
        return Code("".join(spelled[1].split()))
    runs = set(_RUN.findall(text))
    return Code(runs.pop()) if len(runs) == 1 else None


def _tagged_speech(markup: VoiceMarkup, code: str, tagged: str) -> str:
    """Return the text to speak with `tagged` wherever it has the code."""
    speech = plain_speech(markup, lambda characters: _CODE if characters == code else apart(characters))
    marked = re.sub(rf"(?<!\w){re.escape(code)}(?!\w)", _CODE, speech)
    return marked.replace(_CODE, tagged)


def _whole(known: Mapping[str, str], variables: Variables, names: Iterable[str]) -> Mapping[str, str]:
    values = ((name, known[name] if name in known else variables.reveal(name) or "") for name in names)
    # half of a surrogate pair can be carried by no wire format
    return {name: value.encode(errors="replace").decode() for name, value in values}


def _number(settings: GatewayRequest, number: str) -> str:
    return number.removeprefix("+") if settings.number_format is NumberFormat.NUMBER_ONLY else number


def _from(settings: GatewayRequest, origin: Origin) -> str:
    match origin.type:
        case OriginType.NUMBER:
            return _number(settings, origin.value)
        case OriginType.SENDER_ID:
            return origin.value
        case _:
            return ""
