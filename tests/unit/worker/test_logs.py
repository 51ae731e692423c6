from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable, Iterator
from threading import Barrier, Thread

import pytest
import structlog

from trunkline_client.private import Recipient
from worker.logs import configure
from worker.settings import LogFormat


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_context() -> None:
    stream = io.StringIO()
    configure(LogFormat.JSON, "info", stream=stream)
    with structlog.contextvars.bound_contextvars(tenant="acme", job="j-1"):
        structlog.get_logger("trunkline.attempt").info("attempt.finished", attempt=1, code=None)
    (line,) = lines_of(stream)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "event": "attempt.finished",
        "level": "info",
        "logger": "trunkline.attempt",
        "tenant": "acme",
        "job": "j-1",
        "attempt": 1,
    }


def test_lines_of_libraries_have_the_same_form() -> None:
    stream = io.StringIO()
    configure(LogFormat.JSON, "info", stream=stream)
    logging.getLogger("some.library").warning("it is %s", "odd")
    (line,) = lines_of(stream)
    assert (line["event"], line["level"], line["logger"]) == ("it is odd", "warning", "some.library")


@pytest.mark.parametrize(("level", "written"), [("debug", 3), ("info", 2), ("WARNING", 1), ("error", 0)])
def test_events_below_the_level_are_not_written(level: str, written: int) -> None:
    stream = io.StringIO()
    configure(LogFormat.JSON, level, stream=stream)
    log = structlog.get_logger("trunkline.worker")
    log.debug("a")
    log.info("b")
    log.warning("c")
    assert len(lines_of(stream)) == written


def test_a_later_configuration_holds_for_loggers_that_exist() -> None:
    log = structlog.get_logger("trunkline.worker")
    for _ in range(2):
        stream = io.StringIO()
        configure(LogFormat.JSON, "info", stream=stream)
        log.info("a")
        assert len(lines_of(stream)) == 1


def test_an_exception_is_told_without_local_variables() -> None:
    stream = io.StringIO()
    configure(LogFormat.JSON, "info", stream=stream)
    code = str(493_817)
    try:
        [].pop(len(code))
    except IndexError:
        structlog.get_logger("trunkline.worker").exception("worker.failed")
    (line,) = lines_of(stream)
    assert (line["level"], "IndexError: pop from empty list" in str(line["exception"])) == ("error", True)
    assert code not in str(line)


@pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.PRETTY])
def test_a_private_value_stays_hidden(log_format: LogFormat) -> None:
    stream = io.StringIO()
    configure(log_format, "info", stream=stream)
    structlog.get_logger("trunkline.worker").info("a", to=Recipient("+14155552671"))
    assert "Recipient(***)" in stream.getvalue()
    assert "4155552671" not in stream.getvalue()


class Failing(io.StringIO):
    """Fails each write with `error`, and counts them."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error
        self.tried = 0

    def write(self, _: str) -> int:
        self.tried += 1
        raise self._error


def full() -> Failing:
    return Failing(OSError(28, "No space left on device"))


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        ValueError("I/O operation on closed file"),
        RuntimeError("reentrant call inside <_io.BufferedWriter>"),
    ],
    ids=["full", "closed", "a signal that logs in the middle of a write"],
)
def test_a_log_that_cannot_be_written_disturbs_nobody(error: Exception) -> None:
    stream = Failing(error)
    configure(LogFormat.JSON, "info", stream=stream)

    structlog.get_logger("trunkline.worker").error("a")

    assert stream.tried == 1


@pytest.mark.parametrize("text", ["task %(name)s failed", "task %(name)d failed"], ids=["no room", "no text"])
def test_a_line_that_is_lost_is_not_told_elsewhere(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    configure(LogFormat.JSON, "info", stream=full())
    logging.getLogger("some.library").error(text, {"name": "submit", "args": "your code is 493817"})
    assert capfd.readouterr().err == ""


class Interrupted(io.StringIO):
    """Lets others write in the middle of a line, as a pipe that is full does."""

    def write(self, text: str) -> int:
        for part in (text[:20], text[20:]):
            super().write(part)
            time.sleep(0.001)
        return len(text)


def test_lines_of_several_threads_stay_whole() -> None:
    stream, together = Interrupted(), Barrier(3)
    configure(LogFormat.JSON, "info", stream=stream)
    ours, theirs = structlog.get_logger("trunkline.worker"), logging.getLogger("some.library")

    def write(log: Callable[[str], None]) -> None:
        together.wait()
        for _ in range(5):
            log("a")

    threads = [Thread(target=write, args=(log,)) for log in (ours.info, ours.error, theirs.error)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [line["event"] for line in lines_of(stream)] == ["a"] * 15


@pytest.mark.parametrize("log_format", LogFormat)
def test_a_process_without_standard_error_works(
    log_format: LogFormat, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr", None)
    configure(log_format, "info")

    structlog.get_logger("trunkline.worker").error("a")

    assert capfd.readouterr() == ("", "")
