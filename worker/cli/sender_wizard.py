"""The steps of `trunkline senders add`: what no option says is asked for, in the order an administrator thinks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import click

from providers.protocol import Account, FoundNumber, Kind, NumberType, VerifiedAccount, WrongCredentials
from senders.file_models import AccountSid, Text
from senders.file_tree import Tree
from senders.findings import Findings
from trunkline_client.limits import RULES
from trunkline_client.private import Token
from trunkline_client.words import Channel
from worker.cli.administration import Administration
from worker.cli.file_parts import read_part
from worker.cli.prompts import ask, ask_token, confirm, form

Show = Callable[[Account, VerifiedAccount], None]

_TWILIO: Final = frozenset({Kind.TWILIO, Kind.TWILIO_MESSAGING_SERVICE})
_WITH_COUNTRIES: Final = frozenset({NumberType.TOLL_FREE, NumberType.SHORT_CODE})


class Wizard:
    """One sender to be, from options and answers.

    Args:
        given: what the options said, by their names.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def key(self, given: str | None, *, taken: Collection[str]) -> str:
        """Return the sender's key, one that is free."""

        def check(answer: str) -> str:
            answer = answer.strip()
            problem = RULES["tenant"].problem(answer)  # keys have the form of names of tenants
            if problem is None and answer in taken:
                problem = "there is a sender of this key already; `trunkline senders replace` gives it a new credential"
            if problem is not None:
                raise click.BadParameter(problem, param_hint="KEY")
            return answer

        return ask("Key of the new sender", "KEY", check=check) if given is None else check(given)

    def account(self, token: Token | None) -> Account:
        """Return the account to verify."""
        kind = self._kind()
        sid = self._sid() if kind in _TWILIO else None
        token = token or ask_token("Auth token" if kind in _TWILIO else "Access token")
        return Account(kind, token, sid, self._given.get("messaging_service_sid"))

    async def sender(self, admin: Administration, token: Token | None, show: Show) -> Tree:
        """Return the sender as a file would have it, verified with its account on the way; raises `click.Abort`."""
        if self._given["source"]:
            return _mapping(read_part(self._given["source"]))
        account, verified = await self._verified(admin, token)
        show(account, verified)
        kind = account.kind
        sender: Tree = {"kind": kind.value, "name": self._name(verified)}
        if kind in _TWILIO:
            sender |= {"account_sid": account.account_sid, "auth_token": account.token.reveal()}
        else:
            sender["access_token"] = account.token.reveal()
        sender["channels"] = self._channels(kind)
        sender |= self._selection(kind, verified)
        by = self._consent(kind)
        return {**sender, "consent": {"by": by}} if by else sender

    def wants_chain(self, sender: Tree) -> bool:
        """Return whether the sender goes to the end of the default chain; no draft can."""
        if self._given["last_in_chain"] or self._is_silent or "consent" not in sender:
            return bool(self._given["last_in_chain"])
        return confirm("Put it at the end of the tenant's default chain?")

    @property
    def _is_silent(self) -> bool:
        """Whether optional questions are left out: the command line says what it wants."""
        return bool(self._given["yes"] or self._given["dry_run"])

    async def _verified(self, admin: Administration, token: Token | None) -> tuple[Account, VerifiedAccount]:
        """Return the account and what it says; with a wrong credential that was typed, it is asked for again."""
        while True:
            account = self.account(token)
            try:
                return account, await admin.providers.for_kind(account.kind).verify(account)
            except WrongCredentials as refused:
                if token is not None:
                    raise
                click.echo(f"{refused}. Nothing was saved; try again, or end with Ctrl-C.", err=True)

    def _kind(self) -> Kind:
        given = self._given["kind"]
        if given is not None:
            return Kind(given)
        kinds = click.Choice([Kind.TWILIO, Kind.TWILIO_MESSAGING_SERVICE, Kind.SYNIVERSE])
        return Kind(ask(f"Kind ({', '.join(kinds.choices)})", "--kind", check=_choice(kinds)))

    def _sid(self) -> str:
        given = self._given["account_sid"]
        check = form(AccountSid)
        return ask("Account SID", "--account-sid", check=check) if given is None else check(given)

    def _name(self, verified: VerifiedAccount) -> str:
        given: str | None = self._given["name"]
        return given or ask("Name", "--name", check=form(Text), default=verified.name or None)

    def _channels(self, kind: Kind) -> list[str]:
        if self._given["channels"]:
            return sorted(set(self._given["channels"]))
        if kind is Kind.TWILIO_MESSAGING_SERVICE:
            return [Channel.SMS.value]
        answer = ask(
            "Channels (sms, voice, or both)", "--channel", check=_choice(click.Choice(["sms", "voice", "both"]))
        )
        return sorted(Channel) if answer == "both" else [answer]

    def _selection(self, kind: Kind, verified: VerifiedAccount) -> Tree:
        if kind is Kind.TWILIO_MESSAGING_SERVICE:
            return {"messaging_service_sid": self._service(verified)}
        chosen = self._numbers(verified)
        if kind is Kind.SYNIVERSE:
            return {"originators": [_with_countries("id", number, codes) for number, codes in chosen.items()]}
        found = {one.number: one for one in verified.numbers}
        for number, codes in chosen.items():
            if codes is None and not self._is_silent and number in found:
                chosen[number] = _countries(found[number])
        return {"numbers": [_with_countries("number", number, codes) for number, codes in chosen.items()]}

    def _service(self, verified: VerifiedAccount) -> str:
        given: str | None = self._given["messaging_service_sid"]
        services = click.Choice([one.sid for one in verified.services])
        only = services.choices[0] if len(services.choices) == 1 else None
        return given or ask("Messaging service", "--messaging-service-sid", check=_choice(services), default=only)

    def _numbers(self, verified: VerifiedAccount) -> dict[str, list[str] | None]:
        there = [one.number for one in verified.numbers]
        if self._given["all_numbers"]:
            return dict.fromkeys(there)
        if self._given["numbers"] or self._is_silent:
            return dict(map(_number_and_countries, self._given["numbers"]))

        def check(answer: str) -> str:
            missing = [one for one in _words(answer) if one not in {*there, "all", "none"}]
            if missing:
                raise click.BadParameter(f"the account does not have {', '.join(missing)}")
            return answer

        answer = ask("Numbers to select (separated by commas, all, or none)", "--number", check=check)
        return dict.fromkeys(there if answer == "all" else [one for one in _words(answer) if one != "none"])

    def _consent(self, kind: Kind) -> str | None:
        given: str | None = self._given["consent_by"]
        if given or self._is_silent:
            return given
        click.echo(f"Recipients and texts of messages go to a third party ({kind.provider}).", err=True)
        if not confirm("Do you accept this for the tenant?"):
            click.echo("Without consent it is a draft, which no chain can name.", err=True)
            return None
        return ask("Consent given by (name or address)", "--consent-by", check=form(Text), default=self._given["actor"])


def _mapping(sender: object) -> Tree:
    findings = Findings()
    fields = findings.mapping(sender, "the sender")
    findings.refuse_if_any()
    return fields


def _countries(number: FoundNumber) -> list[str] | None:
    """Return the countries of a number that has some; an empty answer is the default."""
    if number.type not in _WITH_COUNTRIES:
        return None
    answer = ask(f"Countries of {number.number} ({number.type.replace('_', ' ')})", "--number", default="US")
    return _words(answer.upper())


def _number_and_countries(text: str) -> tuple[str, list[str] | None]:
    number, has_countries, codes = text.partition("=")
    return number, _words(codes) if has_countries else None


def _with_countries(name: str, number: str, codes: list[str] | None) -> Tree:
    return {name: number} if codes is None else {name: number, "countries": codes}


def _words(answer: str) -> list[str]:
    return [word.strip() for word in answer.split(",") if word.strip()]


def _choice(choice: click.Choice[Any]) -> Callable[[str], str]:
    def check(answer: str) -> str:
        return str(choice.convert(answer.strip(), None, None))

    return check
