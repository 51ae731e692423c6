"""Every code leads to the documented fault: the expectations are written out here, apart from the code's own tables."""

from __future__ import annotations

import pytest

from providers.fault_table import CodeClass, FaultTable, Verdict, judge, table
from providers.faults import Fault, Outcome, Ruling
from providers.syniverse_faults import SYNIVERSE_FAULTS
from providers.syniverse_faults import classify as classify_syniverse
from providers.twilio_faults import TWILIO_FAULTS
from providers.twilio_faults import classify as classify_twilio

TWILIO_CODES: dict[Fault, str] = {
    Fault.AUTH: "20003 20006 20008 20403 20404 70051",
    Fault.ACCOUNT: "20005 10001 10002 90010",
    Fault.NUMBER: "21212 21601 21603 21606 21607 21616 21657 21659 21660 21661 21662 21663 21668 21264 21267 21210 "
    "21213 21701 21702 21703 21704 21705 21709 21711 21712 21612",
    Fault.RECIPIENT: "21211 21604 21201 21614 21635 21265 21268 21202 21214 21217 21608 21219 21266",
    Fault.UNSUBSCRIBED: "21610",
    Fault.GEO: "21408 21215 21203 21216",
    Fault.THROTTLED: "20429 21611 63038 63017 60728 10004 22005",
    Fault.BODY: "21602 21617 21605 21618 21619 21620 21621 21622 21623 21654 21655 21656 21658 32018 21205 21218",
    Fault.PARAMETER: "21609 21624 21626 21206 21208 21234 21220 21481 20007 20001",
}
TWILIO_UNKNOWN = "20500 20503 20504"
SYNIVERSE_CODES: dict[Fault, str] = {
    Fault.AUTH: "401 4010 403 4030 4046",
    Fault.ACCOUNT: "402 4020 4021",
    Fault.NUMBER: "40012 40013 40018 40019 4033 4034 4035 4036",
    Fault.RECIPIENT: "40024 40015",
    Fault.GEO: "4045",
    Fault.BODY: "1012 1023 4005 4006 4009 40010 40014 40016 40017 40025 40026 40027 40028 40029 "
    "40030 4031 4032 4037 4220",
    Fault.PARAMETER: "400 404 1020 4001 4002 4003 4004 4007 4008 40011 40020 40021 40022 40023 4040 4041 4043 "
    "1001 1011 4090",
}
SYNIVERSE_UNKNOWN = "5000 5001 5002 5003 5004 5030"


def rows(codes: dict[Fault, str]) -> list[tuple[str, Fault]]:
    return [(code, fault) for fault, listed in codes.items() for code in listed.split()]


@pytest.mark.parametrize(("code", "fault"), rows(TWILIO_CODES))
def test_a_code_of_twilio_leads_to_its_fault(code: str, fault: Fault) -> None:
    verdict = classify_twilio(400, {"code": int(code), "status": 400})
    assert verdict.ruling is not None
    assert (verdict.outcome, verdict.ruling.fault, verdict.code) == (Outcome.REFUSED, fault, code)


@pytest.mark.parametrize(("code", "fault"), rows(SYNIVERSE_CODES))
def test_a_code_of_syniverse_leads_to_its_fault(code: str, fault: Fault) -> None:
    verdict = classify_syniverse(400, {"error_code": f"SCG_ERROR_{code}"})
    assert verdict.ruling is not None
    assert (verdict.outcome, verdict.ruling.fault, verdict.code) == (Outcome.REFUSED, fault, code)


@pytest.mark.parametrize("status", [400, 500, 503])
@pytest.mark.parametrize("code", TWILIO_UNKNOWN.split())
def test_a_failure_inside_twilio_is_unknown_whatever_the_status(code: str, status: int) -> None:
    assert classify_twilio(status, {"code": int(code)}) == Verdict(Outcome.UNKNOWN, None, code)


@pytest.mark.parametrize("status", [400, 500, 503])
@pytest.mark.parametrize("code", SYNIVERSE_UNKNOWN.split())
def test_a_failure_inside_syniverse_is_unknown_whatever_the_status(code: str, status: int) -> None:
    assert classify_syniverse(status, {"error_code": code}) == Verdict(Outcome.UNKNOWN, None, code)


@pytest.mark.parametrize(
    ("faults", "codes", "unknown"),
    [(TWILIO_FAULTS, TWILIO_CODES, TWILIO_UNKNOWN), (SYNIVERSE_FAULTS, SYNIVERSE_CODES, SYNIVERSE_UNKNOWN)],
    ids=["twilio", "syniverse"],
)
def test_the_table_holds_these_codes_and_no_others(faults: FaultTable, codes: dict[Fault, str], unknown: str) -> None:
    assert set(faults) == {*" ".join(codes.values()).split(), *unknown.split()}


@pytest.mark.parametrize(
    ("code", "ruling"),
    [
        (20429, Ruling(Fault.THROTTLED, retry=True)),
        (21611, Ruling(Fault.THROTTLED, retry=True, another_number=True)),
        (63038, Ruling(Fault.THROTTLED)),
        (60728, Ruling(Fault.THROTTLED)),
        (21612, Ruling(Fault.NUMBER, another_number=True)),
        (21266, Ruling(Fault.RECIPIENT)),
        (21610, Ruling(Fault.UNSUBSCRIBED)),
        (21212, Ruling(Fault.NUMBER, another_number=True)),
        (20003, Ruling(Fault.AUTH)),
    ],
)
def test_a_code_says_what_is_allowed_next(code: int, ruling: Ruling) -> None:
    assert classify_twilio(429, {"code": code}).ruling == ruling


DEFAULTS = [
    (400, Fault.PARAMETER),
    (401, Fault.AUTH),
    (402, Fault.ACCOUNT),
    (403, Fault.AUTH),
    (404, Fault.PARAMETER),
    (409, Fault.PARAMETER),
    (413, Fault.PARAMETER),
    (429, Fault.THROTTLED),
    (451, Fault.PARAMETER),
]


@pytest.mark.parametrize("body", [None, {}, [], "refused", {"code": None}, {"code": 29_999_999_999}, {"code": True}])
@pytest.mark.parametrize(("status", "fault"), DEFAULTS)
def test_without_a_known_code_the_status_decides(status: int, fault: Fault, body: object) -> None:
    for verdict in (classify_twilio(status, body), classify_syniverse(status, body)):
        assert verdict.ruling is not None
        assert verdict.ruling.fault is fault


@pytest.mark.parametrize("status", [200, 201, 204, 302, 307, 500, 502, 503, 504, 599])
def test_what_is_no_clear_refusal_is_unknown(status: int) -> None:
    for verdict in (classify_twilio(status, {"code": 21211}), classify_syniverse(status, {"error_code": "4001"})):
        assert (verdict.outcome, verdict.ruling) == (Outcome.UNKNOWN, None)


@pytest.mark.parametrize(
    "body",
    [
        {"code": 21211},
        {"code": "21211"},
        {"code": " 21211 "},
        {"type": "https://www.twilio.com/docs/api/errors/21211", "title": "Bad", "status": 400},
        {"type": "https://www.twilio.com/docs/errors/21211/", "code": None},
        {"type": "about:blank", "code": 21211, "detail": "x", "instance": "/1", "errors": []},
    ],
)
def test_a_code_of_twilio_is_read_in_every_form(body: object) -> None:
    assert classify_twilio(400, body).code == "21211"


@pytest.mark.parametrize("given", ["SCG_ERROR_4046", "4046", 4046])
def test_a_code_of_syniverse_is_read_with_and_without_its_prefix(given: object) -> None:
    assert classify_syniverse(404, {"error_code": given}).code == "4046"


@pytest.mark.parametrize("code", ["The number +14155550100 is wrong", "x" * 41, "a\nb"])
def test_free_text_in_place_of_a_code_is_not_kept(code: str) -> None:
    assert classify_twilio(400, {"code": code}).code == "http_400"


def test_every_class_is_used_by_a_provider() -> None:
    used = {entry.code_class for faults in (TWILIO_FAULTS, SYNIVERSE_FAULTS) for entry in faults.values()}
    assert used == set(CodeClass)


def test_a_code_listed_twice_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="twice"):
        table({CodeClass.AUTH: {"1": "x"}, CodeClass.TO: {"1": "y"}}, {})


def test_an_unknown_code_is_kept_for_the_operator() -> None:
    assert judge(TWILIO_FAULTS, 400, "572005").code == "572005"
