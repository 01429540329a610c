"""Leases, as microctl shows them: a part of the node for a time, and what is in it; also when the agent dies."""

import json

import pytest

from boards import OWNER
from node import Node, refused
from state import wait_for_rest

LEASE = ["lease", "--memory", "8M", "--cpu", "30%", "--for", "2h"]
SMALL = ["-m", "2M", "--cpus", "0.1", "--processes", "16"]
REQUEST_ID = "0011223344556677"
POLITE = "trap 'exit 3' TERM; while :; do sleep 0.05; done"
CRASH = "microagentd: crash point "
MOST_POINTS = 200


def lease(node, *options):
    """A new lease; its number."""
    return node.ctl(*LEASE, *options).check().text.strip()


def leases(node):
    return node.json("leases")


def leased(node):
    """The memory that is set aside for leases."""
    return node.json("offer")["leased"]["memoryBytes"]


def run_in(node, number, script=POLITE, *options):
    return node.start_sh(script, "--lease", number, *SMALL, *options)


def test_the_offer_is_half_of_what_containers_may_have(node):
    offer = node.json("offer")
    assert offer["offered"]["memoryBytes"] == node.agent.info()["memoryOfferBytes"] // 2
    assert offer["left"]["memoryBytes"] <= offer["offered"]["memoryBytes"]
    assert offer["leased"] == {"memoryBytes": 0}
    assert offer["leaseTo"] == "nobody", "nobody has claimed this board"
    assert {"user-namespaces", "overlay"} <= set(offer["abilities"])
    assert offer["cgroupVersion"] in ("v1", "v2")


def test_what_is_offered_is_set_in_the_configuration(stopped_agent, rootfs):
    stopped_agent.configure(
        owner=OWNER, offer_memory="9M", offer_cpu="10%", lease_longest="2h", zone="Gracia", guifi_node=99,
        contact="ana@example.net")
    stopped_agent.start()
    node = Node(stopped_agent, rootfs)
    offer = node.json("offer")
    assert offer["offered"]["memoryBytes"] == 9 << 20
    assert (offer["zone"], offer["guifiNode"], offer["contact"]) == ("Gracia", 99, "ana@example.net")
    assert (offer["leaseTo"], offer["longestSeconds"]) == ("members", 7200)
    text = node.ctl("offer").check().text
    assert "9.0M" in text and "ana@example.net" in text
    assert "memory: 10240 KiB asked for, 9216 KiB left" in refused(node.ctl("lease", "-m", "10M", "--cpu", "1%"))
    assert "none for longer than 7200 s" in refused(node.ctl("lease", "-m", "1M", "--cpu", "1%", "--for", "3h"))


def test_a_container_in_a_lease(node):
    number = lease(node)
    assert leased(node) == 8 << 20
    name = run_in(node, number)
    [found] = leases(node)
    assert (found["id"], found["phase"]) == (int(number), "active")
    assert 7190 <= found["remainingSeconds"] <= 7200
    assert found["used"]["containers"] == 1
    assert found["used"]["memoryBytes"] == (2 << 20) + (240 << 10) + (64 << 10)
    assert node.state(name)["request"]["lease"] == int(number)
    assert leased(node) == 8 << 20, "what is in it is part of it"
    large = node.ctl("run", "-d", "--lease", number, "-m", "8M", node.rootfs, "true")
    assert f"lease {number}: memory: " in refused(large, 125)
    unknown = node.ctl("run", "-d", "--lease", "999", *SMALL, node.rootfs, "true")
    assert "lease 999: you hold none" in refused(unknown, 125)
    assert "owner" in node.ctl("leases").check().text


def test_at_its_release_its_container_ends_and_can_be_looked_at(node):
    number = lease(node)
    # What it says it says when it hears signals.
    name = run_in(node, number, f"trap 'exit 3' TERM; echo kept; {POLITE}")
    node.machine.wait_until(lambda: "kept" in node.ctl("logs", name).text)
    assert node.ctl("release", number).check().text == f"{number}\n"
    node.wait_for_phase(name, "ended")
    assert node.end(name) == (3, "exit code 3, stopped as its lease is over")
    assert node.ctl("logs", name).text == "kept\n"
    [found] = leases(node)
    assert (found["phase"], found["reason"]) == ("over", "it was released")
    assert 86_300 < found["remainingSeconds"] <= 86_400
    node.machine.wait_until(lambda: leased(node) == 0)
    assert f"lease {number}: it is over: renew it first" in refused(node.ctl("start", name))
    node.ctl("renew", number, "--for", "1h").check()
    node.ctl("start", name).check()
    node.wait_for_phase(name, "running")
    # Its last container takes the lease along once that is over.
    node.ctl("release", number).check()
    node.wait_for_phase(name, "ended")
    node.ctl("rm", name).check()
    node.machine.wait_until(lambda: leases(node) == [])


def test_a_lease_without_containers_goes_at_once(node):
    number = lease(node)
    node.ctl("release", number).check()
    assert leases(node) == []
    assert f"lease {number}: you hold none of that number here" in refused(node.ctl("release", number))


def test_at_the_end_of_its_time(node):
    number = node.ctl("lease", "-m", "8M", "--for", "10s").check().text.strip()
    name = run_in(node, number)
    node.wait_for_phase(name, "ended")
    [found] = leases(node)
    assert (found["phase"], found["reason"]) == ("over", "its time was over")


def test_the_same_request_is_the_same_lease(node):
    first = lease(node, "--request-id", REQUEST_ID)
    assert lease(node, "--request-id", REQUEST_ID) == first
    assert len(leases(node)) == 1
    assert "that request id was used for it" in refused(node.ctl("lease", "-m", "9M", "--request-id", REQUEST_ID))


def test_a_lease_that_is_not_confirmed_is_lost_with_the_agent(node):
    number = lease(node, "--tentative")
    assert leases(node)[0]["phase"] == "tentative"
    node.kill_agent()
    assert leases(node) == [] and leased(node) == 0
    assert lease(node, "--tentative") == number, "its number was in no store"
    run_in(node, number)
    assert leases(node)[0]["phase"] == "active"


def test_a_drained_node(node):
    number = lease(node)
    node.ctl("drain").check()
    assert "this node is drained" in refused(node.ctl(*LEASE))
    assert "this node is drained" in refused(node.ctl("renew", number, "--for", "3h"))
    assert leases(node)[0]["isDraining"]
    node.kill_agent()
    assert "this node is drained" in refused(node.ctl(*LEASE))
    node.ctl("drain", "--off").check()
    # A board of one processor offers half of it, which is no room for two of these.
    node.ctl("release", number).check()
    lease(node)


def test_the_death_of_the_agent_costs_no_lease(node):
    number = lease(node)
    name = run_in(node, number)
    [before] = leases(node)
    process = node.process(name)
    node.kill_agent()
    [after] = leases(node)
    assert before["remainingSeconds"] - 30 <= after["remainingSeconds"] <= before["remainingSeconds"]
    for key in ["id", "phase", "generation", "holder", "requestID", "used"]:
        assert after[key] == before[key], key
    assert node.process(name) == process
    assert leased(node) == 8 << 20


def test_a_new_daemon_goes_on_with_the_leases(stopped_agent, rootfs):
    stopped_agent.start()
    node = Node(stopped_agent, rootfs)
    number = lease(node)
    name = run_in(node, number)
    assert stopped_agent.stop().code == 0
    stopped_agent.start()
    assert [found["id"] for found in leases(node)] == [int(number)]
    node.wait_for_phase(name, "running")
    node.ctl("release", number).check()
    node.wait_for_phase(name, "ended")
    node.remove_all()
    assert leases(node) == []


# A board's busybox cannot become another user.
@pytest.mark.machines("local")
def test_the_group_of_the_socket_may_look_and_no_more(node):
    number = lease(node)
    node.machine.sh(f"chmod 755 {node.agent.directory} && chgrp 0 {node.agent.runtime_directory}")
    ordinary = ["setpriv", "--reuid=1000", "--regid=0", "--clear-groups"]

    def ctl(*arguments):
        return node.machine.run([*ordinary, *node.agent.argv_of_ctl(*arguments)])

    assert ctl("leases", "-q").check().text == f"{number}\n"
    ctl("offer").check()
    for arguments in (["lease", "-m", "1M"], ["release", number], ["renew", number], ["drain"]):
        assert "only root may change" in refused(ctl(*arguments))
    assert [found["phase"] for found in leases(node)] == ["active"]


# The agent dies at each numbered step


def crash_at_each_step(agent, operation, act, judge):
    """Runs `act` with the agent dying at point 1, 2 and so on of the operation, until it completes without a death, and
    has `judge` look each time. Returns how many points were met."""
    for number in range(1, MOST_POINTS):
        daemon = agent.start(env={"MICROAGENT_CRASH_AT": f"{operation}:{number}"})
        result = act()
        try:
            judge(result)
        except AssertionError as error:
            raise AssertionError(f"point {number}: {error}\n{daemon.stderr.decode()}") from error
        met = any(line.startswith(CRASH) for line in daemon.stderr.decode().splitlines())
        assert agent.stop().code == 0
        if not met:
            return number - 1
    raise AssertionError("there is no end of points")


def settled(agent):
    """The leases, once an agent answers."""
    agent.machine.wait_until(lambda: agent.ctl("leases").code == 0)
    return json.loads(agent.ctl("--json", "leases").check().text)


def release_all(node):
    for found in settled(node.agent):
        node.ctl("release", found["id"])
    node.remove_all()
    node.machine.wait_until(lambda: settled(node.agent) == [])


@pytest.mark.parametrize("operation,least", [("lease", 2), ("confirm", 5)])
def test_crash_while_a_lease_is_made(stopped_agent, rootfs, operation, least):
    """What was answered stands; who got no answer asks again, and has one lease."""
    node = Node(stopped_agent, rootfs)

    def act():
        return node.ctl(*LEASE, "--request-id", REQUEST_ID)

    def judge(result):
        found = settled(stopped_agent)
        assert len(found) <= 1
        if result.code == 0:
            assert found[0]["phase"] == "active"
        again = node.ctl(*LEASE, "--request-id", REQUEST_ID).check().text.strip()
        [one] = settled(stopped_agent)
        assert (one["id"], one["phase"]) == (int(again), "active")
        assert leased(node) == 8 << 20
        release_all(node)

    assert crash_at_each_step(stopped_agent, operation, act, judge) >= least


def test_crash_while_a_lease_is_released(stopped_agent, rootfs):
    """Its container ends, or neither has happened; the room is free in the end, and once."""
    node = Node(stopped_agent, rootfs)

    def act():
        number = lease(node)
        run_in(node, number, POLITE, "--name", "box")
        return node.ctl("release", number)

    def judge(result):
        [found] = settled(stopped_agent)
        assert found["phase"] == "over" if result.code == 0 else found["phase"] in ("active", "over")
        wait_for_rest(stopped_agent)
        node.ctl("release", found["id"]).check()
        node.wait_for_phase("box", "ended")
        node.machine.wait_until(lambda: leased(node) == 0)
        assert settled(stopped_agent)[0]["phase"] == "over"
        node.ctl("rm", "box").check()
        node.machine.wait_until(lambda: settled(stopped_agent) == [])

    assert crash_at_each_step(stopped_agent, "release", act, judge) >= 18


def test_crash_while_a_run_confirms_its_lease(stopped_agent, rootfs):
    """There is never a container without its lease."""
    node = Node(stopped_agent, rootfs)

    def act():
        number = lease(node, "--tentative")
        return node.ctl("run", "-d", "--name", "box", "--lease", number, *SMALL, node.rootfs, "sh", "-c", POLITE)

    def judge(result):
        found = settled(stopped_agent)
        boxes = node.json("ps", "-a")
        if boxes:
            assert [one["id"] for one in found] == [boxes[0]["request"]["lease"]]
            assert found[0]["phase"] == "active"
        if result.code == 0:
            assert boxes
        release_all(node)
        assert leased(node) == 0

    assert crash_at_each_step(stopped_agent, "run", act, judge) >= 30
