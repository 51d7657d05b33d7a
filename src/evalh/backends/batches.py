"""The Batch API of OpenAI: a file of requests goes up, and within 24 hours files of replies come down, at half the price.

One method is one call, with no memory of what was called before; what was done, and what has to be done again after a failure,
is known by `pipeline/batch.py`. The calls go through the openai SDK, which is imported when the first of them is made.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final

from evalh.backends.http_errors import error_of
from evalh.backends.json_body import decode, encode
from evalh.backends.light import CONNECT, SILENCE, TOTAL, untrusted
from evalh.backends.sdk import certificate_fault
from evalh.errors import BackendError, NotServed, ServerFault, TimedOut

ENDPOINT: Final = "/v1/chat/completions"
"""Where the lines of a batch go, whatever the address of the API itself."""
WINDOW: Final = "24h"
MARK: Final = "evalh"
"""The name in a batch's metadata under which it carries our own name of it."""
ENDED: Final = ("completed", "failed", "expired", "cancelled")


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch as the API shows it; `faults` is what it found wrong with the whole of it."""

    id: str
    status: str
    total: int = 0
    done: int = 0
    failed: int = 0
    output: str | None = None
    errors: str | None = None
    faults: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in ENDED


class BatchService:
    """The calls that a batch takes. Every one raises BackendError by class; nothing is tried again here.

    Args:
        endpoint: the address, as for a chat request.
        headers: likewise; they may hold the key.
        query: likewise.
        clean: takes credentials out of what a server says.
    """

    def __init__(
        self, endpoint: str, headers: Mapping[str, str], query: Mapping[str, str], clean: Callable[[bytes], bytes]
    ) -> None:
        import openai

        self._sdk = openai
        self._where = endpoint
        self._clean = clean
        omit = openai.Omit()
        # The organization and project of the SDK's own variables are left out: a live request does not carry them either.
        sent: dict[str, Any] = {"OpenAI-Organization": omit, "OpenAI-Project": omit, **headers}
        named = {name.lower() for name in headers}
        # The SDK insists on a key, or on being told with each call that there is none.
        self._extra: Any = {} if "authorization" in named else {"Authorization": omit}
        self._client = openai.AsyncOpenAI(
            api_key="none",
            base_url=endpoint,
            max_retries=0,
            default_headers=sent,
            default_query=dict(query),
            # A redirect is not followed: the headers may hold a key under a name of their own.
            http_client=openai.DefaultAsyncHttpxClient(
                follow_redirects=False, timeout=openai.Timeout(TOTAL, connect=CONNECT, read=SILENCE)
            ),
        )

    async def upload(self, name: str, content: IO[bytes]) -> str:
        """Put a file of requests up; its id."""
        with self._faults():
            found = await self._client.files.create(
                file=(name, content, "application/jsonl"), purpose="batch", extra_headers=self._extra
            )
            return _id(found)

    async def create(self, file: str, mark: str) -> BatchState:
        """Start a batch over an uploaded file; it carries `mark`, by which `find` knows it again."""
        with self._faults():
            made = await self._client.batches.create(
                completion_window=WINDOW,
                endpoint=ENDPOINT,
                input_file_id=file,
                metadata={MARK: mark},
                extra_headers=self._extra,
            )
            return _state(made)

    async def find(self, mark: str) -> BatchState | None:
        """The batch that carries this mark, among all there are."""
        with self._faults():
            async for batch in self._client.batches.list(limit=100, extra_headers=self._extra):
                if isinstance(batch.metadata, dict) and batch.metadata.get(MARK) == mark:
                    return _state(batch)
        return None

    async def look(self, batch: str) -> BatchState:
        """How far a batch has come."""
        with self._faults():
            return _state(await self._client.batches.retrieve(batch, extra_headers=self._extra))

    async def lines(self, file: str) -> AsyncGenerator[bytes, None]:
        """The lines of a file of replies, as they come down."""
        rest = b""
        with self._faults():
            async with self._client.files.with_streaming_response.content(file, extra_headers=self._extra) as reply:
                async for part in reply.iter_bytes(1 << 16):  # not iter_lines, which also parts a line at U+2028
                    *whole, rest = (rest + part).split(b"\n")
                    for line in whole:
                        if line.strip():
                            yield line
        if rest.strip():
            yield rest

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        """The SDK's errors -> ours."""
        sdk = self._sdk
        try:
            yield
        except sdk.APIStatusError as error:
            raise self._of_status(error) from None
        except sdk.APITimeoutError:
            raise TimedOut(f"{self._where} sent no complete reply in time") from None
        except sdk.APIConnectionError as error:
            fault = certificate_fault(error)
            if fault is not None:
                raise untrusted(self._where, fault) from None
            raise ServerFault(f"{self._where} cannot be reached ({error.__cause__ or error})") from None
        except (sdk.OpenAIError, ValueError, AttributeError) as error:
            raise ServerFault(f"{self._where} sent a reply that is not of the Batch API ({type(error).__name__})") from None
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in ("httpx", "httpx2"):  # which of them depends on the SDK's major
                raise
            raise ServerFault(f"{self._where}: the connection broke ({type(error).__name__})") from None

    def _of_status(self, error: Any) -> BackendError:
        status, response = error.response.status_code, error.response
        body = response.content if response.is_stream_consumed else b""
        headers = {k.lower(): v for k, v in response.headers.items()}
        if status in (404, 405) and response.request.method == "POST":
            return NotServed(
                f"{self._where} has no Batch API (HTTP {status}); leave --batch out for what is asked there", status=status
            )
        return error_of(status, self._clean(body), headers, f"the Batch API at {self._where}")


@dataclass(frozen=True, slots=True)
class LineReply:
    """What became of one request of a batch: a response with its status, or `lost` and why."""

    key: str
    status: int
    body: bytes
    request_id: str | None = None
    lost: str = ""


def line(key: str, body: bytes) -> bytes:
    """One request as a line of the file that goes up.

    Args:
        key: by which its reply will be known; without anything that JSON would escape.
        body: of the request, as JSON.
    """
    return b'{"custom_id":"%b","method":"POST","url":"%b","body":%b}\n' % (key.encode(), ENDPOINT.encode(), body)


def read_line(data: bytes) -> LineReply:
    """One line of a file of replies. Raises ServerFault where it is none."""
    try:
        row = decode(data)
        key, response, error = str(row["custom_id"]), row.get("response"), row.get("error") or {}
        if response is None:
            return LineReply(key, 0, b"", None, f"{error.get('message') or 'no reason given'} ({error.get('code')})")
        name = response.get("request_id")
        return LineReply(key, int(response["status_code"]), encode(response["body"]), name if isinstance(name, str) else None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ServerFault("a file of replies holds a line that is none: it came incomplete") from None


def _id(found: Any) -> str:
    if not isinstance(found.id, str) or not found.id:
        raise ValueError("no id")
    return str(found.id)


def _state(batch: Any) -> BatchState:
    counts = batch.request_counts
    faults = (batch.errors.data or []) if batch.errors is not None else []
    return BatchState(
        id=_id(batch),
        status=str(batch.status),
        total=(counts.total or 0) if counts is not None else 0,
        done=(counts.completed or 0) if counts is not None else 0,
        failed=(counts.failed or 0) if counts is not None else 0,
        output=batch.output_file_id,
        errors=batch.error_file_id,
        faults=tuple(dict.fromkeys(_said(fault) for fault in faults)),
    )


def _said(fault: Any) -> str:
    line = f"line {fault.line}: " if fault.line is not None else ""
    return f"{line}{fault.message or 'no reason given'}" + (f" ({fault.code})" if fault.code else "")
