"""The Batch API: files go up, lines run against the fake chat endpoint, output comes back in another order.

A batch moves only when it is polled (or, with ``stage_seconds``, when it is
polled late enough), so a test decides how far it gets.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson

from . import errors
from .faults import draw
from .wire import Reply, Request

if TYPE_CHECKING:
    from .app import App

_PATH = re.compile(r"/(files|batches)(?:/([^/]+))?(?:/(content|cancel))?$")
_NAME = re.compile(rb'\bname="([^"]*)"')
_FILENAME = re.compile(rb'\bfilename="([^"]*)"')
_ENDED = ("completed", "failed", "expired", "cancelled")
_ENDPOINT = "/v1/chat/completions"
_EPOCH = 1_700_000_000
_LOST = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed because the batch was cancelled."),
}


class Job:
    """One batch: its lines, what became of them, and the object that the API shows."""

    def __init__(self, shown: dict[str, Any], lines: list[dict[str, Any]], faults: list[dict[str, Any]], outcome: str) -> None:
        """Start in validating."""
        self.shown = shown
        self.lines = lines
        self.faults = faults
        self.outcome = outcome
        self.polls = 0
        self.since = time.monotonic()
        self.good: list[bytes] = []
        self.bad: list[bytes] = []

    def enter(self, status: str, at: float) -> None:
        """Go to another stage; the clock shown counts stages, so that runs are alike."""
        self.shown["status"] = status
        self.polls, self.since = 0, at
        self.shown["_tick"] = tick = self.shown["_tick"] + 1
        self.shown[f"{status}_at"] = _EPOCH + tick


class BatchQueue:
    """All files and batches of one server."""

    def __init__(self, app: App) -> None:
        """Start empty."""
        self.app = app
        self.files: dict[str, tuple[dict[str, Any], bytes]] = {}
        self.jobs: dict[str, Job] = {}

    def handle(self, request: Request) -> Reply:
        """Answer a request about files or batches; 404 for any other path."""
        found = _PATH.search(request.path)
        if found is None:
            return errors.failure(404, f"Invalid URL ({request.method} {request.path})", "invalid_request_error")
        kind, name, action = found.group(1), found.group(2) or "", found.group(3)
        what = f"{request.method} {kind}{' one' if name else ''}{' ' + action if action else ''}"
        known: dict[str, Any] = self.files if kind == "files" else self.jobs
        if name and name not in known:
            return errors.failure(404, f"No such {kind} object: {name}", "invalid_request_error", "id")
        if what == "POST files":
            return self._upload(request)
        if what == "POST batches":
            return self._create(request)
        if what == "GET files one content":
            return Reply(200, self.files[name][1], "application/octet-stream")
        result = self._simple(what, name, request.query)
        if result is None:
            return errors.failure(405, f"Not allowed to {request.method} here.", "invalid_request_error")
        return Reply(200, orjson.dumps(result))

    def _simple(self, what: str, name: str, query: str) -> dict[str, Any] | None:
        if what == "GET files":
            purpose = parse_qs(query).get("purpose", [""])[0]
            rows = [shown for shown, _ in self.files.values() if not purpose or shown["purpose"] == purpose]
            return _page(rows[::-1], query)
        if what == "GET files one":
            return self.files[name][0]
        if what == "DELETE files one":
            del self.files[name]
            return {"id": name, "object": "file", "deleted": True}
        if what == "GET batches":
            return _page([_public(job) for job in self.jobs.values()][::-1], query)
        if what == "GET batches one":
            self._poll(self.jobs[name])
            return _public(self.jobs[name])
        if what == "POST batches one cancel":
            self._cancel(self.jobs[name])
            return _public(self.jobs[name])
        return None

    # Files.

    def _upload(self, request: Request) -> Reply:
        parts = _multipart(request)
        if "file" not in parts:
            return errors.invalid("'file' is a required property", "file")
        purpose = parts.get("purpose", ("", b""))[1].decode("utf-8", "replace")
        if purpose != "batch":
            return errors.invalid(f"'{purpose}' is not one of ['batch'] - 'purpose'", "purpose")
        filename, content = parts["file"]
        return Reply(200, orjson.dumps(self._store(content, filename or "upload.jsonl", purpose)))

    def _store(self, content: bytes, filename: str, purpose: str) -> dict[str, Any]:
        number = len(self.files) + 1
        shown: dict[str, Any] = {
            "id": f"file-fake{number:06d}",
            "object": "file",
            "bytes": len(content),
            "created_at": _EPOCH,
            "expires_at": None,
            "filename": filename,
            "purpose": purpose,
            "status": "processed",
            "status_details": None,
        }
        self.files[shown["id"]] = (shown, content)
        return shown

    # Batches.

    def _create(self, request: Request) -> Reply:
        try:
            asked = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return errors.invalid("We could not parse the JSON body of your request.")
        if asked.get("input_file_id") not in self.files:
            return errors.invalid(f"File not found: {asked.get('input_file_id')}", "input_file_id")
        if asked.get("endpoint") != _ENDPOINT or asked.get("completion_window") != "24h":
            return errors.invalid(f"Only endpoint {_ENDPOINT} with completion_window 24h is supported here.", "endpoint")
        number = len(self.jobs) + 1
        settings = self.app.settings.batch
        outcome = settings.outcomes[min(number, len(settings.outcomes)) - 1]
        lines, faults = _validated(self.files[asked["input_file_id"]][1], settings.max_lines)
        if outcome == "failed" and not faults:
            faults = [{"code": settings.fail_code, "line": None, "message": "The batch was refused.", "param": None}]
        if settings.max_waiting and not faults and len(lines) + self._waiting(lines) > settings.max_waiting:
            faults = [{"code": "token_limit_exceeded", "line": None, "message": "Too much is enqueued.", "param": None}]
        shown = {
            "id": f"batch_fake{number:06d}",
            "object": "batch",
            "endpoint": _ENDPOINT,
            "errors": None,
            "input_file_id": asked["input_file_id"],
            "completion_window": "24h",
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": _EPOCH,
            "expires_at": _EPOCH + 86_400,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "metadata": asked.get("metadata"),
            **{f"{stage}_at": None for stage in ("in_progress", "finalizing", "cancelling", *_ENDED)},
            "_tick": 0,
        }
        job = self.jobs[shown["id"]] = Job(shown, lines, faults, outcome)
        # The service works through a batch in an order of its own.
        seed = self.app.settings.seed
        job.lines.sort(key=lambda line: draw(seed, b"order", line["custom_id"].encode(), number))
        return Reply(200, orjson.dumps(_public(job)))

    def _waiting(self, lines: list[dict[str, Any]]) -> int:
        """How many lines of the same model are in batches that have not ended."""
        alive = [job for job in self.jobs.values() if job.shown["status"] not in _ENDED and not job.faults]
        return sum(len(job.lines) for job in alive if job.lines[0]["body"]["model"] == lines[0]["body"]["model"])

    def _poll(self, job: Job) -> None:
        settings = self.app.settings.batch
        while (
            job.shown["status"] not in _ENDED
            and job.polls >= settings.polls
            and time.monotonic() - job.since >= settings.stage_seconds
        ):
            self._advance(job, max(job.since + settings.stage_seconds, 0.0))
        job.polls += 1

    def _advance(self, job: Job, at: float) -> None:
        status = job.shown["status"]
        share = self.app.settings.batch.done_share
        if status == "validating" and job.faults:
            job.shown["errors"] = {"object": "list", "data": job.faults}
            job.enter("failed", at)
        elif status == "validating":
            job.shown["request_counts"]["total"] = len(job.lines)
            job.enter("in_progress", at)
            self._run(job, int(len(job.lines) * share))
        elif status == "in_progress" and job.outcome == "expired":
            self._end(job, "expired", at)
        elif status == "in_progress":
            self._run(job, len(job.lines))
            job.enter("finalizing", at)
        elif status == "finalizing":
            self._end(job, "completed", at)
        else:
            self._end(job, "cancelled", at)

    def _cancel(self, job: Job) -> None:
        if job.shown["status"] not in (*_ENDED, "cancelling"):
            job.enter("cancelling", time.monotonic())

    def _run(self, job: Job, upto: int) -> None:
        """Answer lines until so many are done."""
        while (done := len(job.good) + len(job.bad)) < min(upto, len(job.lines)):
            line = job.lines[done]
            reply = self.app.chat.answer(line["body"], line["url"], where="batch")
            try:
                body = orjson.loads(reply.body)
            except orjson.JSONDecodeError:
                body = None
            if body is None or reply.delivery not in ("plain", "drip"):
                reply.status = 500
                body = {"error": {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}}
            self.app.stats.bill_line(reply)
            request_id = f"batch_req_{reply.digest.hex()[:16]}"
            response = {"status_code": reply.status, "request_id": request_id, "body": body}
            row = _row(request_id, line["custom_id"], response, None)
            (job.good if reply.status == 200 else job.bad).append(row)
        job.shown["request_counts"].update(completed=len(job.good), failed=len(job.bad))

    def _end(self, job: Job, status: str, at: float) -> None:
        """Write the files of a batch that is over; lines never run are errors."""
        for line in job.lines[len(job.good) + len(job.bad) :]:
            code, message = _LOST[status]
            custom_id = line["custom_id"]
            job.bad.append(_row(f"batch_req_lost_{custom_id}", custom_id, None, {"code": code, "message": message}))
        counts = {"total": len(job.lines), "completed": len(job.good), "failed": len(job.bad)}
        job.shown["request_counts"].update(counts)
        for kind, rows in (("output", job.good), ("error", job.bad)):
            if rows:
                name = f"{job.shown['id']}_{kind}.jsonl"
                job.shown[f"{kind}_file_id"] = self._store(b"".join(rows), name, "batch_output")["id"]
        job.enter(status, at)


def _row(name: str, custom_id: str, response: dict[str, Any] | None, error: dict[str, Any] | None) -> bytes:
    return orjson.dumps({"id": name, "custom_id": custom_id, "response": response, "error": error}) + b"\n"


def _public(job: Job) -> dict[str, Any]:
    return {name: value for name, value in job.shown.items() if not name.startswith("_")}


def _page(rows: list[dict[str, Any]], query: str) -> dict[str, Any]:
    """Return one page of a list, newest first."""
    asked = parse_qs(query)
    after = asked.get("after", [""])[0]
    names = [row["id"] for row in rows]
    start = names.index(after) + 1 if after in names else 0
    limit = int(asked.get("limit", ["20"])[0])
    page = rows[start : start + limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(rows) > start + limit,
    }


def _validated(content: bytes, most: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the lines of an input file and what the service finds wrong with them."""
    lines: list[dict[str, Any]] = []
    faults: list[dict[str, Any]] = []
    seen: set[str] = set()
    models: set[str] = set()

    def fault(code: str, number: int | None, message: str) -> None:
        faults.append({"code": code, "line": number, "message": message, "param": None})

    for number, raw in enumerate(content.splitlines(), 1):
        try:
            line = orjson.loads(raw)
            custom_id, url, model = str(line["custom_id"]), line["url"], line["body"]["model"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            fault("invalid_json_line", number, "This line is not parseable as a valid request.")
            continue
        if custom_id in seen:
            fault("duplicate_custom_id", number, f"The custom_id '{custom_id}' was used before.")
        elif url != _ENDPOINT or line.get("method") != "POST":
            fault("invalid_url", number, f"Expected POST {_ENDPOINT}.")
        seen.add(custom_id)
        models.add(model)
        lines.append(line)
    if not lines and not faults:
        fault("empty_file", None, "The input file is empty.")
    if len(models) > 1:
        fault("mismatched_model", None, "All requests of a batch must name the same model.")
    if len(lines) > most:
        fault("too_many_tasks", None, f"A batch holds at most {most} requests.")
    return lines, faults


def _multipart(request: Request) -> dict[str, tuple[str, bytes]]:
    """Return the parts of a multipart form by name: file name and content."""
    kind = request.headers.get(b"content-type", b"")
    _, _, boundary = kind.partition(b"boundary=")
    boundary = boundary.split(b";")[0].strip(b' "')
    parts = {}
    if boundary:
        for piece in (b"\r\n" + request.body).split(b"\r\n--" + boundary)[1:]:
            head, _, content = piece.partition(b"\r\n\r\n")
            name, filename = _NAME.search(head), _FILENAME.search(head)
            if name is not None:
                shown = filename.group(1).decode("utf-8", "replace") if filename else ""
                parts[name.group(1).decode()] = (shown, content)
    return parts
