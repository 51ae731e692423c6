"""Secrets and job content at rest: sealed with a ring of keys, each bound to what it belongs to.

A sealed text is `f1:` and a Fernet token (AES-128-CBC and HMAC-SHA256). What it belongs to lies inside the sealed
part and is checked when it is opened, so a secret copied under another sender, or content under another job, does not
open. Nothing here prints, and no error carries what was sealed.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from trunkline_client.errors import SettingsInvalid, TrunklineError
from trunkline_client.keys import COUNTER_KEY
from trunkline_client.private import Private, Token

SCHEME: Final = "f1:"
KEY_BYTES: Final = 32
SETTING: Final = "TRUNKLINE_SECRET_KEYS"
_MAKE_ONE: Final = (
    "make one with: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
)


class SecretUnreadable(TrunklineError):
    """Something sealed cannot be opened with the keys at hand."""


class KeyRing:
    """Seals with the newest key and opens with any; safe to share between coroutines and threads."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Build the ring.

        Args:
            keys: url-safe base64 keys of 32 bytes, newest first.

        Raises:
            SettingsInvalid: there is no key, or one has the wrong form.
        """
        if not keys:
            raise SettingsInvalid(f"{SETTING} is empty: it needs at least one key; {_MAKE_ONE}")
        for place, key in enumerate(keys, start=1):
            if not _is_key(key):
                raise SettingsInvalid(
                    f"{SETTING}: key {place} of {len(keys)} is not {KEY_BYTES} bytes in url-safe base64; {_MAKE_ONE}"
                )
        self._keys = [Fernet(key.strip()) for key in keys]
        self._fernet = MultiFernet(self._keys)

    def seal(self, tenant: str, sender_key: str, secret: Mapping[str, Private]) -> str:
        """Return a sender's credentials, sealed for this sender of this tenant only."""
        revealed = {name: value.reveal() for name, value in secret.items()}
        return self._seal(["sender", tenant, sender_key], revealed)

    def open(self, tenant: str, sender_key: str, sealed: str) -> dict[str, Token]:
        """Return the credentials of a sender.

        Raises:
            SecretUnreadable: no key of the ring opens them, or they belong to another sender.
        """
        opened = self._open(["sender", tenant, sender_key], sealed)
        if not isinstance(opened, dict):
            raise SecretUnreadable(
                f"the credentials of sender {sender_key} of tenant {tenant} cannot be opened with {SETTING}; "
                "add the key they were sealed with to the end of that list"
            )
        return {name: Token(str(value)) for name, value in opened.items()}

    def seal_content(self, job_id: str, text: Private) -> str:
        """Return a job's content, sealed for this job only."""
        return self._seal(["job", job_id], text.reveal())

    def open_content(self, job_id: str, content: str) -> Private:
        """Return the content of a job.

        Raises:
            SecretUnreadable: no key of the ring opens it, or it belongs to another job.
        """
        opened = self._open(["job", job_id], content)
        if not isinstance(opened, str):
            raise SecretUnreadable(
                f"the content of job {job_id} cannot be opened with {SETTING}; "
                "add the key it was sealed with to the end of that list"
            )
        return Private(opened)

    def place(self, sealed: str) -> int | None:
        """Return which key of the ring opens something sealed, from 1; None if none does."""
        token = sealed.removeprefix(SCHEME).encode()
        opening = (place for place, key in enumerate(self._keys, start=1) if _opens(key, token))
        return next(opening, None) if sealed.startswith(SCHEME) else None

    def reseal(self, sealed: str) -> str | None:
        """Return the same, sealed with the first key; None if it is already.

        Raises:
            SecretUnreadable: no key of the ring opens it.
        """
        place = self.place(sealed)
        if place is None:
            raise SecretUnreadable(f"something sealed cannot be opened with {SETTING}")
        return None if place == 1 else SCHEME + self._fernet.rotate(sealed.removeprefix(SCHEME)).decode()

    def seal_counter_key(self, key: Private) -> str:
        """Return the installation's key of counter names, sealed."""
        return self._seal(["counter_key"], key.reveal())

    def open_counter_key(self, sealed: str) -> Private:
        """Return the installation's key of counter names.

        Raises:
            SecretUnreadable: no key of the ring opens it.
        """
        opened = self._open(["counter_key"], sealed)
        if not isinstance(opened, str):
            raise SecretUnreadable(
                f"the key of quotas and cooldowns cannot be opened with {SETTING}; add the key it was sealed with to "
                f"the end of that list, or if that is lost delete {COUNTER_KEY} in Redis: all counters then begin anew"
            )
        return Private(opened)

    def _seal(self, owner: list[str], content: object) -> str:
        payload = json.dumps({"owner": owner, "content": content}, ensure_ascii=False)
        return SCHEME + self._fernet.encrypt(payload.encode()).decode()

    def _open(self, owner: list[str], sealed: str) -> object:
        """Return what was sealed for `owner`, None if it cannot be opened or is another's."""
        if not sealed.startswith(SCHEME):
            return None
        try:
            payload = json.loads(self._fernet.decrypt(sealed.removeprefix(SCHEME)))
        except InvalidToken:
            return None
        return payload["content"] if payload["owner"] == owner else None


def _opens(key: Fernet, token: bytes) -> bool:
    try:
        key.decrypt(token)
    except InvalidToken:
        return False
    return True


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text.strip(), altchars=b"-_", validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):
        return False
