"""The questions about a gateway: how it knows its caller, one request for each channel, and its numbers.

Each answer is checked at its question by the rules of the file. What is rare is for a file, as `--from` takes it: other
headers than the content type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import click
from pydantic import BaseModel

from providers.gateway_settings import SECRET_OF, AuthMethod, HttpMethod, NumberFormat
from providers.protocol import Account, Kind, NumberType, VerificationFailed, VerifiedAccount, WrongCredentials
from senders.accounts import account_with
from senders.config_file import parse_tree
from senders.file_gateway import GatewayEntry, GatewayNumberEntry, RequestEntry
from senders.file_gateway_auth import HOSTS, AuthenticationEntry
from senders.file_tree import Tree
from trunkline_client.private import Token
from trunkline_client.words import Channel
from worker.cli import answers
from worker.cli.administration import Administration
from worker.cli.prompts import ask, ask_token, tell
from worker.cli.selection_questions import ask_countries

_FROM: Final = "--from"
_PLAIN_FIELDS: Final[Mapping[AuthMethod, tuple[tuple[str, str], ...]]] = {
    AuthMethod.BASIC: (("username", "User name"),),
    AuthMethod.BEARER: (),
    AuthMethod.OAUTH2: (("auth_url", "Address that gives tokens"), ("client_id", "Client id")),
    AuthMethod.CUSTOM_HEADER: (("header", "Name of the header"),),
}
_SECRETS: Final[Mapping[AuthMethod, str]] = {
    AuthMethod.BASIC: "Password",
    AuthMethod.BEARER: "Token",
    AuthMethod.OAUTH2: "Client secret",
    AuthMethod.CUSTOM_HEADER: "Value of the header",
}
_CONTENT_TYPES: Final = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
_HINT: Final = (
    "Variables: ${to} and ${message} always; ${from}, ${otp}, ${locale}, ${voice} and others as you like "
    "(docs/gateways.md)."
)


class GatewayWizard:
    """Asks about one gateway; where the questions come again, the former answers are the defaults.

    Args:
        admin: what knows where gateways may be reached, and reaches them.
        token: the gateway's secret, if an option gave it.
        show: prints what the gateway is found to be.
    """

    def __init__(
        self, admin: Administration, token: Token | None, show: Callable[[Account, VerifiedAccount], None]
    ) -> None:
        self._admin = admin
        self._token = token
        self._show = show
        self._context = {HOSTS: admin.hosts}
        self._former: dict[str, str] = {}
        self._listed: list[Tree] = []

    async def verified(self, name: str, channels: list[str]) -> Tree:
        """Return the fields of a gateway that can be reached, and gave a token where it gives some.

        Raises:
            WrongCredentials: with a secret that no answer can mend.
        """
        while True:
            settings = self._settings(name, channels)
            account = self._account({"kind": Kind.GATEWAY.value, "name": name, "channels": channels, **settings})
            try:
                found = await self._admin.providers.for_kind(Kind.GATEWAY).verify(account)
            except VerificationFailed as refused:
                if self._token is not None and isinstance(refused, WrongCredentials):
                    raise
                tell(f"Error: {refused}.")
                tell("Here are the questions again; Enter keeps an answer, Ctrl-C ends this.")
                continue
            self._show(account, found)
            return settings

    def _settings(self, name: str, channels: list[str]) -> Tree:
        authentication = self._authentication()
        tell(_HINT)
        requests = [self._request(Channel(channel)) for channel in channels]
        sender = {"name": name, "channels": channels, "authentication": authentication, "requests": requests}
        return {"authentication": authentication, "requests": requests, "numbers": self._numbers(sender)}

    def _account(self, sender: Tree) -> Account:
        tenant = parse_tree({"tenants": {"new": {"senders": {"new": sender}}}}, hosts=self._admin.hosts)["new"]
        desired = tenant.senders["new"]
        secret: str = sender["authentication"][SECRET_OF[AuthMethod(sender["authentication"]["method"])]]
        return account_with(desired, Token(secret))

    def _authentication(self) -> Tree:
        question = f"Authentication ({', '.join(AuthMethod)})"
        method = AuthMethod(self._ask(question, answers.one_of(AuthMethod)))
        entry: Tree = {"method": method.value}
        for field, words in _PLAIN_FIELDS[method]:
            entry[field] = self._ask(words, self._rule(AuthenticationEntry, entry, field))
        check = self._rule(AuthenticationEntry, entry, SECRET_OF[method])
        token = self._token or ask_token(f"{_SECRETS[method]} (not shown)", check)
        return {**entry, SECRET_OF[method]: token.reveal()}

    def _request(self, channel: Channel) -> Tree:
        entry: Tree = {"channel": channel.value}

        def fill(field: str, words: str, check: Callable[[str], str], default: str | None = None) -> None:
            answer = self._ask(f"{channel}: {words}", check, default)
            if answer:
                entry[field] = answer

        fill("method", f"method ({', '.join(HttpMethod)})", answers.one_of(HttpMethod))
        fill("url", "address (https)", self._rule(RequestEntry, entry, "url"))
        if entry["method"] == HttpMethod.POST:
            kind = self._ask(f"{channel}: content type (json, form)", answers.one_of(_CONTENT_TYPES))
            entry["headers"] = {"content-type": _CONTENT_TYPES[kind]}
            fill("body", "body", self._rule(RequestEntry, entry, "body"))
        formats = answers.one_of(NumberFormat)
        fill("number_format", f"numbers as ({', '.join(NumberFormat)})", formats, NumberFormat.FULL.value)
        if channel is Channel.VOICE:
            for field, where in (("before_tag", "before"), ("after_tag", "after")):
                rule = _optional(self._rule(RequestEntry, entry, field))
                fill(field, f"what to write {where} each digit of a code (Enter: nothing)", rule, "")
        return entry

    def _numbers(self, sender: Tree) -> list[Tree]:
        """Return the numbers, none if the requests do without; those of a former round stay."""
        while True:
            if self._listed:
                tell(f"Its numbers so far: {', '.join(one['number'] for one in self._listed)}")
            number = ask("Number it sends from (Enter: no more)", _FROM, check=self._new_number, default="")
            if number:
                self._listed.append(self._number(number, sender["channels"]))
                continue
            problem = answers.problem_of(GatewayEntry, {**sender, "numbers": self._listed}, "numbers", self._context)
            if problem is None:
                return self._listed
            tell(f"Error: numbers: {problem}")

    def _new_number(self, answer: str) -> str:
        """Return a number that is not there yet, as it is stored from how people write it; "" for none."""
        if not answer.strip():
            return ""
        plus = "+" if answer.strip().startswith("+") else ""
        number = self._rule(GatewayNumberEntry, {}, "number")(plus + answers.bare(answer))
        if number in {one["number"] for one in self._listed}:
            raise click.BadParameter(f"{number} is there already")
        return number

    def _number(self, number: str, channels: list[str]) -> Tree:
        default = NumberType.PHONE_NUMBER if number.startswith("+") else NumberType.SHORT_CODE
        number_type = ask(
            f"Type of {number} ({', '.join(NumberType)})",
            _FROM,
            check=answers.one_of(NumberType),
            default=default.value,
        )
        able = ask(
            f"{number} can carry (sms, voice or both)",
            _FROM,
            check=answers.channels,
            default=answers.BOTH if len(channels) > 1 else channels[0],
        )
        entry: Tree = {"number": number, "type": number_type, "capabilities": able}
        countries = ask_countries(number, NumberType(number_type))
        return entry if countries is None else {**entry, "countries": countries}

    def _ask(self, question: str, check: Callable[[str], str], default: str | None = None) -> str:
        answer = ask(question, _FROM, check=check, default=self._former.get(question, default))
        self._former[question] = answer
        return answer

    def _rule(self, model: type[BaseModel], entry: Mapping[str, Any], field: str) -> Callable[[str], str]:
        return answers.field_of(model, entry, field, self._context)


def _optional(check: Callable[[str], str]) -> Callable[[str], str]:
    return lambda answer: check(answer) if answer.strip() else ""
