"""Run a fake server: ``python -m support.server --port 0`` (from ``tests/``) prints one JSON line with its port.

It stops by itself after ``--limit`` seconds, and when standard input is a pipe
whose writer goes away. With ``--settings -`` the first line of standard input
holds the settings, so that no key appears in the list of processes.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import selectors
import ssl
import stat
import sys
from pathlib import Path
from typing import Any

from .app import HOST, App
from .settings import Settings


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m support.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--limit", type=float, default=600.0, help="stop after so many seconds")
    parser.add_argument("--settings", default="", help="a JSON file, or - for the first line of standard input")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=KIND", help="e.g. gpt-4=judge")
    parser.add_argument("--latency", type=float, default=None, help="seconds for every reply")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="serve https with these files")
    parser.add_argument("--proxy", default="", help="be a forward proxy instead; JSON options")
    return parser.parse_args()


def _settings(arguments: argparse.Namespace) -> Settings:
    text = "{}"
    if arguments.settings == "-":
        text = sys.stdin.buffer.readline().decode()
    elif arguments.settings:
        text = Path(arguments.settings).read_text(encoding="utf-8")
    settings = Settings.of(json.loads(text))
    changes: dict[str, Any] = {}
    if arguments.model:
        named = dict(item.split("=", 1) for item in arguments.model)
        changes["models"] = {**settings.models, **named}
    if arguments.latency is not None:
        changes["latency"] = arguments.latency
    return settings.changed(changes)


def _watch_parent(stop: asyncio.Event) -> None:
    """Stop when the other end of standard input goes away; a terminal or /dev/null is no parent."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return
    loop = asyncio.get_running_loop()

    def check() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            stop.set()

    loop.add_reader(0, check)


class Punctual(selectors.DefaultSelector):
    """Waits a millisecond less and looks again: epoll counts whole milliseconds, which makes replies late by half a one."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for events, never past the next timer."""
        return super().select(timeout if timeout is None else max(0.0, timeout - 0.001))


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    if arguments.proxy:
        from .proxy import Proxy

        service: Any = Proxy(json.loads(arguments.proxy))
    else:
        tls = None
        if arguments.tls:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*arguments.tls)
        service = App(_settings(arguments), tls)
    port = await service.listen(arguments.port)
    print(json.dumps({"host": HOST, "port": port, "pid": os.getpid()}), flush=True)
    _watch_parent(stop)
    asyncio.get_running_loop().call_later(arguments.limit, stop.set)
    await stop.wait()
    service.stop()


def main() -> None:
    """Serve until told to stop."""
    gc.set_threshold(100_000)  # a request leaves no cycle behind, and a long log makes every collection slow
    try:
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(Punctual())) as runner:
            runner.run(_serve(_arguments()))
    except KeyboardInterrupt:
        pass
    except (ValueError, OSError) as fault:
        print(json.dumps({"error": str(fault)}), flush=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
