from __future__ import annotations

import base64

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from senders.secrets import KeyRing, SecretUnreadable
from trunkline_client.errors import SettingsInvalid
from trunkline_client.private import Private, Token

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRET = {"token": Token("the-auth-token")}


def test_credentials_open_for_their_own_sender() -> None:
    ring = KeyRing([NEW])

    assert ring.open("acme", "own", ring.seal("acme", "own", SECRET)) == SECRET


def test_sealed_credentials_show_nothing_and_carry_their_scheme() -> None:
    sealed = KeyRing([NEW]).seal("acme", "own", SECRET)

    assert sealed.startswith("f1:")
    assert "the-auth-token" not in sealed


@pytest.mark.parametrize(("tenant", "sender_key"), [("other", "own"), ("acme", "other")])
def test_credentials_of_another_sender_or_tenant_do_not_open(tenant: str, sender_key: str) -> None:
    ring = KeyRing([NEW])

    with pytest.raises(SecretUnreadable, match=sender_key):
        ring.open(tenant, sender_key, ring.seal("acme", "own", SECRET))


def test_a_rotated_ring_opens_what_an_older_key_sealed_and_seals_with_the_newest() -> None:
    before, after = KeyRing([OLD]), KeyRing([NEW, OLD])

    assert after.open("acme", "own", before.seal("acme", "own", SECRET)) == SECRET
    with pytest.raises(SecretUnreadable):
        before.open("acme", "own", after.seal("acme", "own", SECRET))


@pytest.mark.parametrize("damaged", ["", "f1:", "f1:xyz", "v9:abc", "the-auth-token"])
def test_a_secret_that_cannot_be_opened_names_its_sender_and_the_fix(damaged: str) -> None:
    with pytest.raises(SecretUnreadable) as caught:
        KeyRing([NEW]).open("acme", "own", damaged)

    assert "sender own of tenant acme" in str(caught.value)
    assert "TRUNKLINE_SECRET_KEYS" in str(caught.value)


def test_content_opens_for_its_own_job_only() -> None:
    ring = KeyRing([NEW])
    sealed = ring.seal_content("job-1", Private("your code is 123456"))

    assert ring.open_content("job-1", sealed).reveal() == "your code is 123456"
    with pytest.raises(SecretUnreadable, match="job-2"):
        ring.open_content("job-2", sealed)


def test_content_is_no_credential_even_under_the_same_name() -> None:
    ring = KeyRing([NEW])

    with pytest.raises(SecretUnreadable):
        ring.open_content("own", ring.seal("acme", "own", SECRET))


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ([], "at least one key"),
        (["short"], "key 1 of 1"),
        ([NEW, "not-a-key"], "key 2 of 2"),
        ([base64.urlsafe_b64encode(b"\xff" * 31).decode()], "32 bytes"),
    ],
    ids=["none", "short", "second of two", "31 bytes"],  # a random key in an id would differ between processes
)
def test_an_unusable_key_is_named_by_its_place_with_a_way_to_make_one(keys: list[str], problem: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        KeyRing(keys)

    assert problem in str(caught.value)
    assert "TRUNKLINE_SECRET_KEYS" in str(caught.value)
    assert "Fernet.generate_key" in str(caught.value)
    assert "not-a-key" not in str(caught.value)


def test_a_ring_says_which_of_its_keys_opens_something() -> None:
    ring = KeyRing([NEW, OLD])
    sealed_with = [KeyRing([key]).seal("acme", "own", SECRET) for key in (NEW, OLD, Fernet.generate_key().decode())]

    assert [ring.place(sealed) for sealed in sealed_with] == [1, 2, None]


@pytest.mark.parametrize("text", ["", "f1:", "f1:junk", "plain:{}", "f2:gAAAAA", "f1:\u00fc"])
def test_what_is_not_sealed_has_no_key(text: str) -> None:
    assert KeyRing([NEW]).place(text) is None


@given(job_id=st.text(max_size=64), content=st.text())
def test_what_is_sealed_anew_is_the_same_under_the_first_key(job_id: str, content: str) -> None:
    anew = KeyRing([NEW, OLD]).reseal(KeyRing([OLD]).seal_content(job_id, Private(content)))

    assert anew is not None
    assert KeyRing([NEW]).open_content(job_id, anew) == Private(content)


def test_what_the_first_key_sealed_is_not_sealed_anew() -> None:
    assert KeyRing([NEW, OLD]).reseal(KeyRing([NEW]).seal("acme", "own", SECRET)) is None


def test_what_no_key_opens_cannot_be_sealed_anew() -> None:
    with pytest.raises(SecretUnreadable):
        KeyRing([NEW]).reseal(KeyRing([OLD]).seal("acme", "own", SECRET))
