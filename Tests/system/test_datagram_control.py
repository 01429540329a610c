"""Agents that are controlled by datagrams: aiocoap and lakers, as anybody might write them, ask the boards' binaries."""

import asyncio
import socket
import struct

import aiocoap
import cbor2
import lakers
import pytest

from coap_members import Issuer
from edhoc import Ours
from secure_coap import PORT, Client, Key, Relay, client, heard, prove, secure

pytestmark = pytest.mark.machines("local")

NAME, ROOT, COMMAND, MEMORY, PROCESSES, CPU = 1, 2, 3, 16, 17, 18
ID, PHASE, OFFSET, DATA, IS_END, LEASE, REQUEST_ID, SECONDS = 30, 31, 60, 61, 62, 128, 129, 130
REQUEST = 42
END, EXIT_CODE, OUTPUT, CUT_BYTES, INPUT = 36, 37, 216, 218, 240
OFFERED, LEASED = 139, 140
TITLE = -1
SENML_CBOR = 112
#: What a datagram's second byte says of it.
POST, UNAUTHORIZED, BAD_REQUEST = 0x02, 0x81, 0x80
CONFIRMABLE = 0x40
SMALL = {MEMORY: 2 << 20, CPU: 100, PROCESSES: 16}
SMALL_OPTIONS = ["-m", "2M", "--cpus", "0.1", "--processes", "16"]


@pytest.fixture
def owned(boards):
    """A board, its owner's key, and what runs a coroutine on a host beside it."""
    key = Key()
    board = boards.on(owner=key.public)
    host = boards.network.host(boards.switch).address("10.77.0.100/24")
    return board, key, lambda talk: host.call(lambda: asyncio.run(talk))


def lease(number):
    return {REQUEST_ID: number.to_bytes(8, "big"), MEMORY: 4 << 20, SECONDS: 600}


def container(name, rootfs, *command):
    return {NAME: name, ROOT: rootfs, COMMAND: list(command), **SMALL}


async def phases_until(queue, last):
    """The phases that an observer hears, up to this one."""
    phases = []
    while not phases or phases[-1] != last:
        response = await heard(queue)
        phases.append(cbor2.loads(response.payload)[PHASE])
    return phases


def test_the_owner_does_by_datagrams_what_is_done_on_the_board(owned, rootfs):
    board, key, run = owned

    async def talk():
        async with client(board.address, key) as owner:
            offer = await owner.get("offer")
            assert offer[OFFERED][MEMORY] == board.json("offer")["offered"]["memoryBytes"]
            made = await owner.ask(aiocoap.POST, "leases", lease(1))
            assert made.code == aiocoap.CREATED, made.payload
            number = cbor2.loads(made.payload)[ID]
            async with owner.observe(f"leases/{number}") as changes:
                assert await phases_until(changes, "tentative") == ["tentative"]
                ran = await owner.ask(
                    aiocoap.POST, "containers",
                    container("web", rootfs, "sh", "-c", "echo $((6 * 7)); exec sleep 1000") | {LEASE: number})
                assert (ran.code, ran.opt.location_path) == (aiocoap.CREATED, ("containers", "web")), ran.payload
                assert (await phases_until(changes, "active"))[-1] == "active"
                async with owner.observe("containers/web") as states:
                    assert await phases_until(states, "running") == ["running"]
                    assert board.json("inspect", "web")["phase"] == "running"
                    stopped = await owner.ask(aiocoap.POST, "containers/web/stop?grace=0")
                    assert stopped.code == aiocoap.CHANGED
                    assert "stopping" in await phases_until(states, "ended")
                    log = await owner.get("containers/web/logs")
                    assert (log[DATA], log[IS_END]) == (b"42\n", True)
                    assert (await owner.ask(aiocoap.DELETE, "containers/web")).code == aiocoap.DELETED
                    while (last := await heard(states)) is not None and last.code.is_successful():
                        pass
                assert (await owner.ask(aiocoap.DELETE, f"leases/{number}")).code == aiocoap.DELETED
            missing = await owner.ask(aiocoap.GET, "containers/web")
            assert missing.code == aiocoap.NOT_FOUND
            wrong = await owner.ask(aiocoap.POST, "containers", {NAME: "web"})
            assert wrong.code == aiocoap.BAD_REQUEST and "root" in cbor2.loads(wrong.payload)[TITLE]

    run(talk())
    assert board.json("ps", "--all") == [] and board.json("leases") == []


def test_long_bodies_come_and_go_in_blocks(owned, rootfs):
    board, key, run = owned
    command = ["sh", "-c", "exec sleep 1000", *(f"{number:04}" * 8 for number in range(100))]

    async def talk():
        async with client(board.address, key) as owner:
            # What carries EDHOC's message_3 has no room for a whole block beside it, which aiocoap does not know.
            await owner.get("offer")
            ran = await owner.ask(aiocoap.POST, "containers", container("long", rootfs, *command))
            assert ran.code == aiocoap.CREATED, ran.payload
            # What is not only read has no later blocks: they would have to be made by doing it again.
            plan = await owner.ask(aiocoap.POST, "plan", container("plan", rootfs, "true"))
            assert "ask over TCP" in cbor2.loads(plan.payload)[TITLE]
            state = await owner.get("containers/long")
            assert state[REQUEST][COMMAND] == command
            assert [one[NAME] for one in await owner.get("containers")] == ["long"]
            async with owner.observe("containers/long") as states:
                assert cbor2.loads((await heard(states)).payload)[REQUEST][COMMAND] == command

    run(talk())
    assert board.json("inspect", "long")["request"]["command"] == command
    board.ctl("rm", "-f", "long").check()


def test_a_program_is_run_once_however_often_it_is_asked_for(owned, rootfs):
    """And what came of it is told, in blocks, to whoever asks."""
    board, key, run = owned
    board.ctl("run", "-d", *SMALL_OPTIONS, "--name", "web", rootfs, "sleep", "1000").check()
    wish = {COMMAND: ["sh", "-c", "echo run >>/tmp/runs; seq 1000; exit 3"]}

    async def talk():
        async with client(board.address, key) as owner:
            await owner.get("offer")
            for _ in range(3):
                asked = await owner.ask(aiocoap.PUT, "containers/web/exec/7", wish)
                assert (asked.code, asked.payload) == (aiocoap.CREATED, b"")
            async with owner.observe("containers/web/exec/7") as states:
                await phases_until(states, "ended")
            state = await owner.get("containers/web/exec/7")
            assert state[OUTPUT] == b"".join(b"%d\n" % number for number in range(1, 1001))
            assert (state[END][EXIT_CODE], state[CUT_BYTES]) == (3, 0)
            other = await owner.ask(aiocoap.PUT, "containers/web/exec/7", {COMMAND: ["true"]})
            assert other.code == aiocoap.CONFLICT and "choose another" in cbor2.loads(other.payload)[TITLE]
            unknown = await owner.ask(aiocoap.GET, "containers/web/exec/8")
            assert unknown.code == aiocoap.NOT_FOUND

    run(talk())
    assert board.ctl("exec", "web", "cat", "/tmp/runs").check().text == "run\n"
    board.ctl("rm", "-f", "web").check()


def test_a_program_is_attended_by_datagrams(owned, rootfs):
    """Each piece of input is taken once, and what comes out is kept until it has arrived."""
    board, key, run = owned
    board.ctl("run", "-d", *SMALL_OPTIONS, "--name", "web", rootfs, "sleep", "1000").check()
    here, text = "containers/web/exec/7", bytes(range(256)) * 20

    async def talk():
        async with client(board.address, key) as owner:
            await owner.get("offer")

            async def told(resource, message):
                return (await owner.ask(aiocoap.PUT, here + resource, message)).code

            assert await told("", {COMMAND: ["cat"], INPUT: True}) == aiocoap.CREATED
            for offset in range(0, len(text), 1000):
                for _ in range(2):
                    assert await told("/input", {OFFSET: offset, DATA: text[offset:offset + 1000]}) == aiocoap.CHANGED
            assert await told("/input", {OFFSET: len(text) + 1, DATA: b"x"}) == aiocoap.CONFLICT
            assert await told("/input", {OFFSET: len(text), DATA: b"", IS_END: True}) == aiocoap.CHANGED
            output, is_end = b"", False
            async with owner.observe(f"{here}/output") as chunks:
                while not is_end:
                    response = await heard(chunks)
                    chunk = response and cbor2.loads(response.payload)
                    if chunk is None or chunk[OFFSET] != len(output):
                        chunk = await owner.get(f"{here}/output?from={len(output)}")
                    output, is_end = output + chunk[DATA], chunk[IS_END]
            assert output == text
            # It has ended when it is said that all of that has arrived.
            assert (await owner.get(here))[PHASE] == "running"
            assert await told("/taken", {OUTPUT: len(text) + 1}) == aiocoap.CONFLICT
            assert await told("/taken", {OUTPUT: len(text)}) == aiocoap.CHANGED
            state = await owner.get(here)
            assert (state[PHASE], state[END][EXIT_CODE], state[OUTPUT]) == ("ended", 0, b"")

    run(talk())
    board.ctl("rm", "-f", "web").check()


def test_a_log_is_followed_to_its_last_byte(owned, rootfs):
    board, key, run = owned
    script = "for n in $(seq 2000); do echo $n; done; sleep 1; echo end"

    async def talk():
        async with client(board.address, key) as owner:
            await owner.ask(aiocoap.POST, "containers", container("talker", rootfs, "sh", "-c", script))
            log, notices, is_end = b"", 0, False
            async with owner.observe("containers/talker/logs") as chunks:
                while not is_end:
                    response = await heard(chunks)
                    notices += response is not None
                    chunk = response and cbor2.loads(response.payload)
                    if chunk is None or chunk[OFFSET] != len(log):
                        chunk = await owner.get(f"containers/talker/logs?from={len(log)}")
                    assert chunk[OFFSET] == len(log) and len(chunk[DATA]) <= 1024
                    log, is_end = log + chunk[DATA], chunk[IS_END]
            # An agent that is stopped now would leave what it had no time to put away.
            await owner.ask(aiocoap.DELETE, "containers/talker?force")
            return log, notices

    log, notices = run(talk())
    assert log == "".join(f"{n}\n" for n in range(1, 2001)).encode() + b"end\n"
    assert notices > 3


def test_the_node_and_its_containers_are_measured(owned, rootfs):
    """SenML (RFC 8428), decoded by another implementation of CBOR."""
    board, key, run = owned
    script = "while :; do :; done"

    async def talk():
        async with client(board.address, key) as owner:
            await owner.ask(aiocoap.POST, "containers", container("busy", rootfs, "sh", "-c", script))
            before = await owner.ask(aiocoap.GET, "metrics")
            assert (before.code, before.opt.content_format) == (aiocoap.CONTENT, SENML_CBOR)
            await asyncio.sleep(1)
            after = await owner.ask(aiocoap.GET, "metrics")
            await owner.ask(aiocoap.DELETE, "containers/busy?force")
            return before.payload, after.payload, (await owner.ask(aiocoap.GET, "metrics")).payload

    before, after, gone = map(resolved, run(talk()))
    node = board.json("info")["node"]
    assert after[f"{node}/memory-total"] == (board.info()["memoryTotalBytes"], "B")
    assert after[f"{node}/containers"] == (1, "count") and gone[f"{node}/containers"] == (0, "count")
    busy = f"{node}/containers/busy/"
    assert 0 < after[busy + "memory-used"][0] <= 2 << 20 and after[busy + "processes"] == (1, "count")
    for name in (f"{node}/cpu-time", busy + "cpu-time"):
        assert after[name][0] > before[name][0] and after[name][1] == "s"
    assert not any(name.startswith(busy) for name in gone)


def resolved(payload):
    """Value and unit under each whole name (RFC 8428 section 4.6)."""
    base, found = "", {}
    for record in cbor2.loads(payload):
        assert set(record) <= {-2, -3, 0, 1, 2}
        base = record.get(-2, base)
        found[base + record[0]] = (record[2], record[1])
    return found


def test_whose_key_is_not_known_is_refused(owned):
    board, key, run = owned

    async def talk():
        async with client(board.address, Key()) as stranger:
            with pytest.raises(aiocoap.oscore.NotAProtectedMessage) as refused:
                await stranger.get("containers")
            return refused.value.plain_message

    answer = run(talk())
    assert answer.code == aiocoap.BAD_REQUEST and b"the peer is not accepted" in answer.payload, answer.payload

    async def in_plain():
        context = await aiocoap.Context.create_client_context()
        try:
            await prove(context, f"coap://{board.address}:{PORT}")
            return [(await Client(context, board.address, PORT).ask(aiocoap.GET, path)).code
                    for path in ("containers", "leases", "info", "offer")]
        finally:
            await context.shutdown()

    assert run(in_plain()) == [aiocoap.NOT_FOUND] * 3 + [aiocoap.CONTENT]


def test_what_was_heard_on_the_way_is_good_for_nothing(owned):
    """Whoever has all datagrams of a client sends them again, as they were and changed, from elsewhere and from there."""
    board, key, run = owned

    async def talk():
        async with Relay(board.address) as relay, client("127.0.0.1", key, relay.port) as owner:
            for number in range(3):
                assert (await owner.ask(aiocoap.POST, "leases", lease(number))).code == aiocoap.CREATED
            answers = await asyncio.to_thread(replay, relay.heard)
            assert {answer[1] for answer in answers if answer[1] != 0} <= {UNAUTHORIZED, BAD_REQUEST}
            # The client itself goes on.
            return await owner.get("leases")

    def replay(datagrams):
        answers = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.settimeout(0.3)
            sender.connect((board.address, PORT))
            for number, datagram in enumerate(datagrams):
                if datagram[1] != POST and datagram[1] != 5:
                    continue
                renamed = datagram[:2] + struct.pack("!H", 40_000 + number) + datagram[4:]
                changed = renamed[:2] + struct.pack("!H", 50_000 + number) + renamed[4:-1] + bytes([renamed[-1] ^ 1])
                for copy in (datagram, renamed, changed):
                    sender.send(copy)
                    try:
                        answers.append(sender.recv(2048))
                    except TimeoutError:
                        pass
        return answers

    leases = run(talk())
    assert len(leases) == 3 and len(board.json("leases")) == 3


def test_everything_happens_once_over_a_bad_network(owned, rootfs, monkeypatch):
    """Three of ten datagrams are lost, as many come twice, and as many late, in both directions."""
    board, key, run = owned
    monkeypatch.setattr(aiocoap.numbers.constants.TransportTuning, "ACK_TIMEOUT", 0.3)
    monkeypatch.setattr(aiocoap.numbers.constants.TransportTuning, "MAX_RETRANSMIT", 10)
    script = "echo run >> /tmp/runs; cat /tmp/runs; exec sleep 1000"

    async def talk():
        async with Relay(board.address, chance=0.3) as relay, client("127.0.0.1", key, relay.port) as owner:
            for number in range(4):
                made = await owner.ask(aiocoap.POST, "leases", lease(number))
                assert made.code == aiocoap.CREATED, made.payload
                number = cbor2.loads(made.payload)[ID]
                name = f"web{number}"
                ran = await owner.ask(
                    aiocoap.POST, "containers", container(name, rootfs, "sh", "-c", script) | {LEASE: number})
                assert ran.code == aiocoap.CREATED, ran.payload
                again = await owner.ask(aiocoap.POST, f"containers/{name}/start")
                assert again.code == aiocoap.CONFLICT or again.code.is_successful()
            states = await owner.get("containers")
            for state in states[:2]:
                gone = await owner.ask(aiocoap.DELETE, f"containers/{state[NAME]}?force")
                assert gone.code == aiocoap.DELETED, gone.payload
            return relay.harm, await owner.get("leases")

    harm, leases = run(talk())
    assert min(harm) > 5, "the network was not bad"
    assert len(leases) == 4 == len(board.json("leases"))
    left = board.json("ps", "--all")
    assert [one["phase"] for one in left] == ["running"] * 2 and [one["starts"] for one in left] == [1, 1]
    for one in left:
        assert board.ctl("logs", one["name"]).check().text == "run\n"
        board.ctl("rm", "-f", one["name"]).check()


def test_a_context_ends_with_the_fifth_of_its_key(owned):
    board, key, run = owned

    async def talk():
        contexts = [await aiocoap.Context.create_client_context() for _ in range(5)]
        try:
            uri = f"coap://{board.address}:{PORT}"
            owners = []
            for context in contexts:
                await secure(context, uri, key)
                owners.append(Client(context, board.address, PORT))
                await owners[-1].get("leases")
            for owner in owners[1:]:
                await owner.get("leases")
            with pytest.raises(aiocoap.oscore.NotAProtectedMessage) as refused:
                await owners[0].get("leases")
            return refused.value.plain_message.code
        finally:
            for context in contexts:
                await context.shutdown()

    assert run(talk()) == aiocoap.UNAUTHORIZED


def test_exchanges_are_not_begun_faster_than_a_board_can(owned):
    """Nor for whoever has not shown that it reads what is sent to it."""
    board, key, run = owned

    async def talk():
        context = await aiocoap.Context.create_client_context()
        try:
            uri = f"coap://{board.address}:{PORT}"
            first = await context.request(
                aiocoap.Message(code=aiocoap.POST, uri=f"{uri}/.well-known/edhoc", payload=b"\xf5")).response
            await prove(context, uri)
            codes = []
            while aiocoap.TOO_MANY_REQUESTS not in codes and len(codes) < 40:
                initiator = lakers.EdhocInitiator()
                message = aiocoap.Message(
                    code=aiocoap.POST, uri=f"{uri}/.well-known/edhoc",
                    payload=b"\xf5" + initiator.prepare_message_1(b"\x01"))
                codes.append((await context.request(message).response).code)
            return first, codes
        finally:
            await context.shutdown()

    first, codes = run(talk())
    assert first.code == aiocoap.UNAUTHORIZED and first.opt.echo
    assert codes[0] == aiocoap.CHANGED and codes[-1] == aiocoap.TOO_MANY_REQUESTS


@pytest.fixture
def issuer(microcloud_driver):
    with Ours(microcloud_driver) as ours:
        yield Issuer(ours, "gracia")


def test_a_member_shows_its_credential_by_datagrams(boards, issuer, rootfs):
    owner = Key()
    board = boards.on(owner=owner.public, microcloud="gracia", microcloud_key=issuer.public, lease_roots=rootfs.rsplit("/", 1)[0])
    host = boards.network.host(boards.switch).address("10.77.0.100/24")
    first, second = issuer.member(), issuer.member()

    async def talk():
        async with first.client(board.address) as ana, second.client(board.address) as bruna:
            number = cbor2.loads((await ana.ask(aiocoap.POST, "leases", lease(1))).payload)[ID]
            ran = await ana.ask(
                aiocoap.POST, "containers", container("web", rootfs, "sleep", "1000") | {LEASE: number})
            assert ran.code == aiocoap.CREATED, ran.payload
            assert [one[NAME] for one in await ana.get("containers")] == ["web"]
            assert await bruna.get("containers") == []
            assert (await bruna.ask(aiocoap.DELETE, f"leases/{number}")).code == aiocoap.NOT_FOUND
            assert (await bruna.ask(aiocoap.GET, "settings")).code == aiocoap.FORBIDDEN
            # Whose credential is revoked has no word more, on the context that it has.
            async with client(board.address, owner) as asking:
                revoked = await asking.ask(aiocoap.PUT, "revocations", cbor2.loads(issuer.revocation(1, 1)))
                assert revoked.code.is_successful(), revoked.payload
            with pytest.raises(Exception):
                await ana.get("offer")
            assert (await bruna.get("offer"))[OFFERED][MEMORY] > 0

    host.call(lambda: asyncio.run(talk()))
    board.ctl("rm", "-f", "web").check()
