"""What each operation of the simulated Twilio does: plain functions of the state and one request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, TypeVar

from providers.simulators.simulation import Simulation
from providers.simulators.twilio import bodies
from providers.simulators.twilio.bodies import Call, Message
from providers.simulators.twilio.call_rules import call_refusal
from providers.simulators.twilio.dates import within_days
from providers.simulators.twilio.errors import refused
from providers.simulators.twilio.paging import envelope_2010, envelope_v1, page_of
from providers.simulators.twilio.sms_rules import service_of, sms_refusal
from providers.simulators.wire import Answer, Refusal, WireRequest, as_json
from providers.simulators.world import AccountType, TwilioAccount, TwilioNumber, TwilioNumberKind

Handler = Callable[[Simulation, TwilioAccount, WireRequest], Answer | Refusal]

PROVIDER: Final = "twilio"
_OK: Final = 200
_CREATED: Final = 201
T = TypeVar("T")


def create_message(simulation: Simulation, account: TwilioAccount, request: WireRequest) -> Answer | Refusal:
    """Accept an SMS, or refuse it by the rules."""
    fields: Mapping[str, str] = request.fields
    refusal = sms_refusal(account, fields, simulation.number_owners)
    if refusal is not None:
        return refusal
    now = simulation.clock()
    trial = account.type is AccountType.TRIAL
    message = Message(
        sid=f"SM{request.request_id}",
        account=account.sid,
        to=fields["To"],
        sender=fields.get("From"),
        body=(bodies.TRIAL_PREFIX if trial else "") + fields.get("Body", ""),
        service=fields.get("MessagingServiceSid"),
        created_at=now,
        listed_at=now + request.listed_after_s,
    )
    accepted: tuple[int, ...] = ()
    if account.type is not AccountType.TEST:
        simulation.messages.add(account.sid, message.sid, message.to, message)
        sequence = simulation.ledger.accept(
            accepted_at=now,
            provider=PROVIDER,
            account=account.sid,
            channel="sms",
            to=message.to,
            sender=message.sender,
            body=fields.get("Body", ""),
            provider_id=message.sid,
        )
        accepted = (sequence,)
    return Answer(_CREATED, as_json(bodies.message_body(message, now)), accepted=accepted)


def create_call(simulation: Simulation, account: TwilioAccount, request: WireRequest) -> Answer | Refusal:
    """Accept a call, or refuse it by the rules."""
    fields: Mapping[str, str] = request.fields
    refusal = call_refusal(account, fields)
    if refusal is not None:
        return refusal
    now = simulation.clock()
    listed_at = now + request.listed_after_s
    call = Call(f"CA{request.request_id}", account.sid, fields["To"], fields["From"], now, listed_at)
    accepted: tuple[int, ...] = ()
    if account.type is not AccountType.TEST:
        simulation.calls.add(account.sid, call.sid, call.to, call)
        sequence = simulation.ledger.accept(
            accepted_at=now,
            provider=PROVIDER,
            account=account.sid,
            channel="voice",
            to=call.to,
            sender=call.sender,
            body=fields.get("Twiml") or fields.get("Url", ""),
            provider_id=call.sid,
        )
        accepted = (sequence,)
    return Answer(_CREATED, as_json(bodies.call_body(call, now)), accepted=accepted)


def list_messages(simulation: Simulation, account: TwilioAccount, request: WireRequest) -> Answer | Refusal:
    """List the account's messages, newest first, filtered by To, From and DateSent."""
    now = simulation.clock()
    query = request.query
    found = [
        message
        for message in reversed(simulation.messages.oldest_first(account.sid, query.get("To")))
        if message.listed_at <= now
        and query.get("From") in {None, message.sender}
        and within_days(_sent_at(message, now), "DateSent", query)
    ]
    return _list_2010(request, "messages", found, _sid, lambda message: bodies.message_body(message, now))


def list_calls(simulation: Simulation, account: TwilioAccount, request: WireRequest) -> Answer | Refusal:
    """List the account's calls, newest first, filtered by To, From, Status and StartTime."""
    now = simulation.clock()
    query = request.query
    found = [
        call
        for call in reversed(simulation.calls.oldest_first(account.sid, query.get("To")))
        if call.listed_at <= now
        and query.get("From") in {None, call.sender}
        and query.get("Status") in {None, bodies.call_status(call, now)}
        and within_days(call.created_at, "StartTime", query)
    ]
    return _list_2010(request, "calls", found, _sid, lambda call: bodies.call_body(call, now))


def fetch_message(simulation: Simulation, account: TwilioAccount, request: WireRequest) -> Answer | Refusal:
    """Return one message of the account."""
    message = simulation.messages.get(account.sid, request.path_values["sid"])
    if message is None:
        return refused(20404, request.path)
    return Answer(_OK, as_json(bodies.message_body(message, simulation.clock())))


def fetch_call(simulation: Simulation, account: TwilioAccount, request: WireRequest) -> Answer | Refusal:
    """Return one call of the account."""
    call = simulation.calls.get(account.sid, request.path_values["sid"])
    if call is None:
        return refused(20404, request.path)
    return Answer(_OK, as_json(bodies.call_body(call, simulation.clock())))


def fetch_account(_: Simulation, account: TwilioAccount, __: WireRequest) -> Answer | Refusal:
    """Return the account itself."""
    return Answer(_OK, as_json(bodies.account_body(account)))


def list_numbers(kind: TwilioNumberKind | None) -> Handler:
    """Return the handler that lists the incoming numbers of this kind, all of them for None."""

    def handle(_: Simulation, account: TwilioAccount, request: WireRequest) -> Answer | Refusal:
        found = [
            number
            for number in account.numbers
            if kind in {None, number.kind}
            and fnmatchcase(number.number, request.query.get("PhoneNumber", "*"))
            and request.query.get("FriendlyName") in {None, number.number}
        ]

        def sid_of(number: TwilioNumber) -> str:
            return bodies.derived_sid("PN", account.sid, number.number)

        def render(number: TwilioNumber) -> dict[str, Any]:
            body = bodies.number_body(account, number)
            # Only the list of all kinds has the field `type`.
            return body if kind is None else {name: value for name, value in body.items() if name != "type"}

        return _list_2010(request, "incoming_phone_numbers", found, sid_of, render)

    return handle


def list_short_codes(_: Simulation, account: TwilioAccount, request: WireRequest) -> Answer | Refusal:
    """List the account's short codes."""
    found = [code for code in account.short_codes if request.query.get("ShortCode") in {None, code.code}]
    return _list_2010(
        request,
        "short_codes",
        found,
        lambda code: bodies.derived_sid("SC", account.sid, code.code),
        lambda code: bodies.short_code_body(account, code),
    )


def list_services(_: Simulation, account: TwilioAccount, request: WireRequest) -> Answer | Refusal:
    """List the account's messaging services."""
    return _list_v1(
        request,
        "services",
        account.services,
        lambda service: service.sid,
        lambda service: bodies.service_body(account, service, request.origin),
    )


def fetch_service(_: Simulation, account: TwilioAccount, request: WireRequest) -> Answer | Refusal:
    """Return one messaging service."""
    service = service_of(account, request.path_values["service"])
    if service is None:
        return refused(20404, request.path)
    return Answer(_OK, as_json(bodies.service_body(account, service, request.origin)))


def list_pool(key: str) -> Handler:
    """Return the handler that lists a service's `phone_numbers`, `short_codes` or `alpha_senders`."""

    def handle(_: Simulation, account: TwilioAccount, request: WireRequest) -> Answer | Refusal:
        service = service_of(account, request.path_values["service"])
        if service is None:
            return refused(20404, request.path)
        pools = {
            "phone_numbers": service.numbers,
            "short_codes": service.short_codes,
            "alpha_senders": service.alpha_senders,
        }
        return _list_v1(
            request,
            key,
            pools[key],
            lambda member: bodies.derived_sid("MS", account.sid, member),
            lambda member: bodies.pool_body(account, service, member, request.origin),
        )

    return handle


def answer_unknown(_: Simulation, __: TwilioAccount, request: WireRequest) -> Answer | Refusal:
    """Refuse a resource the simulator does not have."""
    return refused(20404, request.path)


def _sid(record: Message | Call) -> str:
    return record.sid


def _sent_at(message: Message, now: float) -> float | None:
    return message.created_at if bodies.message_status(message, now) in {"sent", "delivered"} else None


def _list_2010(
    request: WireRequest,
    key: str,
    found: Sequence[T],
    sid_of: Callable[[T], str],
    render: Callable[[T], dict[str, Any]],
) -> Answer | Refusal:
    page = page_of(found, sid_of, request.path, request.query)
    return page if isinstance(page, Refusal) else Answer(_OK, as_json(envelope_2010(page, key, render)))


def _list_v1(
    request: WireRequest,
    key: str,
    found: Sequence[T],
    sid_of: Callable[[T], str],
    render: Callable[[T], dict[str, Any]],
) -> Answer | Refusal:
    page = page_of(found, sid_of, request.path, request.query)
    return page if isinstance(page, Refusal) else Answer(_OK, as_json(envelope_v1(page, key, render, request.origin)))
