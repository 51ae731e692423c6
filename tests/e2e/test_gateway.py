"""A tenant whose messages leave through a gateway of its own: applied, sent, and in the gateway's ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from providers.simulators.faults import FaultKind, FaultPlan
from tests.support.system import ACME_SID, SYNIVERSE, TOKENS, System, running
from trunkline_client.words import OnUnknown

pytestmark = pytest.mark.e2e

CODE = "593816"


def configuration(base_url: str) -> str:
    gateway = f"{base_url}/gateway/gateway"
    return f"""
tenants:
  hooli:
    default_chain: [hooli-gateway, hooli-syniverse]
    senders:
      hooli-gateway:
        kind: gateway
        name: Hooli's own gateway
        consent: {{by: ops@hooli.example}}
        channels: [sms, voice]
        authentication:
          method: OAUTH2
          auth_url: {gateway}/token
          client_id: gateway
          client_secret: ${{GATEWAY_TOKEN}}
        requests:
          - channel: SMS
            method: POST
            url: {gateway}/sms?otp=${{otp}}&brand=${{brand}}
            headers: {{content-type: application/json}}
            body: '{{"to": "${{to}}", "message": "${{message}}", "from": "${{user.username}}"}}'
          - channel: VOICE
            method: GET
            url: {gateway}/voice?to=${{to}}&message=${{message}}
            number_format: NUMBER_ONLY
            before_tag: <d>
            after_tag: </d>
      hooli-syniverse:
{SYNIVERSE}
  umbrella:
    default_chain: [umbrella-twilio, umbrella-gateway]
    senders:
      umbrella-twilio:
        kind: twilio
        name: Umbrella
        account_sid: {ACME_SID}
        auth_token: ${{ACME_TOKEN}}
        consent: {{by: ops@umbrella.example}}
        channels: [sms]
        numbers: [{{number: "+12015550100"}}]
      umbrella-gateway:
        kind: gateway
        name: Fallback gateway
        consent: {{by: ops@umbrella.example}}
        channels: [sms]
        authentication: {{method: BASIC, username: gateway, password: "${{GATEWAY_TOKEN}}"}}
        requests:
          - {{channel: sms, method: GET, url: "{gateway}/sms?to=${{to}}&message=${{message}}&from=${{from}}"}}
        numbers:
          - {{number: "+14155550177", type: PHONE_NUMBER, capabilities: [SMS]}}
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("gateway"), TRUNKLINE_GATEWAY_PRIVATE_HOSTS="127.0.0.1") as system:
        system.apply(configuration(system.environment["TRUNKLINE_TWILIO_API_URL"]))
        system.start_worker().wait_ready()
        yield system


@pytest.fixture(autouse=True)
def _no_faults(system: System) -> None:
    system.control.clear_faults()


def test_an_sms_leaves_through_the_gateway_with_its_variables(system: System) -> None:
    job = system.client.send_sms(
        tenant="hooli",
        to="+12015553001",
        body=f'"Hi" & your code is {CODE}',
        user="jo@hooli.example",
        metadata={"brand": "Hooli & Co"},
    )

    status = system.outcome(job.id)

    (entry,) = system.accepted("+12015553001")
    assert (status["state"], status["sender"], status["account"]) == ("sent", "hooli-gateway", "hooli-gateway")
    assert status["provider_id"] == f"{job.id}.a1"
    assert (entry.body, entry.sender) == (f'"Hi" & your code is {CODE}', "jo@hooli.example")


def test_a_call_has_its_code_between_tags(system: System) -> None:
    job = system.client.send_voice(tenant="hooli", to="+12015553002", body="Your code is 4815")

    assert system.outcome(job.id)["state"] == "sent"
    (entry,) = system.accepted("+12015553002")
    assert (entry.channel, entry.body) == ("voice", "Your code is <d>4</d><d>8</d><d>1</d><d>5</d>")


def test_a_gateway_can_be_the_fallback_and_name_its_number(system: System) -> None:
    system.refuse("+12015553003", 21606)
    job = system.client.send_sms(tenant="umbrella", to="+12015553003", body="Hello")

    status = system.outcome(job.id)

    (entry,) = system.accepted("+12015553003")
    assert (status["state"], status["sender"], entry.sender) == ("sent", "umbrella-gateway", "+14155550177")


def test_a_gateway_that_refuses_gives_way_to_the_next_sender(system: System) -> None:
    system.control.arm(FaultPlan(kind=FaultKind.ANSWER, provider="gateway", path="*/sms", status=400))
    job = system.client.send_sms(tenant="hooli", to="+12015553004", body="Hello")

    status = system.outcome(job.id)

    assert (status["state"], status["sender"]) == ("sent", "hooli-syniverse")
    assert [attempt["fault"] for attempt in status["attempts"]] == ["parameter", None]


def test_a_gateway_whose_answer_is_lost_is_not_asked_and_the_job_says_it_may_be_sent_twice(system: System) -> None:
    system.control.arm(FaultPlan(kind=FaultKind.RESET, accept_first=True, provider="gateway", path="*/sms", times=1))
    job = system.client.send_sms(tenant="hooli", to="+12015553005", body="Hello", on_unknown=OnUnknown.RECONCILE)

    status = system.outcome(job.id)

    assert (status["state"], status["sender"], status["maybe_twice"]) == ("sent", "hooli-syniverse", True)
    assert [entry.provider for entry in system.accepted("+12015553005")] == ["gateway", "syniverse"]


def test_the_choice_of_a_gateway_can_be_explained(system: System) -> None:
    told = json.loads(
        system.run("explain", "--tenant", "hooli", "--channel", "sms", "--to", "+12015553006", "--json").stdout
    )

    assert (told["sender"], told["number"], told["candidates"]) == ("hooli-gateway", "hooli-gateway", ["hooli-gateway"])


def test_the_same_file_again_changes_nothing_and_another_secret_is_refused(system: System) -> None:
    file = str(system.folder / "tenants.yaml")

    assert "No changes." in system.run("apply", file, "--yes").stdout
    refused = system.run("apply", file, "--yes", GATEWAY_TOKEN="other")
    assert refused.returncode == 1
    assert "authentication.client_secret: is a credential and cannot change" in refused.stderr


def test_without_the_setting_the_file_is_refused(system: System) -> None:
    refused = system.run(
        "apply", str(system.folder / "tenants.yaml"), "--yes", TRUNKLINE_GATEWAY_PRIVATE_HOSTS="10.0.0.0/8"
    )

    assert refused.returncode == 1
    assert "requests[0].url: URL must be a valid HTTPS URL" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_nothing_private_of_a_gateway_is_printed_or_kept(system: System) -> None:
    printed = "".join(worker.output for worker in system.workers)
    kept = system.redis_contents()

    for secret in (TOKENS["GATEWAY_TOKEN"], CODE, "+12015553001", "jo@hooli.example", "Hooli & Co"):
        assert secret not in printed
        assert secret not in kept
