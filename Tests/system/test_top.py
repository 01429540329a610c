"""The processes in containers, as people are told of them."""

from node import refused


def rows(node, name):
    return node.json("top", name)["running"]


def test_the_processes_of_a_container(node):
    name = node.start_sh("sleep 1000 & sleep 2000 & wait", "-u", "7:7")
    node.machine.wait_until(lambda: [row["name"] for row in rows(node, name)] == ["sh", "sleep", "sleep"])
    found = rows(node, name)
    assert [row["process"] for row in found] == sorted(node.processes(name))
    assert found[0]["process"] == node.process(name)
    assert [row["insideProcess"] for row in found] == [1, 2, 3]
    assert {row["user"] for row in found} == {7}
    assert all(row["memoryUsedBytes"] > 0 for row in found)
    head, *lines = node.ctl("top", name).check().text.splitlines()
    assert head.split() == ["PID", "INSIDE", "USER", "STATE", "MEMORY", "CPU", "TIME", "COMMAND"]
    assert [line.split()[-1] for line in lines] == ["sh", "sleep", "sleep"]


def test_work_and_states_are_told(node):
    name = node.start_sh("while :; do :; done")
    [row] = node.machine.wait_until(lambda: [row for row in rows(node, name) if row["cpuNanoseconds"] > 10**8])
    assert row["state"] == "R"
    node.ctl("kill", "-s", "STOP", name).check()
    node.machine.wait_until(lambda: rows(node, name)[0]["state"] == "T")


def test_a_name_that_a_process_chose_is_shown_harmlessly(node):
    name = node.start_sh(r"printf 'a) R (\033[31m' >/proc/$$/comm; while :; do read line; done </dev/zero")
    node.machine.wait_until(lambda: rows(node, name)[0]["name"] == "a) R (\033[31m")
    assert rows(node, name)[0]["insideProcess"] == 1
    assert "\033" not in node.ctl("top", name).check().text


def test_of_many_processes_some_are_told(node):
    name = node.start_sh("i=0; while [ $i -lt 80 ]; do sleep 1000 & i=$((i + 1)); done; echo all; wait",
                         "--processes", "100")
    node.wait_for_log(name, "all\n")
    answer = node.json("top", name)
    assert len(answer["running"]) == 64 and answer["isCut"] is True
    assert "there are more" in node.ctl("top", name).check().error_text


def test_one_that_does_not_run_has_none(node):
    name = node.start("true")
    node.wait_for_phase(name, "ended")
    node.machine.wait_until(lambda: rows(node, name) == [])
    assert "there is none of that name" in refused(node.ctl("top", "none"))
