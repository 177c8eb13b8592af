"""``python -m sandbox``: listen until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import ctypes
import dataclasses
import json
import os
import signal
import sys
from argparse import Namespace

import aiohttp
from aiohttp import web

from sandbox import control, razorpay_api, razorpay_disputes, smtp, twilio_api
from sandbox.options import Credentials, Settings, parse
from sandbox.state import State

PR_SET_PDEATHSIG = 1


def main() -> None:
    options = parse()
    if options.exit_with_parent:
        exit_with_parent()
    asyncio.run(serve(options))


def exit_with_parent() -> None:
    """Ask Linux to end this process when its parent ends."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("The process that started the sandbox has exited.")


async def serve(options: Namespace) -> None:
    """Listen on loopback, print the addresses as one line of JSON, and return on SIGTERM or SIGINT."""
    settings = Settings()
    settings.change(dict(change.split("=", 1) for change in options.changes))
    credentials = Credentials(**{f.name: getattr(options, f.name) for f in dataclasses.fields(Credentials)})
    state = State(credentials, settings, log=options.log, seed=options.seed)
    stopped = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopped.set)

    app = web.Application()
    for module in (twilio_api, razorpay_api, razorpay_disputes, control):
        module.add_routes(app, state)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", options.port, backlog=2048)
    await site.start()
    smtp_server = await smtp.serve(state, options.smtp_port)
    connector = aiohttp.TCPConnector(limit=64)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=15)) as state.http:
        http_port, smtp_port = runner.addresses[0][1], smtp_server.sockets[0].getsockname()[1]
        ready = {"http_url": f"http://127.0.0.1:{http_port}", "smtp_host": "127.0.0.1", "smtp_port": smtp_port}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stopped.wait()
        for task in state.tasks:
            task.cancel()
    smtp_server.close()
    await runner.shutdown()


if __name__ == "__main__":
    main()
