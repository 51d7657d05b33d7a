"""The only place that asks: requests go to the ledger first, then to the wire.

Which units are at work, and how many of their requests are in flight, is the scheduler's business (`scheduler.py`); what
happens to one request stands here. Retrying is decided by the error's class (`errors.py`) and happens here alone.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from evalh.core.config import Limits, Price
from evalh.core.ledger import Ledger
from evalh.core.ledger_rows import Paid, request_key
from evalh.core.protocols import RawBackend
from evalh.core.records import Completion, Request
from evalh.errors import (
    BackendError,
    BatchPending,
    BudgetReached,
    EndsRun,
    Expired,
    Incomplete,
    ModelChanged,
    RateLimited,
    ServerFault,
    TransientError,
    Unreachable,
)
from evalh.pipeline.asking import FIRST_DELAY, LONGEST_DELAY, NEVER_ANSWERED, Target
from evalh.pipeline.budget import Budget, worst_case
from evalh.pipeline.scheduler import Scheduler, Slot, Tally

if TYPE_CHECKING:
    from evalh.pipeline.asking import Batches

DEADLINE: Final = 600.0  # seconds that one request may take, all tries together
ELSEWHERE: Final = 0.05  # seconds between looks at a request that another process is sending


class Engine(Scheduler):
    """A scheduler whose units have requests. One per run.

    Args:
        ledger: where responses are sought and stored.
        run: the run's id, noted beside what it pays for.
        concurrency: requests in flight at the most, over all endpoints.
        limits: what each endpoint allows, by its address.
        offline: answer from the ledger alone.
        fresh: the token of a run that asks again for what the ledger holds already.
        budget: what may be spent; by default any amount.
        served: label -> the model that has answered for it in this run so far.
        accept_model_change: go on when another model answers for a label.
        log: told about every retry and its reason.
        seed: of the jitter of retry delays.
    """

    def __init__(
        self,
        ledger: Ledger,
        run: str,
        concurrency: int = 16,
        limits: Mapping[str, Limits] | None = None,
        *,
        offline: bool = False,
        fresh: str | None = None,
        budget: Budget | None = None,
        served: Mapping[str, str] | None = None,
        accept_model_change: bool = False,
        log: Callable[[str], None] = lambda _: None,
        seed: int | None = None,
    ) -> None:
        super().__init__(concurrency, limits)
        self.ledger = ledger
        self.run = run
        self.offline = offline
        self.fresh = fresh
        self.budget = budget or Budget(None)
        self.served = dict(served or {})
        self.seen: dict[str, dict[tuple[str | None, str | None], None]] = {}
        self.gaps: set[str] = set()
        self._accept = accept_model_change
        self._asking: dict[str, asyncio.Future[None]] = {}
        self._log = log
        self._random = random.Random(seed)

    def recover(self, targets: Mapping[str, Target]) -> None:
        """Note the cost of replies that were stored for this run when the process died before they were read."""
        for key, label, stage, raw in self.ledger.unaccounted(self.run):
            if label in targets:
                try:
                    completion = targets[label].backend.read(raw)
                except ServerFault as error:
                    self.ledger.fail(key, label, stage, self.run, error.kind, str(error), raw.body)
                else:
                    self.account(key, targets[label], stage, completion)

    async def ask(self, slot: Slot, target: Target, request: Request, stage: str) -> Completion:
        """The reply to a request: from the ledger if it was ever paid for, else from the wire.

        Raises:
            BackendError: the request can't succeed, or did not within its deadline.
            Incomplete: --offline, and the ledger does not hold it.
        """
        if not target.backend.paid:
            completion: Completion = await target.backend.generate(request)
            return completion
        key = request_key(target.backend.identity, request, self.fresh)
        while (twin := self._asking.get(key)) is not None:  # the same request is on its way already: pay once
            slot.release()
            with self._idle():
                await asyncio.shield(twin)
        found = self._cached(key, target, stage)
        if found is not None:
            return found
        if self.offline:
            self.gaps.add(key)
            raise Incomplete(f"{stage} {target.label}, question {request.question_id}: not in the ledger")
        self._asking[key] = asyncio.get_running_loop().create_future()
        try:
            return await self._claimed(slot, target, request, stage, key)
        finally:
            self._asking.pop(key).set_result(None)

    def _cached(self, key: str, target: Target, stage: str) -> Completion | None:
        raw = self.ledger.get(key)
        if raw is None:
            return None
        try:
            completion: Completion = target.backend.read(raw)
        except ServerFault as error:  # stored, and the process died before it was found to be useless
            self.ledger.fail(key, target.label, stage, self.run, error.kind, str(error), raw.body)
            return None
        self._check_served(target, completion)
        self.tally.cached += raw.run != self.run
        return completion

    async def _claimed(self, slot: Slot, target: Target, request: Request, stage: str, key: str) -> Completion:
        """Send a request unless another process is about to; then wait for what it gets."""
        if self.batches is not None:
            slot.release()  # who waits for a batch is not in anybody's way
        pause = ELSEWHERE
        while not await self.ledger.claim(key):
            slot.release()
            with self._idle():
                if self.batches is not None:
                    await self.batches.elsewhere(key, pause)
                    pause = min(LONGEST_DELAY, 2 * pause)
                else:
                    await self._check_pending(key)
                    await asyncio.sleep(pause)
            found = self._cached(key, target, stage)
            if found is not None:
                return found
        try:
            return self._cached(key, target, stage) or await self._send(slot, target, request, stage, key)
        finally:
            self.ledger.release(key)

    async def _send(self, slot: Slot, target: Target, request: Request, stage: str, key: str) -> Completion:
        """Try until a reply can be read, the error says that trying is in vain, or time is up."""
        began = 0.0
        tries = 0
        while True:
            aside = await self._afford(slot, target, request)
            tries += 1
            try:
                if self.batches is not None:
                    return await self._try_in_batch(self.batches, target, request, stage, key, tries, aside)
                await slot.acquire()
                began = began or time.monotonic()  # to wait for one's turn is no failure
                return await self._try(slot, target, request, stage, key, tries, aside)
            except TransientError as error:
                self._journal(key, target, stage, error, None if _free(error) else aside)
                delay = self._delay(error, tries)
                if self.stopping:
                    raise
                if self.batches is not None:
                    if tries >= self.batches.most_tries:
                        raise
                elif time.monotonic() - began + delay > (DEADLINE if slot.gate.answered else NEVER_ANSWERED):
                    if slot.gate.answered:
                        raise
                    hint = "and nothing has ever answered there in this run: is the server up, and the address right?"
                    raise Unreachable(f"{error}, {hint}") from None
                self.tally.retries += 1
                self._log(f"{stage} {target.label}, question {request.question_id}: {error}; try {tries + 1} in {delay:.1f} s")
                with self._idle(blocked=False):
                    await asyncio.sleep(delay)
            except BackendError as error:
                self._journal(key, target, stage, error)
                raise

    async def _try(
        self, slot: Slot, target: Target, request: Request, stage: str, key: str, tries: int, aside: float
    ) -> Completion:
        """One request on the wire, its reply committed before anything is read from it."""
        backend: RawBackend = target.backend
        self.tally.sent += 1
        actual = aside  # until more is known: it may have been charged for
        try:
            slot.gate.tokens(sum(len(m["content"]) for m in request.messages) / 4)
            raw = await backend.send(request)
            now = time.monotonic()
            slot.gate.answered = True
            slot.gate.note(True, now)
            slot.gate.learn(raw.headers, now)
            await self.ledger.commit(Paid(key, raw, target.label, target.endpoint, _model(target), stage, self.run, tries))
            slot.release()  # not before: whatever dies, no more is paid twice than may be in flight
            await self.behind()
            try:
                completion = backend.read(raw)
            except ServerFault as error:
                error.body = raw.body
                raise
            actual = self.account(key, target, stage, completion, aside)
            slot.gate.tokens((completion.usage.output_tokens or 0) if completion.usage else 0)
            self._check_served(target, completion)
            return completion
        except BackendError as error:
            now = time.monotonic()
            slot.gate.answered = slot.gate.answered or error.status is not None
            slot.gate.note(not _overload(error), now)
            if error.status is not None:  # refused with a status: not charged for
                actual = 0.0
            if isinstance(error, EndsRun):
                self.stopping = True  # before the slot is free: nothing more is sent
            raise
        finally:
            slot.release()
            self.budget.settle(aside, actual)

    async def _try_in_batch(
        self, batches: Batches, target: Target, request: Request, stage: str, key: str, tries: int, aside: float
    ) -> Completion:
        """One request in a batch; its reply has been committed when it arrives here."""
        self.tally.sent += 1
        actual = aside
        try:
            with self._idle():
                raw, actual = await batches.send(target, request, stage, key, tries, aside)
            try:
                completion: Completion = target.backend.read(raw)
            except ServerFault as error:
                error.body = raw.body
                raise
            self._check_served(target, completion)
            return completion
        except BackendError as error:
            if _free(error):
                actual = 0.0
            raise
        finally:
            self.budget.settle(aside, actual)

    async def _check_pending(self, key: str) -> None:
        """Refuse to wait in silence, perhaps for a day, for a request that is in a batch."""
        intent = self.ledger.pending(key)
        if intent is None:
            return
        mine = await self.ledger.claim_batch(intent)
        row = self.ledger.batch(intent)
        if mine and row is not None and row.state == "planned":  # its process died before anything was at the server
            await self.ledger.end_batch(intent, "abandoned")
            row = None
        if mine:
            self.ledger.release_batch(intent)
        if row is not None:
            raise BatchPending(
                f"{row.requests} requests to {row.label} are in a batch that has not ended ({row.batch or 'just submitted'},"
                f" at {row.endpoint}), and nothing is sent twice. Run the same command with --batch to wait for it"
            )

    async def _afford(self, slot: Slot, target: Target, request: Request) -> float:
        """Set the worst case of a request aside; waits while requests on their way may still release some.

        Raises:
            BudgetReached: it does not fit any more.
        """
        if self.budget.cap is None or target.price is None:
            self.budget.take(0.0)
            return 0.0
        cost = worst_case(target.price, request, output_cap(target, request.params) or 0) * self._share(target.price)
        while not self.budget.take(cost):
            slot.release()
            if not self.budget.pending:
                raise BudgetReached(
                    f"--budget ${self.budget.cap:g}: ${self.budget.spent:.4f} is spent, and the next request"
                    f" ({target.label}) could cost ${cost:.4f}. Raise the budget and run the same command again to go on"
                )
            with self._idle():
                await self.budget.change()
        return cost

    def _journal(self, key: str, target: Target, stage: str, error: BackendError, usd: float | None = None) -> None:
        self.tally.errors[error.kind] = self.tally.errors.get(error.kind, 0) + 1
        self.ledger.fail(key, target.label, stage, self.run, error.kind, str(error), error.body, usd)

    def _check_served(self, target: Target, completion: Completion) -> None:
        """Refuse to mix two models under one label in silence; remember what has answered, with its fingerprint."""
        name = completion.served_model
        self.seen.setdefault(target.label, {})[name, completion.fingerprint] = None
        if name is None:
            return
        if target.label not in self.served and name != _model(target):
            self._log(f"{target.label}: asked for {_model(target)!r}, and the server says that {name!r} replied")
        before = self.served.setdefault(target.label, name)
        if before != name and not self._accept:
            raise ModelChanged(
                f"{target.label}: the server now answers as {name!r}, and has answered as {before!r} before in this run."
                ' Give the new one a name of its own (revision = "…" in evalh.toml and another label),'
                " or accept the mixture with --accept-model-change"
            )

    def _delay(self, error: TransientError, tries: int) -> float:
        """Seconds until the next try: what the server asked for, else exponential with full jitter above a half."""
        asked = error.retry_after if isinstance(error, RateLimited | ServerFault) else None
        if asked is not None:
            return asked
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (tries - 1))
        return delay * (0.5 + 0.5 * self._random.random())

    def _share(self, price: Price) -> float:
        """What a request costs, as a share of the list price."""
        return price.batch if self.batches is not None else 1.0

    def account(
        self, key: str, target: Target, stage: str, completion: Completion, aside: float = 0.0, run: str | None = None
    ) -> float:
        """Note what a reply cost; dollars, or what was set aside for it where the server does not say.

        Args:
            run: who pays for it; by default this run.
        """
        usage = completion.usage
        tally = self.tally if run in (None, self.run) else Tally()
        usd = None
        if usage is not None:
            given, made = usage.input_tokens or 0, usage.output_tokens or 0
            tally.input_tokens += given
            tally.output_tokens += made
            if target.price is not None:
                usd = target.price.of(given, made) * self._share(target.price)
                tally.usd += usd
        if usd is None:
            tally.unpriced.add(target.label)
        self.ledger.account(
            key, run or self.run, stage, target.label, usage, usd, completion.served_model, completion.fingerprint
        )
        return aside if usd is None else usd


def output_cap(target: Target, params: Mapping[str, Any]) -> int | None:
    """Output tokens that a request may cost at the most, or None where nothing caps them."""
    extra = getattr(getattr(target.backend, "spec", None), "extra_body", {})
    for source in (extra, params):
        for name in ("max_completion_tokens", "max_tokens"):
            if isinstance(source.get(name), int):
                return int(source[name])
    return None


def _free(error: BackendError) -> bool:
    """Whether a failed request is known to cost nothing."""
    return error.status is not None or isinstance(error, Expired)


def _overload(error: BackendError) -> bool:
    return isinstance(error, RateLimited) or error.status == 503


def _model(target: Target) -> str:
    return str(target.backend.spec.model) if hasattr(target.backend, "spec") else target.label
