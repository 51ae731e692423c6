"""A loopback server with one Twilio and one Syniverse account to verify, for tests of the command line."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.support.config_samples import ENVIRONMENT
from tests.support.sender_samples import ACCOUNT_SID

_TWILIO = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
_BOTH = {"sms": True, "voice": True, "mms": False, "fax": False}
_TOLL_FREE = [{"phone_number": "+18335550199", "capabilities": _BOTH}]
_CHANNELS = [{"id": "1KJPMkuHQkair"}, {"id": "2LKQNlviRlbjs"}]
_ANSWERS: dict[str, dict[str, Any]] = {
    f"{_TWILIO}.json": {"sid": ACCOUNT_SID, "status": "active", "friendly_name": "Acme"},
    f"{_TWILIO}/IncomingPhoneNumbers/TollFree.json": {"incoming_phone_numbers": _TOLL_FREE},
    f"{_TWILIO}/IncomingPhoneNumbers.json": {},
    f"{_TWILIO}/SMS/ShortCodes.json": {"short_codes": [{"short_code": "88022"}]},
    "/syniverse/messaging/channels": {"list": _CHANNELS, "limit": 50, "offset": 0, "total": 2},
    "/syniverse/messaging/sender_ids": {"list": [], "limit": 50, "offset": 0, "total": 0},
}
_REFUSAL = {"code": 20003, "message": "Authenticate", "status": 401, "more_info": ""}


@dataclass
class AccountsServer:
    """What the server knows: its port, the tokens it takes, and the paths it was asked for."""

    port: int = 0
    twilio_token: str = ENVIRONMENT["ACME_TWILIO_TOKEN"]
    asked: list[str] = field(default_factory=list)
    #: the account's ordinary numbers, in place of the one it has.
    numbers: list[str] = field(default_factory=lambda: ["+14155550100"])

    @property
    def environment(self) -> dict[str, str]:
        """The settings that lead to this server."""
        origin = f"http://127.0.0.1:{self.port}"
        return {
            "TRUNKLINE_TWILIO_API_URL": origin,
            "TRUNKLINE_TWILIO_MESSAGING_URL": origin,
            "TRUNKLINE_SYNIVERSE_API_URL": f"{origin}/syniverse",
        }


@contextmanager
def accounts_server() -> Iterator[AccountsServer]:
    """Run the server on a free loopback port."""
    state = AccountsServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            state.asked.append(path)
            basic = base64.b64encode(f"{ACCOUNT_SID}:{state.twilio_token}".encode()).decode()
            wanted = f"Bearer {ENVIRONMENT['ACME_SYNIVERSE_TOKEN']}" if "syniverse" in path else f"Basic {basic}"
            if self.headers["Authorization"] != wanted:
                self._answer(401, _REFUSAL)
            else:
                answer = _ANSWERS[path]
                if path == f"{_TWILIO}/IncomingPhoneNumbers.json":
                    own = [{"phone_number": one, "capabilities": _BOTH} for one in state.numbers]
                    answer = {"incoming_phone_numbers": [*own, *_TOLL_FREE]}
                self._answer(200, answer | {"next_page_uri": None})

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_port
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
