"""What has happened, as it is told to who looks back and to who follows."""

import asyncio
import json

import aiocoap
import cbor2
import pytest

from boards import OWNER, together
from secure_coap import Key, client, heard
from test_members import Microcloud

pytestmark = pytest.mark.machines("local")

EVENT, NAME, REASON, EVENTS, NEXT, SETTINGS = 200, 1, 38, 202, 203, 204


def told(node, *options):
    """What `microctl events` prints, without the times."""
    return [line.partition(" ")[2] for line in node.ctl("events", *options).check().text.splitlines()]


def test_containers_and_leases(node):
    assert told(node) == []
    node.ctl("run", "--rm", "--name", "quick", node.rootfs, "sh", "-c", "exit 3")
    number = node.ctl("lease", "--memory", "8M", "--cpu", "30%").check().text.strip()
    hog = ["sh", "-c", "x=$(yes | head -c 30000000); echo $x"]
    node.ctl("run", "-d", "--name", "hog", "--lease", number, "-m", "4M", "--cpus", "0.1", "--processes", "16",
             node.rootfs, *hog).check()
    node.machine.wait_until(lambda: any(line.startswith("container oom hog: out of memory") for line in told(node)))
    node.ctl("release", number).check()
    node.ctl("rm", "hog", "-f")
    node.machine.wait_until(lambda: f"lease remove {number}" in told(node))
    lines = [line.partition(":")[0] for line in told(node)]
    assert lines == [
        "container start quick", "container end quick", "container remove quick", f"lease grant {number}",
        f"lease confirm {number}", "container start hog", "container oom hog", f"lease over {number}",
        "container remove hog", f"lease remove {number}"], lines
    assert "container end quick: exit code 3" in told(node)
    times = [json.loads(line)["atSeconds"] for line in node.ctl("--json", "events").check().text.splitlines()]
    assert len(times) == 10 and times == sorted(times)


def test_a_follower_hears_all_across_the_agents_death(node):
    follower = node.agent.spawn_ctl("events", "-f")
    node.sh("true", "--name", "first")
    follower.wait_for("container remove first")
    node.machine.kill(node.agent.info()["agentProcess"], 9)
    node.machine.wait_until(lambda: node.ctl("ps").code == 0)
    node.sh("true", "--name", "second")
    follower.wait_for("container remove second")
    follower.signal(2)
    result = follower.wait(20)
    assert result.code == 0
    text = result.text
    for line in ("container start", "container end", "container remove"):
        assert text.count(f"{line} first") == text.count(f"{line} second") == 1, text


def test_members_come_and_go(boards):
    here, there = boards.on(owner=OWNER), boards.on(owner=OWNER)
    together(here, there)
    assert f"member join {there.node_name}: microcloud" in told(here)
    name = there.node_name
    there.stop()
    here.machine.wait_until(lambda: f"member leave {name}: microcloud" in told(here))


def test_a_member_hears_of_its_own_leases_only(boards, rootfs):
    microcloud = Microcloud(boards)
    board = microcloud.board()
    member = microcloud.member("ana")
    node = ["--node", board.address]
    board.ctl("run", "--rm", "--name", "secret", rootfs, "true").check()
    number = member.ctl(*node, "lease", "-m", "8M", "--cpu", "20%").check().text.strip()
    lines = member.ctl(*node, "events").check().text
    assert f"lease grant {number}" in lines and "secret" not in lines, lines
    everything = microcloud.founder.ctl(*node, "events").check().text
    assert "container start secret" in everything and f"lease grant {number}" in everything


def test_events_and_settings_by_datagrams(boards, rootfs):
    key = Key()
    board = boards.on(owner=key.public, zone="Gracia", microcloud="gracia", gossip_key="AAECAwQFBgcICQoLDA0ODw==")
    host = boards.network.host(boards.switch).address("10.77.0.100/24")

    async def talk():
        async with client(board.address, key) as owner:
            settings = (await owner.get("settings"))[SETTINGS]
            names, after = [], 0
            async with owner.observe("events") as events:
                await asyncio.to_thread(lambda: board.ctl("run", "--rm", "--name", "web", rootfs, "true").check())
                while "container remove web" not in names:
                    response = await heard(events)
                    answer = cbor2.loads(response.payload)
                    names += [f"{one[EVENT]} {one.get(NAME, '')}" for one in answer[EVENTS]]
                    after = answer[NEXT]
            rest = await owner.get(f"events?from={after}")
            assert rest == {EVENTS: [], NEXT: after}
            everything = await owner.get("events")
            assert [f"{one[EVENT]} {one.get(NAME, '')}" for one in everything[EVENTS]][-3:] == [
                "container start web", "container end web", "container remove web"]
            assert (await owner.ask(aiocoap.PUT, "settings", {})).code == aiocoap.METHOD_NOT_ALLOWED
            return settings, names

    settings, names = host.call(lambda: asyncio.run(talk()))
    assert settings["zone"] == "Gracia" and settings["owner"] == key.public
    assert "gossip-key" not in settings and "AAECAw" not in str(settings)
    assert [name for name in names if "web" in name] == [
        "container start web", "container end web", "container remove web"]
