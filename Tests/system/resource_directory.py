"""Runs aiocoap's resource directory so that it is found by multicast, which its own command does not do."""

import asyncio

import aiocoap
from aiocoap.cli.rd import StandaloneResourceDirectory


async def serve():
    context = await aiocoap.Context.create_server_context(None, bind=("::", None), multicast=["eth0"])
    context.serversite = StandaloneResourceDirectory(context=context)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
