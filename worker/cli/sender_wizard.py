"""The steps of `trunkline senders add`: what no option says is asked for, in the order an administrator thinks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

import click

from providers.protocol import (
    Account,
    FoundNumber,
    Kind,
    MessagingServiceMissing,
    VerifiedAccount,
    WrongCredentials,
)
from senders.accounts import account_with
from senders.config_file import MAX_SENDERS
from senders.credentials import secret_field
from senders.file_models import AccountSid, Text, TokenText
from senders.file_tree import Tree
from senders.findings import Findings
from senders.model import Sender
from trunkline_client.errors import TrunklineError
from trunkline_client.limits import RULES
from trunkline_client.private import Token
from trunkline_client.words import Channel
from worker.cli import answers
from worker.cli.administration import Administration
from worker.cli.file_parts import read_part
from worker.cli.gateway_wizard import GatewayWizard
from worker.cli.interrupts import ended_by_ctrl_c
from worker.cli.prompts import ask, ask_token, confirm, tell
from worker.cli.selection_questions import ask_channels, ask_countries, ask_numbers, originator

Show = Callable[[Account, VerifiedAccount], None]

_TWILIO: Final = frozenset({Kind.TWILIO, Kind.TWILIO_MESSAGING_SERVICE})
_OF_AN_ACCOUNT: Final = ("account_sid", "messaging_service_sid", "numbers", "all_numbers")
_IN_A_FILE: Final = ("kind", "name", "channels", *_OF_AN_ACCOUNT)
_ASKING: Final = "Asking {} about the account ..."
_REFUSED: Final = "{}. Nothing is saved yet; Ctrl-C ends this."
_OPTION_OF: Final = {"channels": "--channel", "numbers": "--number"}


class TooManySenders(TrunklineError):
    """The tenant has as many senders as it may have."""


def require_room(taken: Collection[str]) -> None:
    """Refuse another sender before anything is asked, where a tenant has as many as it may; raises `TooManySenders`."""
    if len(taken) >= MAX_SENDERS:
        raise TooManySenders(
            f"the tenant has {len(taken)} senders, the most it may have: remove one (`trunkline senders remove`)"
        )


async def typed_token(admin: Administration, sender: Sender) -> Token:
    """Return a new credential for the account of a stored sender, asked for until the account takes it.

    Raises:
        VerificationFailed: the account refused for another reason.
    """
    words = secret_field(sender).rpartition(".")[2].replace("_", " ")
    while True:
        token = ask_token(f"New {words} (not shown)")
        try:
            await _verified(admin, sender.kind, account_with(sender, token))
        except WrongCredentials as refused:
            tell(_REFUSED.format(refused))
            continue
        return token


async def _verified(admin: Administration, kind: Kind, account: Account) -> VerifiedAccount:
    """Return what the account says. A Ctrl-C meanwhile is not lost: on a busy machine one was, for 15 s of a call."""
    with ended_by_ctrl_c():
        tell(_ASKING.format(kind.provider))  # only now: whoever sees it may press Ctrl-C at once
        return await admin.providers.for_kind(kind).verify(account)


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

    async def account(self, admin: Administration, token: Token | None) -> tuple[Account, VerifiedAccount]:
        """Return an account and what it says; with wrong credentials that were typed, they are asked for again.

        Raises:
            click.UsageError: for a gateway, which no option describes.
            VerificationFailed: the account refused, and no answer can mend it.
        """
        kind = self._kind()
        if kind is Kind.GATEWAY:
            raise click.UsageError("a gateway has more than a credential: `trunkline senders add --dry-run` tries one")
        return await self._verified(admin, kind, token)

    async def sender(self, admin: Administration, token: Token | None, show: Show) -> Tree:
        """Return the sender as a file would have it, verified with its account on the way.

        Raises:
            click.Abort: the person ended the questions.
            VerificationFailed: the account refused, and no answer can mend it.
        """
        if self._given["source"]:
            return self._from_file(token)
        kind = self._kind()
        if kind is Kind.GATEWAY:
            self._refuse(_OF_AN_ACCOUNT, "is not for a gateway")
            if not sys.stdin.isatty():
                raise click.UsageError("without a terminal a gateway comes from a file: --from FILE")
            sender = await self._gateway(admin, token, show)
        else:
            sender = await self._sender(admin, kind, token, show)
        by = self._consent(kind)
        return {**sender, "consent": {"by": by}} if by else sender

    def wants_chain(self, sender: Tree) -> bool:
        """Return whether the sender goes to the end of the default chain; no draft can."""
        if self._given["last_in_chain"] or self._is_silent or _is_draft(sender):
            return bool(self._given["last_in_chain"])
        return confirm("Put it at the end of the tenant's default chain?")

    @property
    def _is_silent(self) -> bool:
        """Whether optional questions are left out: the command line says what it wants, or nobody is there."""
        return self._given["yes"] or not sys.stdin.isatty()

    async def _sender(self, admin: Administration, kind: Kind, token: Token | None, show: Show) -> Tree:
        account, verified = await self._verified(admin, kind, token)
        show(account, verified)
        sender: Tree = {"kind": kind.value, "name": self._name(verified.name)}
        if kind in _TWILIO:
            sender |= {"account_sid": account.account_sid, "auth_token": account.token.reveal()}
        else:
            sender["access_token"] = account.token.reveal()
        if kind is Kind.TWILIO_MESSAGING_SERVICE:
            channels = self._given["channels"] or [Channel.SMS.value]
            return {**sender, "channels": channels, "messaging_service_sid": self._service(verified)}
        channels = sorted(set(self._given["channels"])) or ask_channels(kind, verified.numbers)
        return {**sender, "channels": channels, **self._selection(kind, verified.numbers, channels)}

    async def _gateway(self, admin: Administration, token: Token | None, show: Show) -> Tree:
        name = self._name("")
        channels = sorted(set(self._given["channels"])) or ask(
            "Channels (sms, voice or both)", "--channel", check=answers.channels
        )
        settings = await GatewayWizard(admin, token, show).verified(name, channels)
        return {"kind": Kind.GATEWAY.value, "name": name, "channels": channels, **settings}

    async def _verified(
        self, admin: Administration, kind: Kind, token: Token | None
    ) -> tuple[Account, VerifiedAccount]:
        """Return the account and what it says; with wrong credentials that were typed, they are asked for again."""
        sid = None
        while True:
            account = self._account(kind, token, former_sid=sid)
            try:
                verified = await _verified(admin, kind, account)
            except WrongCredentials as refused:
                if token is not None:
                    raise
                tell(_REFUSED.format(refused))
                sid = account.account_sid
                continue
            if kind is Kind.TWILIO_MESSAGING_SERVICE and not verified.services:
                raise MessagingServiceMissing(
                    "the Twilio account has no messaging service; create one in Twilio's console, then add it again"
                )
            return account, verified

    def _account(self, kind: Kind, token: Token | None, *, former_sid: str | None = None) -> Account:
        sid = self._sid(former_sid) if kind in _TWILIO else None
        token = token or ask_token(
            f"{'Auth' if kind in _TWILIO else 'Access'} token (not shown)", answers.form(TokenText)
        )
        return Account(kind, token, sid, self._given.get("messaging_service_sid"))

    def _kind(self) -> Kind:
        given = self._given["kind"]
        if given is not None:
            return Kind(given)
        return Kind(ask(f"Kind ({', '.join(Kind)})", "--kind", check=answers.one_of(Kind)))

    def _sid(self, former: str | None) -> str:
        given = self._given["account_sid"]
        check = answers.form(AccountSid)
        return ask("Account SID", "--account-sid", check=check, default=former) if given is None else check(given)

    def _name(self, default: str) -> str:
        given: str | None = self._given["name"]
        return given or ask("Name, for people", "--name", check=answers.form(Text), default=default or None)

    def _selection(self, kind: Kind, found: Iterable[FoundNumber], channels: list[str]) -> Tree:
        there = {one.number: one for one in found}
        chosen = self._chosen(kind, there, channels)
        if kind is Kind.SYNIVERSE:
            listed = [originator(there[one], channels) if one in there else {"id": one} for one in chosen]
            return {"originators": [_with_countries(one, chosen[one["id"]]) for one in listed]}
        for number, codes in chosen.items():
            if codes is None and not self._is_silent and number in there:
                chosen[number] = ask_countries(number, there[number].type)
        return {"numbers": [_with_countries({"number": number}, codes) for number, codes in chosen.items()]}

    def _service(self, verified: VerifiedAccount) -> str:
        given: str | None = self._given["messaging_service_sid"]
        services = [one.sid for one in verified.services]
        only = services[0] if len(services) == 1 else None
        check = answers.one_of(services)
        return given or ask("SID of the messaging service", "--messaging-service-sid", check=check, default=only)

    def _chosen(self, kind: Kind, there: Mapping[str, FoundNumber], channels: list[str]) -> dict[str, list[str] | None]:
        """Return the numbers to select, each with the countries an option gave it."""
        if self._given["all_numbers"]:
            return dict.fromkeys(there)
        if self._given["numbers"] or self._is_silent:
            return dict(map(_number_and_countries, self._given["numbers"]))
        return dict.fromkeys(one.number for one in ask_numbers(kind, tuple(there.values()), channels))

    def _consent(self, kind: Kind) -> str | None:
        given: str | None = self._given["consent_by"]
        if given or self._is_silent:
            return given
        tell(f"Recipients and texts of messages go to a third party ({kind.provider}).")
        if not confirm("Do you accept this for the tenant?"):
            tell("Without consent it is a draft, which no chain can name.")
            return None
        check = answers.form(Text)
        return ask("Consent given by (name or address)", "--consent-by", check=check, default=self._given["actor"])

    def _from_file(self, token: Token | None) -> Tree:
        self._refuse(_IN_A_FILE, "is not for --from, whose file says it")
        if token is not None:
            raise click.UsageError("the file of --from holds the credential, or ${NAME} for one of the environment")
        findings = Findings()
        fields = findings.mapping(read_part(self._given["source"]), "the sender")
        findings.refuse_if_any()
        by = self._given["consent_by"]
        return {**fields, "consent": {"by": by}} if by else dict(fields)

    def _refuse(self, options: Iterable[str], why: str) -> None:
        for name in options:
            if self._given[name]:
                raise click.UsageError(f"{_OPTION_OF.get(name, '--' + name.replace('_', '-'))} {why}")


def _is_draft(sender: Tree) -> bool:
    selection = sender.get("numbers") or sender.get("originators") or sender.get("messaging_service_sid")
    return "consent" not in sender or (sender.get("kind") != Kind.GATEWAY and not selection)


def _number_and_countries(text: str) -> tuple[str, list[str] | None]:
    number, has_countries, codes = text.partition("=")
    return number, [code.strip() for code in codes.split(",") if code.strip()] if has_countries else None


def _with_countries(entry: Tree, codes: list[str] | None) -> Tree:
    return entry if codes is None else {**entry, "countries": codes}
