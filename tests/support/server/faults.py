"""When a scripted fault strikes, how long a reply takes, and when a rate limit says no.

Everything is drawn from the seed, the hash of the body and how often the body
was seen, so the same run meets the same faults whatever the order of requests.
"""

from __future__ import annotations

import math
import time
from fnmatch import fnmatchcase
from hashlib import blake2b

from .settings import Latency, RateLimit, Rule

_SCALE = 2.0**-64


def draw(seed: int, purpose: bytes, digest: bytes, n_seen: int) -> float:
    """Return a number in [0, 1) that depends on the arguments alone."""
    key = b"%d|%b|%d|%b" % (seed, purpose, n_seen, digest)
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big") * _SCALE


def seconds(latency: Latency, seed: int, digest: bytes, n_seen: int) -> float:
    """Return how long this try of this body takes."""
    if latency.kind == "fixed":
        return latency.seconds
    u = draw(seed, b"latency", digest, n_seen)
    if latency.kind == "uniform":
        return latency.low + (latency.high - latency.low) * u
    v = draw(seed, b"latency2", digest, n_seen)
    normal = math.sqrt(-2.0 * math.log(1.0 - u)) * math.cos(2.0 * math.pi * v)
    return latency.median * math.exp(latency.sigma * normal)


class Script:
    """The rules in force and how many requests each has met."""

    def __init__(self, rules: tuple[Rule, ...], seed: int) -> None:
        """Take the rules in order; the first that strikes wins."""
        self.rules = rules
        self.seed = seed
        self.met = [0] * len(rules)

    def pick(self, path: str, model: str, judge: bool, where: str, digest: bytes, n_seen: int) -> Rule | None:
        """Return the rule that strikes this try, if any."""
        if not self.rules:
            return None
        u = -1.0
        edge = 0.0
        picked = None
        for i, rule in enumerate(self.rules):
            if not _fits(rule, path, model, judge, where):
                continue
            self.met[i] += 1
            if rule.share > 0:
                if u < 0:
                    u = draw(self.seed, b"fault", digest, n_seen)
                hit = edge <= u < edge + rule.share and (rule.tries == 0 or n_seen < rule.tries)
                edge += rule.share
            elif rule.tries > 0:
                hit = n_seen < rule.tries
            else:
                hit = _due(rule, self.met[i])
            if hit and picked is None:
                picked = rule
        return picked


def _fits(rule: Rule, path: str, model: str, judge: bool, where: str) -> bool:
    if rule.where not in (where, "both") or rule.path not in path:
        return False
    if rule.kind == "unreadable" and not judge:
        return False
    return rule.model == "*" or fnmatchcase(model, rule.model)


def _due(rule: Rule, number: int) -> bool:
    past = number - rule.start
    if past < 0 or past % rule.every:
        return False
    return rule.count == 0 or past // rule.every < rule.count


class Buckets:
    """Token buckets for requests and for tokens per minute, and the headers that tell of them."""

    def __init__(self, limit: RateLimit) -> None:
        """Start with full buckets."""
        self.limit = limit
        self.on = limit.requests_per_minute > 0 or limit.tokens_per_minute > 0
        self.rates = {"requests": limit.requests_per_minute / 60.0, "tokens": limit.tokens_per_minute / 60.0}
        self.sizes = {name: max(1.0, rate * limit.burst_seconds) for name, rate in self.rates.items()}
        self.levels = dict(self.sizes)
        self.at = time.monotonic()

    def take(self, tokens: int) -> float:
        """Take one request of so many tokens; return 0, or the seconds until there is room for it."""
        now = time.monotonic()
        passed, self.at = now - self.at, now
        wants = {"requests": 1.0, "tokens": float(tokens)}
        wait = 0.0
        for name, rate in self.rates.items():
            if rate > 0:
                self.levels[name] = min(self.sizes[name], self.levels[name] + passed * rate)
                # More than a full bucket can ever hold is let through once the bucket is full.
                wait = max(wait, (min(wants[name], self.sizes[name]) - self.levels[name]) / rate)
        if wait > 1e-9:
            return wait
        for name in wants:
            self.levels[name] -= wants[name]
        return 0.0

    def headers(self) -> bytes:
        """Return the x-ratelimit header lines as OpenAI sends them."""
        lines = []
        for name, rate in self.rates.items():
            if rate > 0:
                missing = max(0.0, self.sizes[name] - self.levels[name]) / rate
                lines.append(f"x-ratelimit-limit-{name}: {rate * 60:.0f}\r\n")
                lines.append(f"x-ratelimit-remaining-{name}: {max(0.0, self.levels[name]):.0f}\r\n")
                lines.append(f"x-ratelimit-reset-{name}: {span(missing)}\r\n")
        return "".join(lines).encode()


def span(value: float) -> str:
    """Write seconds in the way of the reset headers: 20ms, 1.5s, 6m0s."""
    if value < 1.0:
        return f"{math.ceil(value * 1000)}ms"
    minutes, rest = divmod(value, 60.0)
    return f"{minutes:.0f}m{rest:.0f}s" if minutes else f"{rest:.3f}s"
