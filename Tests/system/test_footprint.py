"""What the agent, its keeper and its store's writer cost a board: the program's file, their memory and wake-ups at rest, and each
idle container."""

import time
from dataclasses import dataclass

import pytest

from neighbourhood import MachineAsHost, Neighbourhood
from state import marked

CONTAINERS = 50
RING_BYTES = 65536
#: Each gives back what its work needed a second after it; then it sleeps.
SETTLE_SECONDS = 3
IDLE_SECONDS = 5
#: Members of each cluster beside the agent; and as many more, to see what one costs.
NEIGHBOURS = 20
FURTHER_NEIGHBOURS = 20
#: After which news of members are stored.
STORE_SECONDS = 15
GOSSIP_SECONDS = 20


@dataclass
class Limits:
    """The issue's for i586; for the others what would be a mistake to pass. Memory is of all three processes together."""

    file_bytes: int
    idle_kilobytes: int
    neighbours_kilobytes: int
    container_kilobytes: int


LIMITS = {
    "i586": Limits(file_bytes=2_580_000, idle_kilobytes=950, neighbours_kilobytes=1200, container_kilobytes=4),
    "atom32": Limits(file_bytes=2_755_000, idle_kilobytes=1200, neighbours_kilobytes=1500, container_kilobytes=4),
    "atom64": Limits(file_bytes=2_865_000, idle_kilobytes=1400, neighbours_kilobytes=1900, container_kilobytes=8),
    # With debug information and the system's own shared libraries.
    "host": Limits(file_bytes=100_000_000, idle_kilobytes=100_000, neighbours_kilobytes=200_000, container_kilobytes=40),
}


@pytest.fixture
def programs(programs, machine, test_name, directory):
    """On a file system in memory. There the kernel maps a program in pages, as those of boards do everywhere. Linux 6.18 maps
    as much as the page cache of a disk has in one piece, of which this machine's writing of the file decides."""
    folder = f"/dev/shm/{test_name}"
    machine.run(["mkdir", folder]).check()
    for path in programs.values():
        machine.run(["cp", path, folder]).check()
    yield {name: f"{folder}/{name}" for name in programs}
    machine.run(["rm", "-r", folder]).check()


@pytest.fixture
def neighbourhood(request, machine, programs, microcloud_driver, test_name, directory):
    """An agent with a host to itself and its neighbours."""
    is_local = machine.name == "local"
    if is_local:
        network = request.getfixturevalue("network")
        host = network.host(network.switch())
    else:
        host = MachineAsHost(machine, test_name)
    neighbourhood = Neighbourhood(host, programs, microcloud_driver, test_name, directory, real=is_local)
    yield neighbourhood
    neighbourhood.close()
    if not is_local:
        host.close()


@pytest.fixture
def limits(target):
    return LIMITS[target]


@pytest.fixture
def tell(capsys, machine, target):
    """Prints a line of figures, also where the test passes."""

    def tell(text):
        with capsys.disabled():
            print(f"\n{target} on {machine}: {text}", end="")

    return tell


@dataclass
class Memory:
    rss: int
    private: int
    shared_fairly: int

    def __str__(self):
        return f"{self.rss} kB RSS ({self.private} kB of its own, {self.shared_fairly} kB PSS)"

    def __add__(self, other):
        return Memory(self.rss + other.rss, self.private + other.private, self.shared_fairly + other.shared_fairly)


def numbers(machine, path):
    """A file of `Name:  number unit` lines."""
    lines = (line.split() for line in machine.read(path).decode().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}


def memory(machine, process):
    # Not from /proc/…/status, where Linux 6.1 may be wrong by 64 pages.
    rollup = numbers(machine, f"/proc/{process}/smaps_rollup")
    return Memory(rollup["Rss"], rollup["Anonymous"], rollup["Pss"])


def processes(agent):
    """All that there are without containers, once they are at rest."""
    found = own_processes(agent)
    time.sleep(SETTLE_SECONDS)
    assert {str(process) for process in found.values()} == marked(agent), "and no other"
    return found


def own_processes(agent):
    """Keeper, agent and store's writer."""
    info = agent.info()
    return {name: info[f"{name}Process"] for name in ("keeper", "agent", "store")}


def memory_of_all(agent):
    return total(memory(agent.machine, process) for process in processes(agent).values())


def total(memories):
    return sum(memories, start=Memory(0, 0, 0))


def test_program_is_small(machine, programs, limits, tell):
    size = int(machine.run(["stat", "-c", "%s", programs["microagentd"]]).check().text)
    tell(f"microagentd has {size} bytes")
    assert size <= limits.file_bytes


def test_memory_at_rest(agent, limits, tell):
    each = {name: memory(agent.machine, process) for name, process in processes(agent).items()}
    together = total(each.values())
    tell(f"at rest: {', '.join(f'{name} {one}' for name, one in each.items())}, together {together}")
    assert together.rss <= limits.idle_kilobytes


def test_memory_among_neighbours(neighbourhood, limits, tell):
    agent = neighbourhood.agent
    neighbourhood.grow(NEIGHBOURS)
    agent.start()
    neighbourhood.wait_until_seen()
    idle, most = memory_over_time(agent)
    peak = sum(peaks(agent).values())
    neighbourhood.grow(NEIGHBOURS + FURTHER_NEIGHBOURS)
    neighbourhood.wait_until_seen()
    further, _ = memory_over_time(agent)
    each = (further.private - idle.private) * 1024 // FURTHER_NEIGHBOURS
    tell(f"{NEIGHBOURS} neighbours in both clusters: {idle}, at the most {most}; the peaks of the three since their starts make "
         f"{peak} kB; each of {FURTHER_NEIGHBOURS} more {each} bytes; then {further}")
    assert idle.rss <= limits.neighbours_kilobytes


def memory_over_time(agent):
    """The usual and the greatest memory of all three, while nothing happens but gossip."""
    found = own_processes(agent).values()
    time.sleep(STORE_SECONDS)
    samples = []
    for _ in range(GOSSIP_SECONDS):
        samples.append(total(memory(agent.machine, process) for process in found))
        time.sleep(1)
    samples.sort(key=lambda sample: sample.rss)
    return samples[len(samples) // 2], samples[-1]


def peaks(agent):
    """The most that each of the processes ever had, in kB."""
    return {name: numbers(agent.machine, f"/proc/{process}/status")["VmHWM"]
            for name, process in own_processes(agent).items()}


def test_one_thread_each(agent):
    for name, process in processes(agent).items():
        assert numbers(agent.machine, f"/proc/{process}/status")["Threads"] == 1, name


def test_no_wake_up_at_rest(agent):
    def wake_ups():
        fields = [numbers(agent.machine, f"/proc/{process}/status") for process in all_processes]
        return [status["voluntary_ctxt_switches"] + status["nonvoluntary_ctxt_switches"] for status in fields]

    all_processes = processes(agent).values()
    before = wake_ups()
    time.sleep(IDLE_SECONDS)
    assert wake_ups() == before


def test_idle_containers_cost_little(node, limits, tell):
    # More than the ring holds, so that it is full; then nothing.
    program = "seq 20000; exec sleep 100000"
    options = ("--memory", "2M")
    first = node.start_sh(program, *options)
    node.wait_for_log(first, "20000\n")
    before, available = memory_of_all(node.agent), available_kilobytes(node.machine)
    names = [node.start_sh(program, *options) for _ in range(CONTAINERS)]
    for name in names:
        node.wait_for_log(name, "20000\n")
    after = memory_of_all(node.agent)
    dropped = (available - available_kilobytes(node.machine)) / CONTAINERS
    # The rings are memory files that nobody maps: they are in no process's memory.
    each, own = (after.rss - before.rss) / CONTAINERS, (after.private - before.private) / CONTAINERS
    tell(f"each of {CONTAINERS} idle containers: {each:.2f} kB RSS of the three ({own:.2f} kB of their own), "
         f"MemAvailable {dropped:.0f} kB with its ring of {RING_BYTES // 1024} kB; before {before}, after {after}")
    assert len(node.logs(names[-1])) <= RING_BYTES
    assert max(each, own) <= limits.container_kilobytes


def available_kilobytes(machine):
    return numbers(machine, "/proc/meminfo")["MemAvailable"]
