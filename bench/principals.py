#!/usr/bin/env python3
"""What an agent's memory is when many have a security context with it, and many watch: `make bench`. How to read it:
bench/README.md. A node takes two key exchanges a second, so that it takes its time.

    bench/principals.py [--principals N] [--observers N]
"""

import argparse
import asyncio
import os
import sys

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{BENCH}/../Tests/system")

import aiocoap

from board_place import board_place
from coap_members import Issuer
from edhoc import Ours
from secure_coap import Key

SETTLE_SECONDS = 5


def memory(board):
    """Of all three processes, in kB: what is theirs alone, and with their share of what they share."""
    info = board.info()
    private = proportional = 0
    for name in ("keeper", "agent", "store"):
        with open(f"/proc/{info[f'{name}Process']}/smaps_rollup", encoding="utf-8") as file:
            fields = {line.split(":")[0]: int(line.split()[1]) for line in file if line.endswith("kB\n")}
        private += fields["Anonymous"]
        proportional += fields["Pss"]
    return private, proportional


async def use(board, issuer, principals, observers, look):
    look("nobody")
    contexts, watched = [], []
    for number in range(principals):
        context = await aiocoap.Context.create_client_context()
        contexts.append(context)
        member = await issuer.member().ask_with(context, board.address)
        await member.get("offer")
        if number < observers:
            request = context.request(aiocoap.Message(code=aiocoap.GET, uri=f"{member.uri}/events", observe=0))
            response = await request.response
            assert response.opt.observe is not None, response
            watched.append(request)
        if number + 1 in (observers, principals):
            await asyncio.sleep(SETTLE_SECONDS)
            look(f"{number + 1} principals, of whom {min(number + 1, observers)} watch the events")
    for request in watched:
        request.observation.cancel()
    for context in contexts:
        await context.shutdown()


def run(network, boards, driver, options):
    owner = Key()
    with Ours(driver) as ours:
        issuer = Issuer(ours, "bench")
        board = boards.on(owner=owner.public, microcloud="bench", microcloud_key=issuer.public)
        host = network.host(boards.switch).address("10.77.0.100/24")

        def look(what):
            private, proportional = memory(board)
            print(f"| {what} | {private} | {proportional} |", flush=True)

        print("| | of their own (kB) | PSS (kB) |\n|--|--|--|")
        host.call(lambda: asyncio.run(use(board, issuer, options.principals, options.observers, look)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="i586", help="build of the agent to measure")
    parser.add_argument("--principals", type=int, default=500)
    parser.add_argument("--observers", type=int, default=200)
    options = parser.parse_args()
    # In memory, as pages of a program on a disk are mapped as that disk has them.
    with board_place("/dev/shm", options.target, "microcloud-driver") as (boards, _):
        run(boards.network, boards, boards.programs["microcloud-driver"], options)


if __name__ == "__main__":
    main()
