"""The authentication of a gateway in a configuration file, and what its other parts share with it."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic import model_validator as whole

from providers.gateway_hosts import PUBLIC_ONLY, HostRules
from providers.gateway_settings import SECRET_OF, AuthMethod, GatewayAuthentication
from senders.gateway_rules import address_problem, header_problem, line_problem, secret_problem

#: the key of a validation's context under which the operator's `HostRules` are.
HOSTS: Final = "hosts"

_FIELDS_OF: Final = {
    AuthMethod.BASIC: frozenset({"username"}),
    AuthMethod.BEARER: frozenset[str](),
    AuthMethod.OAUTH2: frozenset({"auth_url", "client_id"}),
    AuthMethod.CUSTOM_HEADER: frozenset({"header"}),
}


def lower(value: object) -> object:
    """Return a text in lower case, anything else as it is."""
    return value.lower() if isinstance(value, str) else value


def refuse(problem: str | None) -> None:
    """Raise a problem, if there is one, as pydantic wants it."""
    if problem is not None:
        raise ValueError(problem)


def hosts_of_context(info: ValidationInfo) -> HostRules:
    """Return where gateways may be reached without https."""
    rules = (info.context or {}).get(HOSTS)
    return rules if isinstance(rules, HostRules) else PUBLIC_ONLY


def _line(value: str) -> str:
    refuse(line_problem(value))
    return value


Line = Annotated[str, AfterValidator(_line)]
Address = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2048)]


class Part(BaseModel):
    """A part of a gateway's entry: no other keys, and no value in an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class AuthenticationEntry(Part):
    """How the gateway is told who asks: a method, and exactly the fields of that method."""

    method: Annotated[AuthMethod, BeforeValidator(lower)]
    username: Line | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None
    auth_url: Address | None = None
    client_id: Line | None = None
    client_secret: SecretStr | None = None
    header: str | None = None
    header_value: SecretStr | None = None

    @field_validator("password", "token", "client_secret", "header_value")
    @classmethod
    def _can_be_sent(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if secret is not None:
            refuse(secret_problem(info.field_name or "", secret.get_secret_value()))
        return secret

    @field_validator("username")
    @classmethod
    def _ends_before_the_password(cls, username: str | None) -> str | None:
        if username is not None and ":" in username:
            raise ValueError("must hold no colon: Basic authentication ends it there")
        return username

    @field_validator("auth_url")
    @classmethod
    def _is_an_address(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None:
            refuse(address_problem(url, hosts_of_context(info)))
            if "${" in url:
                raise ValueError("holds no variables")
        return url

    @field_validator("header")
    @classmethod
    def _is_a_header(cls, name: str | None) -> str | None:
        if name is not None:
            refuse(header_problem(name, "", is_credential=True))
        return name

    @whole(mode="after")
    def _just_the_fields_of_the_method(self) -> AuthenticationEntry:
        wanted = _FIELDS_OF[self.method] | {SECRET_OF[self.method]}
        given = {name for name in type(self).model_fields if name != "method" and getattr(self, name) is not None}
        if wanted != given:
            missing, extra = sorted(wanted - given), sorted(given - wanted)
            parts = [
                f"{' and '.join(missing)} missing" if missing else "",
                f"{' and '.join(extra)} too many" if extra else "",
            ]
            detail = ", ".join(filter(None, parts))
            raise ValueError(f"the method {self.method} takes {' and '.join(sorted(wanted))}: {detail}")
        return self

    @property
    def secret(self) -> SecretStr:
        """The one secret of the method."""
        secret: SecretStr = getattr(self, SECRET_OF[self.method])
        return secret

    def settings(self) -> GatewayAuthentication:
        """Return all but the secret."""
        return GatewayAuthentication(self.method, self.username, self.auth_url, self.client_id, self.header)
