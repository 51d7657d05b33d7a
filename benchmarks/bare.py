"""A bare loop: the same requests, nothing kept. What a benchmark compares evalh with; started by `common.bare`.

    python benchmarks/bare.py aiohttp|openai BASE_URL BODIES.json CALLS CONCURRENCY

Prints {"seconds", "processor"} of the loop alone: what importing costs is not counted, one call before the loop neither.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Send = Callable[[dict[str, Any]], Awaitable[str]]


async def timed(send: Send, bodies: list[dict[str, Any]], calls: int, concurrency: int) -> dict[str, float]:
    """Keep `concurrency` calls in flight until all are done."""
    await send(numbered(bodies[0], -1))
    left = iter(range(calls))

    async def worker() -> None:
        for i in left:
            assert await send(numbered(bodies[i % len(bodies)], i))

    began, processor = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return {"seconds": time.perf_counter() - began, "processor": time.process_time() - processor}


def numbered(body: dict[str, Any], i: int) -> dict[str, Any]:
    """A body that no other call has."""
    *earlier, last = body["messages"]
    return {**body, "messages": [*earlier, {**last, "content": f"{i} {last['content']}"}]}


async def with_openai(url: str, *rest: Any) -> dict[str, float]:
    """The SDK as its documentation shows it."""
    import openai

    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:

        async def send(body: dict[str, Any]) -> str:
            reply = await client.chat.completions.create(**body)
            return reply.choices[0].message.content or ""

        return await timed(send, *rest)


async def with_aiohttp(url: str, *rest: Any) -> dict[str, float]:
    """aiohttp as its documentation shows it, without a limit of its own."""
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def send(body: dict[str, Any]) -> str:
            async with session.post(f"{url}/chat/completions", json=body) as response:
                return str((await response.json())["choices"][0]["message"]["content"])

        return await timed(send, *rest)


def main() -> None:
    """Run the loop that the arguments ask for."""
    kind, url, bodies, calls, concurrency = sys.argv[1:]
    loop = {"aiohttp": with_aiohttp, "openai": with_openai}[kind]
    print(json.dumps(asyncio.run(loop(url, json.loads(Path(bodies).read_text("utf-8")), int(calls), int(concurrency)))))


if __name__ == "__main__":
    main()
