"""Budgets that change while containers run, on both versions of control groups."""

from node import refused

MEBIBYTE = 1 << 20
#: Has so many blocks in memory for which there is no disk, and says so.
HOLDER = "dd if=/dev/zero of=/dev/shm/x bs=65536 count={} 2>/dev/null; echo holds; while :; do sleep 0.05; done"
#: Has so many blocks in files that it wrote, and of which the kernel keeps copies.
WRITER = "dd if=/dev/zero of=/tmp/x bs=65536 count={} 2>/dev/null; echo holds; while :; do sleep 0.05; done"


def limits(node, name):
    """What the kernel holds it to: memory in bytes, processes, thousandths of a core."""
    unified = node.has_unified_cgroups()

    def read(controller, file):
        return node.machine.read(f"{node.cgroup(name, controller)}/{file}").decode().split()

    memory = read("memory", "memory.max" if unified else "memory.limit_in_bytes")
    if unified:
        quota, period = read("cpu", "cpu.max")
        assert read("memory", "memory.high") == ["max"]
    else:
        quota, period = read("cpu", "cpu.cfs_quota_us") + read("cpu", "cpu.cfs_period_us")
    return int(memory[0]), int(read("pids", "pids.max")[0]), int(quota) * 1000 // int(period)


def budget(node, name):
    request = node.state(name)["request"]
    return request["memoryBytes"], request["processes"], request["cpuMillis"]


def holding(node, script, *options):
    name = node.start_sh(script, *options)
    node.wait_for_log(name, "holds\n")
    return name


def test_a_running_container_gets_another_budget(node):
    name = node.start("sleep", "1000", options=["-m", "8M"])
    process = node.process(name)
    for given in (["-m", "12M", "--cpus", "0.5", "--processes", "9"], ["-m", "4M", "--cpus", "0.7"]):
        assert node.ctl("update", *given, name).check().text == f"{name}\n"
        assert limits(node, name) == budget(node, name)
    assert budget(node, name) == (4 * MEBIBYTE, 9, 700)
    assert node.process(name) == process and node.is_alive(process)
    assert node.json("stats", name)[0]["memoryBytes"] == 4 * MEBIBYTE


def test_what_is_reserved_follows(node):
    before = node.info()["memoryReservedBytes"]
    name = node.start("sleep", "1000", options=["-m", "8M"])
    beside = node.info()["memoryReservedBytes"] - before - 8 * MEBIBYTE
    node.ctl("update", "-m", "3M", name).check()
    assert node.info()["memoryReservedBytes"] - before == 3 * MEBIBYTE + beside
    left = node.info()["memoryOfferBytes"] - node.info()["memoryReservedBytes"]
    assert "ask for less" in refused(node.ctl("update", "-m", str(left + 4 * MEBIBYTE), name))
    assert limits(node, name)[0] == budget(node, name)[0] == 3 * MEBIBYTE


def test_memory_in_use_is_not_taken(node):
    name = holding(node, HOLDER.format(96), "-m", "32M")
    before = limits(node, name)
    line = refused(node.ctl("update", "-m", "4M", "--cpus", "0.3", name))
    assert line.startswith(f"container {name}: memory budget 4096 KiB: it uses ") and line.endswith(": give more")
    assert limits(node, name) == budget(node, name) == before
    assert node.state(name)["phase"] == "running"
    node.ctl("update", "-m", "24M", name).check()
    assert limits(node, name)[0] == 24 * MEBIBYTE


def test_memory_that_a_disk_has_is_taken(node):
    name = holding(node, WRITER.format(128), "-m", "16M")
    node.ctl("update", "-m", "3M", name).check()
    assert limits(node, name)[0] == 3 * MEBIBYTE
    assert node.state(name)["phase"] == "running"
    assert node.ctl("exec", name, "wc", "-c", "/tmp/x").check().text.split()[0] == str(128 * 65536)


def test_who_meets_the_new_limit_is_told_the_new_number(node):
    name = node.start_sh("while [ ! -e /tmp/go ]; do sleep 0.02; done; exec tail /dev/zero", "-m", "16M")
    node.ctl("update", "-m", "4M", name).check()
    node.ctl("exec", name, "touch", "/tmp/go").check()
    node.wait_for_phase(name, "ended")
    code, reason = node.end(name)
    assert code == 137 and reason.startswith("out of memory: budget 4096 KiB, peak ")


def test_it_outlives_the_agent_and_a_restart_of_the_container(node):
    name = node.start_sh("sleep 0.5; exit 1", "-m", "8M", "--restart", "no")
    node.ctl("update", "-m", "6M", "--restart", "always", name).check()
    node.kill_agent()
    assert budget(node, name)[0] == 6 * MEBIBYTE
    starts = node.state(name)["starts"]
    node.machine.wait_until(lambda: node.state(name)["starts"] > starts + 1)
    # While it is being started it is refused.
    node.machine.wait_until(lambda: node.ctl("update", "--restart", "no", name).code == 0)
    node.wait_for_phase(name, "ended")
    assert node.state(name)["request"].get("restart") is None
    node.ctl("update", "-m", "5M", name).check()
    node.ctl("start", name).check()
    assert limits(node, name)[0] == 5 * MEBIBYTE
    node.ctl("rm", "-f", name).check()


def test_a_limit_that_an_agent_left_too_low_is_raised_by_the_next(node):
    """As it is where one died after the kernel had the smaller limit, and before the record did."""
    name = node.start("sleep", "1000", options=["-m", "8M", "--cpus", "0.5"])
    before = limits(node, name)
    files = ["memory.max"] if node.has_unified_cgroups() else ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
    with node.without_agent():
        for file in files:
            path = f"{node.cgroup(name, 'memory')}/{file}"
            node.machine.sh(f"[ ! -e {path} ] || echo 4194304 >{path}")
        assert limits(node, name)[0] == 4 * MEBIBYTE
    assert limits(node, name) == budget(node, name) == before


def test_what_cannot_be_changed_is_refused(node):
    name = node.start("sleep", "1000")
    assert "say what is to change" in refused(node.ctl("update", name), 2)
    assert "--memory x: give a size" in refused(node.ctl("update", "-m", "x", name), 2)
    assert "give at least 512 KiB" in refused(node.ctl("update", "-m", "1K", name))
    assert "there is none of that name" in refused(node.ctl("update", "-m", "1M", "none"))
    node.ctl("kill", name).check()
