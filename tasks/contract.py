"""The job contract: the JSON of a job as a model, and its validation in full.

The limits are the client's own rules; on top of them the worker knows which numbers exist and what a voice body
becomes. `docs/job.schema.json` is generated from the model by `python -m tasks.contract_schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import phonenumbers
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from providers.twiml import LONGEST_TWIML, twiml_length
from providers.voice_markup import parse
from senders.countries import parsed_number
from tasks.contract_rules import CROSS_RULES, ruled
from trunkline_client.errors import FieldError, JobInvalid
from trunkline_client.job import problems
from trunkline_client.private import Body, Private, Recipient
from trunkline_client.times import read_moment
from trunkline_client.words import Channel, Lane, OnUnknown

_NO_SUCH_NUMBER: Final = "is no number that can exist: its length does not fit its country code"

_Moment = Annotated[datetime, BeforeValidator(lambda value: read_moment(value) or value)]


class Job(BaseModel):
    """One message to one recipient over one channel. Its text form hides what is private."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
        json_schema_extra=CROSS_RULES,
    )

    id: Annotated[str | None, ruled("id", "Unique in the installation; the same job again is the same job.")] = None
    tenant: Annotated[str, ruled("tenant", "Whose accounts send it.")]
    channel: Annotated[Channel, ruled("channel", "How it reaches the recipient.")]
    to: Annotated[Recipient, BeforeValidator(Recipient), ruled("to", "The recipient's number in E.164.")]
    body: Annotated[Body, BeforeValidator(Body), ruled("body", "The text; for voice, with Trunkline's markup.")]
    sender_id: Annotated[str | None, ruled("sender_id", "An alphanumeric originator, used where it is allowed.")] = None
    locale: Annotated[str | None, ruled("locale", "The language to speak, as a language tag.")] = None
    voice: Annotated[
        str | None, ruled("voice", "The wanted voice; another is chosen where there is none of this name.")
    ] = None
    policy: Annotated[str | None, ruled("policy", "The tenant's policy to apply; without it, the default one.")] = None
    user: Annotated[Private | None, BeforeValidator(Private), ruled("user", "Whom quotas and cooldowns count.")] = None
    priority: Annotated[Lane, ruled("priority", "How soon it is served.")] = Lane.NORMAL
    send_at: Annotated[_Moment | None, ruled("send_at", "Not before this time.")] = None
    expires_at: Annotated[_Moment | None, ruled("expires_at", "Not after this time; excludes ttl.")] = None
    ttl: Annotated[
        float | None, ruled("ttl", "Seconds it may live from send_at, or from now; excludes expires_at.")
    ] = None
    on_unknown: Annotated[
        OnUnknown | None, ruled("on_unknown", "What to do when nobody can say whether a provider took it.")
    ] = None
    reference: Annotated[str | None, ruled("reference", "The producer's own name for it; must not be secret.")] = None
    metadata: Annotated[
        Mapping[str, str] | None, Field(repr=False), ruled("metadata", "The producer's own data; private.")
    ] = None
    traceparent: Annotated[
        str | None, ruled("traceparent", "The producer's trace, in the form of W3C Trace Context.")
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _keeps_the_contract(cls, job: object) -> dict[str, Any]:
        """Return the given fields; every wrong one is an error of its own."""
        if not isinstance(job, Mapping):
            raise _refusal([FieldError("job", "must be an object")])
        given = {name: value for name, value in job.items() if value is not None or name not in cls.model_fields}
        found = problems(given)
        wrong = {error.field for error in found}
        found += _full_problems(given, wrong)
        if found:
            raise _refusal(found)
        return given


def validate(job: object) -> Job:
    """Return the job, valid in full.

    Raises:
        JobInvalid: names every wrong field, without its value.
    """
    try:
        return Job.model_validate(job)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    raise JobInvalid([FieldError(str(detail["loc"][-1]), detail["msg"]) for detail in details])


def _full_problems(given: Mapping[str, Any], wrong: set[str]) -> list[FieldError]:
    """Return what only the worker can tell, for fields that are not wrong already."""
    found = []
    if "to" not in wrong and not _can_exist(given["to"]):
        found.append(FieldError("to", _NO_SUCH_NUMBER))
    if "body" not in wrong and given.get("channel") == Channel.VOICE:
        options = {name: given.get(name) for name in ("locale", "voice") if name not in wrong}
        found += _spoken_problems(given["body"], options.get("locale"), options.get("voice"))
    return found


def _can_exist(number: str) -> bool:
    """Whether the library reads the number as it stands and its length fits its plan.

    New ranges are in use before the library's metadata knows them, so a number need not be in a known range.
    """
    parsed = parsed_number(number)
    if parsed is None:
        return False
    same = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number
    return same and phonenumbers.is_possible_number(parsed)


def _spoken_problems(body: str, locale: str | None, voice: str | None) -> list[FieldError]:
    markup_problems = list(parse(body).problems)
    if markup_problems:
        return markup_problems
    length = twiml_length(body, locale, voice)
    if length <= LONGEST_TWIML:
        return []
    return [FieldError("body", f"becomes {length} characters of TwiML, at most {LONGEST_TWIML} may be; shorten it")]


def _refusal(found: list[FieldError]) -> ValidationError:
    details = [
        InitErrorDetails(
            type=PydanticCustomError("contract", "{problem}", {"problem": error.problem}),
            loc=(error.field,),
            input=None,
        )
        for error in found
    ]
    return ValidationError.from_exception_data("Job", details, hide_input=True)
