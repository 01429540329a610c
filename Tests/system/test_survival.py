"""Agent and keeper die and come back: containers go on, and what is known of them stays true."""

import random
import shlex
import signal as signals
import threading

import pytest

from node import SLOW_COUNTER, Node, assert_unbroken, line_numbers, numbered
from state import wait_for_rest

SEED = 20261122
ROUNDS = 6
#: Ends as soon as somebody makes the file /tmp/go in it.
WAIT = "while [ ! -e /tmp/go ]; do sleep 0.02; done"


def let_go(node, process):
    node.machine.sh(f"touch /proc/{process}/root/tmp/go")


# The agent dies


def test_containers_outlive_the_agent(node):
    name = node.start("sleep", "1000")
    before = node.state(name)
    node.kill_agent()
    assert node.state(name) == before
    assert node.is_alive(before["process"])
    node.ctl("stop", "-t", "0", name).check()
    assert node.end(name)[0] == 137


def test_restarted_agent_says_so(node):
    assert node.info()["agentStarts"] == 1
    node.kill_agent()
    info = node.info()
    assert info["agentStarts"] == 2 and any("started again" in notice for notice in info["notices"])


def test_no_line_is_lost_or_doubled(node):
    name = node.start_sh(SLOW_COUNTER)
    node.wait_for_lines(name, 10)
    for _ in range(3):
        node.kill_agent()
        node.wait_for_lines(name, node.lines(name)[-1] + 10)
    assert_unbroken(node.lines(name))
    assert node.state(name)["starts"] == 1


def test_flood_of_output_survives_whole(node):
    """A writer as fast as the log is filled: what is in the pipe, in the ring and under way at the death adds up."""
    name = node.start_sh(f"{WAIT}; {numbered(60000)}", "--log-size", "1M")
    let_go(node, node.process(name))
    node.wait_for_lines(name, 1)
    node.kill_agent()
    node.wait_for_phase(name, "ended")
    assert node.lines(name) == list(range(1, 60001))


def test_repeated_deaths_at_any_moment(node):
    print(f"seed {SEED}")
    moments = random.Random(SEED)
    names = [node.start_sh(SLOW_COUNTER) for _ in range(3)]
    for _ in range(ROUNDS):
        # Between the birth of an agent and its death lies anything from nothing to a running loop.
        node.kill_agent()
        for _ in range(moments.randrange(4)):
            node.ctl("ps").check()
        if moments.randrange(3) == 0:
            assert node.run("echo", "works", options=["--rm"]).text == "works\n"
    for name in names:
        node.wait_for_lines(name, node.lines(name)[-1] + 3)
        assert_unbroken(node.lines(name))
        assert node.state(name)["starts"] == 1


def test_agent_that_is_killed_while_it_starts(node):
    name = node.start_sh(SLOW_COUNTER)
    info = node.info()
    victim = info["agentProcess"]
    for _ in range(4):
        node.machine.kill(victim, signals.SIGKILL)
        # The next one is the keeper's child long before it answers anybody.
        victim = node.machine.wait_until(lambda: node.young_agent(info["keeperProcess"], but=victim), interval=0.001)
    node.machine.wait_until(node.answers)
    assert node.info()["agentStarts"] == 5
    node.wait_for_lines(name, max(node.lines(name)) + 3)
    assert_unbroken(node.lines(name))


def test_keeper_waits_until_it_can_start_an_agent(node):
    """Regression: a keeper that found no process to spare ended, and logs and exit codes went with it."""
    name = node.start_sh(SLOW_COUNTER)
    node.wait_for_lines(name, 3)
    info = node.info()
    hierarchy = "/sys/fs/cgroup" + ("" if node.has_unified_cgroups() else "/pids")
    group = f"{hierarchy}/{node.agent.name}-keeper"
    move = f"while read -r process; do echo $process > {hierarchy}/cgroup.procs; done < {group}/cgroup.procs"
    node.machine.sh(f"mkdir {group}; echo 1 > {group}/pids.max; echo {info['keeperProcess']} > {group}/cgroup.procs")
    try:
        node.machine.kill(info["agentProcess"], signals.SIGKILL)
        node.agent.process.wait_for("trying again")
        node.machine.sh(f"echo max > {group}/pids.max")
        node.machine.wait_until(node.answers)
    finally:
        node.machine.sh(f"echo max > {group}/pids.max; {move}; rmdir {group}")
    assert node.info()["keeperProcess"] == info["keeperProcess"]
    node.wait_for_lines(name, node.lines(name)[-1] + 3)
    assert_unbroken(node.lines(name))


def test_end_while_no_agent_lives_is_known(node):
    name = node.start_sh(f"echo first; {WAIT}; echo last; exit 7")
    node.wait_for_log(name, "first")
    end_without_agent(node, name)
    node.wait_for_phase(name, "ended")
    assert node.end(name) == (7, "exit code 7")
    assert node.logs(name) == "first\nlast\n"


def test_whoever_asks_is_answered_whether_the_agent_dies_or_not(node):
    """Regression: for a moment between two agents there was no socket, and microctl said that there is no agent."""
    name = node.start("sleep", "1000")
    asks = " ".join(shlex.quote(word) for word in node.agent.argv_of_ctl("ps", "-q"))
    enough = f"{node.agent.directory}/enough"
    asker = node.machine.spawn(["sh", "-c", f"while [ ! -e {enough} ]; do {asks}; done"], env=node.agent.environment)
    for _ in range(4):
        node.kill_agent()
    node.machine.write(enough, "")
    result = asker.wait()
    assert result.error_text == "" and set(result.text.splitlines()) == {name}
    assert len(result.text.splitlines()) > 4


def test_program_that_is_called_like_the_agent(node):
    """Regression: its end was taken for that of a copy of the agent that never ran the program, and it ran again."""
    program = f"{node.rootfs}/bin/microagentd"
    node.machine.write(program, f"#!/bin/sh\necho first; {WAIT}; echo last; exit 7\n")
    node.machine.run(["chmod", "755", program]).check()
    name = node.start("microagentd")
    node.wait_for_log(name, "first")
    end_without_agent(node, name)
    node.wait_for_phase(name, "ended")
    assert node.end(name) == (7, "exit code 7")
    assert node.logs(name) == "first\nlast\n"


def test_signal_while_no_agent_lives_is_known(node):
    name = node.start("sleep", "1000")
    process = node.process(name)
    with node.without_agent():
        node.machine.kill(process, signals.SIGKILL)
        node.machine.wait_until(lambda: not node.is_alive(process))
    node.wait_for_phase(name, "ended")
    assert node.end(name) == (137, "killed by signal 9")


def test_restart_policy_holds_after_an_end_without_agent(node):
    script = f"echo here; [ -e /tmp/go ] || {{ {WAIT}; exit 3; }}; exec sleep 1000"
    name = node.start_sh(script, "--restart", "on-failure")
    end_without_agent(node, name)
    node.machine.wait_until(lambda: node.state(name)["starts"] == 2 and node.state(name)["phase"] == "running")
    node.machine.wait_until(lambda: node.logs(name) == "here\nhere\n")
    assert node.state(name)["end"]["exitCode"] == 3


def test_removal_after_an_end_without_agent(node):
    name = node.start_sh(WAIT, "--rm")
    end_without_agent(node, name)
    node.machine.wait_until(lambda: node.names("-a") == [])


def test_hog_is_ended_as_a_whole_without_agent(node):
    hog = f"trap '' TERM; ({WAIT}; tail /dev/zero) & while :; do sleep 0.05; done"
    name = node.start_sh(hog, "--memory", "4M")
    process = node.process(name)
    with node.without_agent():
        let_go(node, process)
        node.machine.wait_until(lambda: out_of_memory_kills(node, name))
    node.wait_for_phase(name, "ended")
    assert node.end(name)[0] == 137 and "out of memory" in node.end(name)[1]


def test_followers_and_foreground_go_on(node):
    run = node.spawn("sh", "-c", f"echo first; {WAIT}; echo last; exit 9", options=["--name", "x"])
    run.wait_for("first\n")
    follower = node.agent.spawn_ctl("logs", "-f", "x")
    follower.wait_for("first\n")
    for _ in range(2):
        node.kill_agent()
    let_go(node, node.process("x"))
    assert (run.wait().code, run.stdout) == (9, b"first\nlast\n")
    assert (follower.wait().code, follower.stdout) == (0, b"first\nlast\n")


def test_follower_of_a_counter_misses_nothing(node):
    name = node.start_sh(SLOW_COUNTER)
    follower = node.agent.spawn_ctl("logs", "-f", name)
    for count in (20, 40, 60):
        node.kill_agent()
        follower.wait_for(f"line {count}\n")
    follower.signal(signals.SIGINT)
    assert_unbroken(line_numbers(follower.wait().text))


def test_stop_that_was_begun_is_finished(node):
    name = node.start_sh("trap 'echo asked' TERM; echo ready; while :; do sleep 0.02; done",
                         "--restart", "always", "--stop-timeout", "2")
    node.wait_for_log(name, "ready")
    node.agent.spawn_ctl("stop", name)
    node.wait_for_log(name, "asked")
    node.kill_agent()
    node.wait_for_phase(name, "ended")
    assert not node.state(name)["wanted"] and node.end(name)[0] == 137


def test_stop_keeps_its_time_when_the_agent_dies(node):
    """Regression: a new agent gave the container the time of its own request."""
    name = node.start_sh("trap 'echo asked' TERM; echo ready; while :; do sleep 0.02; done", "--stop-timeout", "3600")
    node.wait_for_log(name, "ready")
    node.agent.spawn_ctl("stop", "--time", "2", name)
    node.wait_for_log(name, "asked")
    node.kill_agent()
    node.wait_for_phase(name, "ended")
    assert node.end(name)[0] == 137


# The store's writer dies, or stands still


def test_writer_that_dies_loses_nothing_and_no_container(node):
    """The agent cannot know what is on the disk any more: it ends, and the next one reads it."""
    counter = node.start_sh(SLOW_COUNTER)
    node.wait_for_lines(counter, 5)
    clients = [Client(node, f"client{number}") for number in range(3)]
    node.machine.wait_until(lambda: all(client.acknowledged for client in clients))
    before = node.info()
    node.machine.kill(before["storeProcess"], signals.SIGKILL)
    node.machine.wait_until(lambda: node.answers() and node.info()["storeProcess"] != before["storeProcess"])
    after = node.info()
    for client in clients:
        client.end()
    assert after["agentStarts"] == 2 and after["keeperProcess"] == before["keeperProcess"]
    assert not node.machine.exists(f"/proc/{before['storeProcess']}"), "it was collected"
    state = wait_for_rest(node.agent)
    for client in clients:
        found = state.find(client.name)
        assert (found and found.phase) in client.possible, (client.name, client.acknowledged)
    # Nobody was told that a command has failed, for nobody knows.
    assert all("went away" in client.refusal for client in clients if client.refusal), [client.refusal for client in clients]
    node.wait_for_lines(counter, node.lines(counter)[-1] + 10)
    assert_unbroken(node.lines(counter))
    assert node.state(counter)["starts"] == 1


class Client(threading.Thread):
    """Runs and removes a container, again and again, until it is refused or told to end."""

    def __init__(self, node, name):
        super().__init__(daemon=True)
        self.name, self._node, self._ends = name, node, threading.Event()
        self.acknowledged = 0
        self.refusal = None
        #: The phases that its container may be found in.
        self.possible = {None}
        self.start()

    def run(self):
        while not self._ends.is_set() and not self.refusal:
            self._do({None, "running"}, "running", "run", "-d", "--name", self.name, self._node.rootfs, "sleep", "1000")
            if not self.refusal:
                # A removal by force ends the container first.
                self._do({"running", "ended", None}, None, "rm", "-f", self.name)

    def _do(self, meanwhile, then, *command):
        self.possible = meanwhile
        result = self._node.ctl(*command)
        if result.code == 0:
            self.possible = {then}
            self.acknowledged += 1
        else:
            self.refusal = result.error_text

    def end(self):
        self._ends.set()
        self.join()


def test_agent_answers_while_the_writer_stands_still(node):
    node.start("sleep", "1000", options=["--name", "first"])
    writer = node.info()["storeProcess"]
    node.machine.kill(writer, signals.SIGSTOP)
    runs = [node.spawn("sleep", "1000", options=["-d", "--name", f"c{number}"]) for number in range(8)]
    stop = node.agent.spawn_ctl("stop", "-t", "0", "first")
    node.machine.wait_until(lambda: len(node.names("-a")) == 9 and node.state("first")["phase"] == "stopping")
    # All are set up, and wait for their records.
    node.machine.wait_until(lambda: {node.state(f"c{number}")["phase"] for number in range(8)} == {"starting"})
    assert all(process.code is None for process in [*runs, stop])
    node.machine.kill(writer, signals.SIGCONT)
    assert [process.wait().code for process in [*runs, stop]] == [0] * 9
    assert node.info()["agentStarts"] == 1 and node.info()["storeProcess"] == writer
    assert {node.state(f"c{number}")["phase"] for number in range(8)} == {"running"}


def test_what_the_agent_wrote_before_it_died_is_read_by_the_next(node):
    """It is in the writer's socket: the writer writes it, and only then lets go of the store."""
    node.start("sleep", "1000", options=["--name", "x"])
    info = node.info()
    node.machine.kill(info["storeProcess"], signals.SIGSTOP)
    stop = node.agent.spawn_ctl("stop", "-t", "0", "x")
    node.machine.wait_until(lambda: node.state("x")["phase"] == "stopping")
    process = node.process("x")
    node.machine.kill(info["agentProcess"], signals.SIGKILL)
    # The next agent waits for the writer of the one before.
    node.machine.wait_until(lambda: node.young_agent(info["keeperProcess"], but=info["agentProcess"]))
    assert not node.answers() and node.is_alive(process)
    node.machine.kill(info["storeProcess"], signals.SIGCONT)
    node.machine.wait_until(node.answers)
    # It knows of the wish, which nobody repeats.
    node.wait_for_phase("x", "ended")
    assert node.end("x")[0] == 137 and stop.wait().code == 3


def test_dead_writers_leave_nothing(node):
    name = node.start("sleep", "1000")
    for count in range(2, 5):
        node.machine.kill(node.info()["storeProcess"], signals.SIGKILL)
        node.machine.wait_until(lambda: node.answers() and node.info()["agentStarts"] == count)
    for _ in range(2):
        node.kill_agent()
    assert node.state(name)["starts"] == 1
    wait_for_rest(node.agent)


def test_end_by_a_signal_to_the_whole_group_loses_nothing(node):
    """As a service manager sends it: also to the writer, which goes on until it has written what it was sent."""
    node.start("sleep", "1000", options=["--name", "x"])
    info = node.info()
    node.machine.kill(info["storeProcess"], signals.SIGSTOP)
    stop = node.agent.spawn_ctl("stop", "-t", "0", "x")
    node.machine.wait_until(lambda: node.state("x")["phase"] == "stopping")
    for key in ("keeperProcess", "agentProcess", "storeProcess"):
        node.machine.kill(info[key], signals.SIGTERM)
    node.machine.kill(info["storeProcess"], signals.SIGCONT)
    assert node.agent.process.wait().code == 0
    stop.wait()
    node.agent.start()
    node.wait_for_phase("x", "ended")
    assert not node.state("x")["wanted"]


# The keeper dies as well


def test_containers_are_adopted(node):
    name = node.start_sh(SLOW_COUNTER)
    node.wait_for_lines(name, 5)
    process = node.process(name)
    node.kill_all()
    assert node.is_alive(process)
    node.agent.start()
    assert node.process(name) == process and node.state(name)["starts"] == 1
    # The log so far is gone with the keeper; from here on nothing is.
    first = node.machine.wait_until(lambda: node.lines(name))[0]
    assert first > 5
    node.kill_agent()
    node.wait_for_lines(name, first + 20)
    assert_unbroken(node.lines(name), first=first)
    node.ctl("stop", "-t", "0", name).check()
    assert not node.is_alive(process)


def test_end_of_an_adopted_container_is_told_as_unknown(node):
    name = node.start_sh(f"{WAIT}; exit 4")
    node.kill_all()
    node.agent.start()
    let_go(node, node.process(name))
    node.wait_for_phase(name, "ended")
    assert node.end(name)[0] == 125 and node.end(name)[1].startswith("unknown: ")


def test_end_while_nobody_lives_is_told_as_unknown(node):
    name = node.start_sh(f"{WAIT}; exit 4")
    process = node.process(name)
    node.kill_all()
    let_go(node, process)
    node.machine.wait_until(lambda: not node.is_alive(process))
    node.agent.start()
    node.wait_for_phase(name, "ended")
    assert node.end(name)[0] == 125 and node.end(name)[1].startswith("unknown: ")


def test_unknown_end_is_restarted_by_policy(node):
    name = node.start_sh(f"[ -e /tmp/go ] || {{ {WAIT}; exit 4; }}; exec sleep 1000", "--restart", "on-failure")
    process = node.process(name)
    node.kill_all()
    let_go(node, process)
    node.machine.wait_until(lambda: not node.is_alive(process))
    node.agent.start()
    node.machine.wait_until(lambda: node.state(name)["starts"] == 2 and node.state(name)["phase"] == "running")


def test_adopted_container_can_still_meet_its_budget(node):
    name = node.start_sh(f"trap '' TERM; ({WAIT}; tail /dev/zero) & while :; do sleep 0.05; done", "--memory", "4M")
    node.kill_all()
    node.agent.start()
    let_go(node, node.process(name))
    node.wait_for_phase(name, "ended")
    assert "out of memory" in node.end(name)[1]


def test_keeper_alone_dies(node):
    name = node.start("sleep", "1000")
    process, info = node.process(name), node.info()
    node.machine.kill(info["keeperProcess"], signals.SIGKILL)
    # An agent without a keeper could lose what it promised to keep: it ends, and the service manager starts both.
    node.machine.wait_until(lambda: not node.is_alive(info["agentProcess"]))
    assert node.is_alive(process)
    node.agent.start()
    assert node.process(name) == process


# Both end on request


@pytest.mark.parametrize("number", [signals.SIGTERM, signals.SIGINT])
def test_containers_are_left_running_and_found_again(node, number):
    name = node.start_sh(SLOW_COUNTER)
    node.wait_for_lines(name, 3)
    process, info = node.process(name), node.info()
    node.agent.process.signal(number)
    assert node.agent.process.wait().code == 0
    assert not node.is_alive(info["agentProcess"]) and node.is_alive(process)
    assert not node.machine.exists(node.agent.socket)
    node.agent.start()
    assert node.process(name) == process and node.info()["agentStarts"] == 1
    node.machine.wait_until(lambda: node.lines(name))


def test_waiting_restart_is_made_up_for_after_a_pause_of_the_agent(node):
    name = node.start("false", options=["--restart", "always"])
    node.machine.wait_until(lambda: node.state(name)["phase"] == "waiting")
    node.agent.stop()
    node.agent.start()
    starts = node.state(name)["starts"]
    node.machine.wait_until(lambda: node.state(name)["starts"] > starts)


# Two agents


def test_second_agent_on_the_same_store_is_refused(node, programs):
    name = node.start("sleep", "1000")
    second = node.machine.run([programs["microagentd"], "--config", node.agent.configuration],
                              env=node.agent.environment)
    assert second.code == 1 and second.text == ""
    (line,) = second.error_text.splitlines()
    assert line.startswith("microagentd: ") and node.agent.state_directory in line
    assert node.state(name)["phase"] == "running"


def test_second_agent_in_the_same_control_group_is_refused(node, machine, programs, directory):
    """Regression: it ended all containers of the first, for its own store knew none of them."""
    name = node.start("sleep", "1000")
    other = type(node.agent)(machine, programs, node.agent.name, f"{directory}/b")
    other.configure()
    result = machine.run(other.argv_of_daemon(), env=other.environment, timeout=10)
    assert result.code == 1 and result.text == ""
    (line,) = result.error_text.splitlines()
    assert node.agent.name in line and "another agent" in line, line
    assert node.state(name)["phase"] == "running"


def test_second_agent_of_its_own_is_welcome(node, machine, programs, rootfs, directory, test_name):
    name = node.start("sleep", "1000", options=["--name", "same"])
    other = type(node.agent)(machine, programs, f"{test_name}-b", f"{directory}/b")
    other.configure(first_user_id=200000)
    other.start()
    others = Node(other, rootfs)
    assert others.start("sleep", "1000", options=["--name", "same"]) == name
    assert others.process("same") != node.process("same")
    others.remove_all()
    assert other.stop().code == 0
    assert node.state(name)["phase"] == "running"


# Helpers


def end_without_agent(node, name):
    """Lets a container end that waits for it, at a moment when it has no agent."""
    process = node.process(name)
    with node.without_agent():
        let_go(node, process)
        node.machine.wait_until(lambda: not node.is_alive(process))


def out_of_memory_kills(node, name):
    file = "memory.events" if node.has_unified_cgroups() else "memory.oom_control"
    return node.cgroup_numbers(name, "memory", file)["oom_kill"]
