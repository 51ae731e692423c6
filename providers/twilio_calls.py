"""Twilio calls: the form that places one (docs/wire-twilio.md, Calls)."""

from __future__ import annotations

from typing import Final

from providers.protocol import VoiceRequest
from providers.twiml import Twiml

RESOURCE: Final = "/Calls"
KEY: Final = "calls"


def call_form(request: VoiceRequest, spoken: Twiml) -> dict[str, str]:
    """Return the form that places a call; the TwiML goes inline, so no public address of ours is needed."""
    return {
        "To": request.to.reveal(),
        "From": request.origin.value,
        "Twiml": spoken.document,
        "Timeout": str(request.ring_timeout_s),
    }
