"""microctl against an agent that does exactly what the test says: bytes on the wire, exit codes, what people read."""

import json
import os
import re
import signal as signals
import subprocess
import time

import cbor2
import pytest

import fake_agent
from fake_agent import (ACCEPTED, BAD_REQUEST, CHANGED, CONFLICT, CREATED, DELETE, GET, NOT_FOUND, POST, PUT, FakeAgent)
from machine import LocalMachine

NAME, ROOT, COMMAND, MEMORY, PROCESSES, REMOVES = 1, 2, 3, 16, 17, 21
ID, PHASE, END, EXIT_CODE, REASON, STARTED, ENDED, REQUEST = 30, 31, 36, 37, 38, 40, 41, 42
USED, PEAK, COUNT, CPU, DISK_USED, DISK = 50, 51, 52, 53, 55, 132
OFFSET, DATA, IS_END = 60, 61, 62
AGENT_STEPS, CHILD_STEPS, AGENT_PLAN = 70, 71, 72
NODES, SERVICES, IS_CUT, BROKEN_TAGS = 100, 101, 102, 103
ADDRESS, SOURCES, IS_ALIVE, MICROCLOUD, QUALITY, SERVICE_COUNT = 104, 105, 106, 107, 108, 109
ISA, FINGERPRINT, MEMORY_FREE, COAP_PORT, STANDING = 110, 111, 112, 113, 114
TYPE, DESCRIPTION, NODE, HOST, PORT, TEXT = 115, 116, 117, 118, 119, 120
PUBLICATIONS, CONTAINER, ANNOUNCED, MEMBERSHIPS, MEMBERSHIP, MEMBERS, STATUS = 121, 122, 123, 124, 125, 126, 127
NETWORK, ENVIRONMENT = 10, 4
OUTPUT, ERRORS, CUT_BYTES = 216, 217, 218
# What would clear the screen, set the window's title, or turn the writing round.
EVIL = "\x1b[2J\x1b]0;x\x07\x9b2J\u202e"
TIMEOUT_SECONDS = 20


@pytest.fixture
def microctl(machine, programs):
    """Where microctl lies on this machine."""
    if not isinstance(machine, LocalMachine):
        pytest.skip("the fake agent is in Python, which only this machine has")
    return programs["microctl"]


@pytest.fixture
def fake(tmp_path):
    """An agent whose scripts must all have been played when the test is over."""
    agent = FakeAgent(tmp_path / "control.sock")
    yield agent
    agent.finish()


@pytest.fixture
def ctl(microctl, fake):
    """Runs microctl against the fake agent."""

    def run(*arguments, **options):
        return subprocess.run(
            [microctl, "--socket", fake.path, *arguments], capture_output=True, timeout=TIMEOUT_SECONDS, **options)

    return run


@pytest.fixture
def start_ctl(microctl, fake):
    """Starts microctl against the fake agent and lets it run."""
    children = []

    def start(*arguments):
        child = subprocess.Popen(
            [microctl, "--socket", fake.path, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        children.append(child)
        return child

    yield start
    for child in children:
        if child.poll() is None:
            child.kill()
        child.communicate()


def state(name, phase, **more):
    keys = {"started": STARTED, "ended": ENDED, "end": END}
    return {NAME: name, ID: 1, PHASE: phase, REQUEST: {ROOT: "/r", COMMAND: ["sh"], MEMORY: 4 << 20},
            **{keys[key]: value for key, value in more.items()}}


def end(code, reason=None):
    return {EXIT_CODE: code, REASON: reason or f"exit code {code}"}


def chunk(offset, data, is_end=False):
    return {OFFSET: offset, DATA: data, IS_END: is_end}


def one_line(output):
    text = output.decode()
    assert text.startswith("microctl: ") and text.endswith("\n") and text.count("\n") == 1, text
    return text[len("microctl: "):-1]


# Without an agent


def test_no_agent_is_told_with_its_socket_and_what_to_do(ctl, fake):
    result = ctl("ps")
    assert result.returncode == 3
    assert one_line(result.stderr) == (
        f"no agent at {fake.path}: No such file or directory: start microagentd, or name its socket with --socket or "
        "MICROAGENT_SOCKET")


def test_the_environment_names_the_socket_and_the_option_wins(microctl):
    for arguments, path in [([], "/nowhere/a"), (["--socket", "/nowhere/b"], "/nowhere/b")]:
        result = subprocess.run([microctl, *arguments, "info"], capture_output=True,
                                env={"MICROAGENT_SOCKET": "/nowhere/a"}, timeout=TIMEOUT_SECONDS)
        assert result.returncode == 3
        assert one_line(result.stderr).startswith(f"no agent at {path}: ")


def test_usage_errors_need_no_agent(ctl):
    for arguments in [[], ["wombat"], ["run"], ["run", "--memory", "lots", "/r", "sh"], ["logs", "--tail", "x", "a"],
                      ["run", "--publish", "8080:", "/r", "sh"], ["publish", "http"], ["publish", "http:0"],
                      ["publish", "http:1", "http:2"], ["unpublish"], ["search", "a", "b"], ["nodes", "a"]]:
        result = ctl(*arguments)
        assert (result.returncode, result.stdout) == (2, b"")
        one_line(result.stderr)


def test_help_and_version_go_to_standard_output(ctl):
    overview = ctl("help")
    assert overview.returncode == 0
    verbs = re.findall(r"^  (\w+)  ", overview.stdout.decode().split("Commands:")[1].split("Options:")[0], re.M)
    assert {"run", "ps", "logs", "start", "stop", "rm", "inspect", "stats", "plan", "info", "publish", "unpublish",
            "search", "nodes"} <= set(verbs)
    for verb in verbs:
        assert ctl("help", verb).stdout == ctl(verb, "--help").stdout != b""
    assert re.fullmatch(rb"microctl \d+\.\d+\.\d+\n", ctl("--version").stdout)


@pytest.fixture
def complete(ctl, fake, microctl, tmp_path):
    """What bash offers for the last one of these words."""
    script = tmp_path / "completion"
    script.write_bytes(ctl("completion", "bash").stdout)
    (tmp_path / "microctl").symlink_to(microctl)

    def complete(*words):
        line = f'source {script}; COMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}; _microctl; ' \
               'echo "${COMPREPLY[@]}"'
        if words[-1] == "":
            line = line.replace(f'COMP_WORDS=({" ".join(words)})', f'COMP_WORDS=({" ".join(words[:-1])} "")')
        result = subprocess.run(["bash", "-c", line], capture_output=True, timeout=TIMEOUT_SECONDS,
                                env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "MICROAGENT_SOCKET": fake.path})
        assert result.stderr == b""
        return result.stdout.decode().split()

    return complete


def test_completion_completes_verbs_options_and_containers(complete, fake):
    assert complete("microctl", "in") == ["inspect", "info", "invite"]
    assert complete("microctl", "run", "--mem") == ["--memory"]
    assert complete("microctl", "run", "--restart", "on") == ["on-failure", "on-failure:3"]
    fake.serve(lambda talk: talk.answer(talk.expect(GET, "containers"), [state("dns", "ended"), state("web", "running")]))
    assert complete("microctl", "stop", "") == ["dns", "web"]


def test_completion_of_publications_minds_that_bash_splits_at_colons(complete, fake):
    own = [{TYPE: "http", PORT: 80}, {TYPE: "http", PORT: 8080}, {TYPE: "ssh", PORT: 22}]
    for words, expected in [
        (["ht"], ["http:80", "http:8080"]), (["http", ":"], ["80", "8080"]), (["http", ":", "808"], ["8080"]),
        (["http:808"], ["http:8080"]), (["ssh:22", ""], ["http:80", "http:8080", "ssh:22"]),
    ]:
        fake.serve(lambda talk: talk.answer(talk.expect(GET, "publications"), own))
        assert complete("microctl", "unpublish", *words) == expected, words
        fake.finish()
    assert complete("microctl", "publish", "") == complete("microctl", "search", "") == []
    assert complete("microctl", "run", "--pub") == ["--publish"]
    assert complete("microctl", "unp") == ["unpublish"]


def test_completion_of_what_can_be_taken_back(complete, fake):
    fake.serve(lambda talk: talk.answer(talk.expect(GET, "settings"), {204: {"name": "alix", "zone": "Gracia"}, 225: ["zone"]}))
    assert complete("microctl", "unset", "") == ["zone"]
    fake.finish()


def test_completion_offers_no_node_whose_name_a_shell_would_expand(complete, fake, tmp_path):
    names = ["alix-7qk2", "$(touch${IFS}" + f"{tmp_path}/owned)", "`id`", "alix;id", "galileo-95nx"]
    for words, expected in [(["--node", ""], ["alix-7qk2", "galileo-95nx"]), (["--node", "al"], ["alix-7qk2"])]:
        fake.serve(lambda talk: talk.answer(talk.expect(GET, "nodes"), {NODES: [{NAME: name} for name in names]}))
        assert complete("microctl", "search", *words) == expected
        fake.finish()
    assert not (tmp_path / "owned").exists()
    assert complete("microctl", "search", "--no") == ["--node"]


# One question, one answer


def test_ps_is_a_table_of_what_runs(ctl, fake):
    now = int(time.time())
    states = [
        state("dns", "running", started=now - 200),
        state("old", "ended", started=now - 500, ended=now - 130, end=end(1)),
        state("evil\x1b[2J", "waiting", end=end(139, "killed by signal 11")),
    ]
    fake.serve(lambda talk: talk.answer(talk.expect(GET, "containers"), states))
    assert ctl("ps").stdout.decode() == (
        "NAME      STATUS                                  MEMORY  COMMAND\n"
        "dns       up 3m                                   4.0M    sh\n"
        "evil?[2J  waits to restart (killed by signal 11)  4.0M    sh\n")


def test_ps_all_shows_how_containers_ended(ctl, fake):
    now = int(time.time())
    fake.serve(lambda talk: talk.answer(talk.expect(GET, "containers"), [state("old", "ended", ended=now - 130, end=end(1))]))
    result = ctl("ps", "-a")
    assert re.fullmatch(r"old +ended 2m ago \(exit code 1\) +4\.0M +sh", result.stdout.decode().splitlines()[1])


def test_json_is_one_document_with_names(ctl, fake):
    fake.serve(lambda talk: talk.answer(talk.expect(GET, "containers"), [state('a"\x01', "running", started=5)]))
    assert json.loads(ctl("ps", "--json").stdout) == [{
        "name": 'a"\x01', "id": 1, "phase": "running", "startedSeconds": 5,
        "request": {"root": "/r", "command": ["sh"], "memoryBytes": 4 << 20}}]


@pytest.mark.parametrize("arguments, code, path, query", [
    (["start", "dns"], POST, "containers/dns/start", []),
    (["stop", "dns"], POST, "containers/dns/stop", []),
    (["stop", "--time", "3", "dns"], POST, "containers/dns/stop", ["grace=3000"]),
    (["rm", "dns"], DELETE, "containers/dns", []),
    (["rm", "-f", "dns"], DELETE, "containers/dns", ["force"]),
])
def test_control_asks_exactly_this_and_tells_the_name(ctl, fake, arguments, code, path, query):
    def script(talk):
        request = talk.expect(code, path)
        assert request.query == query
        talk.answer(request, code=ACCEPTED if code == DELETE else CHANGED)

    fake.serve(script)
    result = ctl(*arguments)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"dns\n", b"")


def test_one_refusal_does_not_keep_the_others_from_it(ctl, fake):
    def script(talk):
        talk.refuse(talk.expect(DELETE, "containers/a"), "container a: it is running: stop it first, or use --force")
        talk.answer(talk.expect(DELETE, "containers/b"), code=ACCEPTED)

    fake.serve(script)
    result = ctl("rm", "a", "b")
    assert (result.returncode, result.stdout) == (1, b"b\n")
    assert one_line(result.stderr) == "container a: it is running: stop it first, or use --force"


def test_stats_show_use_and_budget(ctl, fake):
    usage = {NAME: "dns", PHASE: "running", USED: 700 << 10, PEAK: 1 << 20, MEMORY: 4 << 20, COUNT: 2, PROCESSES: 64,
             CPU: 1_250_000_000, DISK_USED: 24 << 10, DISK: 64 << 20}
    fake.serve(lambda talk: talk.answer(talk.expect(GET, "usage"), [usage]))
    lines = ctl("stats").stdout.decode().splitlines()
    assert [re.split(r" {2,}", line) for line in lines] == [
        ["NAME", "MEMORY", "PEAK", "BUDGET", "PROCESSES", "DISK", "CPU TIME"],
        ["dns", "700K", "1.0M", "4.0M", "2 of 64", "24K of 64.0M", "1.2s"]]


def test_stats_again_and_again_until_interrupted(start_ctl, fake):
    def script(talk):
        for used in (0, 1_000_000_000):
            talk.answer(talk.expect(GET, "usage"), [{NAME: "dns", CPU: used}])
        talk.wait_for_end()

    fake.serve(script)
    child = start_ctl("stats", "--watch")
    lines = [child.stdout.readline().decode() for _ in range(4)]
    child.send_signal(signals.SIGINT)
    assert child.wait(TIMEOUT_SECONDS) == 0
    assert lines[2].rstrip().endswith("CPU") and lines[3].rstrip().endswith("%")


def test_inspect_of_a_stranger_is_refused_in_the_agents_words(ctl, fake):
    fake.serve(lambda talk: talk.refuse(talk.expect(GET, "containers/x"), "container x: there is none", NOT_FOUND))
    result = ctl("inspect", "x")
    assert (result.returncode, result.stdout) == (1, b"")
    assert one_line(result.stderr) == "container x: there is none"


def test_plan_shows_the_steps_with_their_numbers(ctl, fake):
    def script(talk):
        request = talk.expect(POST, "plan")
        assert request.value[ROOT] == "/r" and request.value[COMMAND] == ["sh", "-c", "true"]
        talk.answer(request, {AGENT_STEPS: ["1 make cgroup"], CHILD_STEPS: ["2 mount proc", "10 exec sh"], AGENT_PLAN: b"\x01"})

    fake.serve(script)
    assert ctl("plan", "/r", "sh", "-c", "true").stdout.decode() == (
        "The agent, on the node:\n    1 make cgroup\nThe child, inside its namespaces:\n    2 mount proc\n   10 exec sh\n")


def test_a_question_is_asked_again_where_the_agent_went_away(ctl, fake):
    fake.serve(lambda talk: talk.expect(GET, "info"), lambda talk: talk.answer(talk.expect(GET, "info"), {80: "1"}))
    assert ctl("info", "--json").stdout == b'{"version":"1"}\n'


def test_an_agent_that_dies_over_and_over_is_asked_three_times_more(ctl, fake):
    asked = lambda talk: talk.expect(GET, "info")
    fake.serve(asked, asked, asked, lambda talk: talk.answer(talk.expect(GET, "info"), {80: "1"}))
    assert ctl("info", "--json").stdout == b'{"version":"1"}\n'
    fake.serve(asked, asked, asked, asked)
    result = ctl("info", "--json")
    assert result.returncode == 3
    assert "went away" in one_line(result.stderr)


def test_what_changes_things_is_not_asked_twice(ctl, fake):
    fake.serve(lambda talk: talk.expect(DELETE, "containers/a"))
    result = ctl("rm", "a")
    assert result.returncode == 3
    assert "went away" in one_line(result.stderr)


@pytest.mark.parametrize("garbage", [b"\xff" * 16, b"\x09\x45", b"\x11\x45\x00\xff"])
def test_garbage_from_the_agent_is_one_line(ctl, fake, garbage):
    fake.serve(lambda talk: talk.send_raw(garbage), greet=False)
    result = ctl("ps")
    assert result.returncode in (1, 3)
    one_line(result.stderr)


def test_an_answer_that_is_not_cbor_is_one_line(ctl, fake):
    fake.serve(lambda talk: talk.send(fake_agent.CONTENT, talk.expect(GET, "containers").token, payload=b"\xff"))
    result = ctl("ps")
    assert result.returncode == 1
    assert one_line(result.stderr).startswith("read the agent's answer: decode CBOR")


def test_an_abort_is_told_and_a_ping_answered(ctl, fake):
    def script(talk):
        talk.send(fake_agent.PING, b"\x07")
        request = talk.receive()
        if request.code != fake_agent.PONG:
            request, pong = talk.receive(), request
            assert (pong.path, request.code) == ("info", fake_agent.PONG)
        talk.send(fake_agent.ABORT, payload=b"too busy")
        talk.wait_for_end()

    fake.serve(script)
    result = ctl("info")
    assert result.returncode == 1
    assert one_line(result.stderr) == "the agent ended the conversation: too busy"


# Neighbours


def alix(name="alix-7qk2", **more):
    return {NAME: name, ADDRESS: "10.1.2.3", SOURCES: ["link", "microcloud"], IS_ALIVE: True, MICROCLOUD: "gracia",
            QUALITY: 87, SERVICE_COUNT: 2, ISA: "geode", FINGERPRINT: "00c1000000004e60", MEMORY_FREE: 96 << 20,
            COAP_PORT: 5683, STANDING: "unclaimed", **more}


WIKI = {TYPE: "http", DESCRIPTION: "wiki", NODE: "alix", HOST: "alix.guifi.local", ADDRESS: "10.1.2.3", PORT: 8080,
        MICROCLOUD: "gracia", SOURCES: ["microcloud"], QUALITY: 87}


def cells(output):
    return [re.split(r" {2,}", line) for line in output.decode().splitlines()]


def is_harmless(output):
    return all(character == "\n" or character.isprintable() for character in output.decode())


def test_nodes_are_a_table(ctl, fake):
    cloudy = {NAME: "cloudy", ADDRESS: "10.1.2.4", SOURCES: ["public"], IS_ALIVE: False, QUALITY: 0, SERVICE_COUNT: 0}
    fake.serve(lambda talk: talk.answer(talk.expect(GET, "nodes"), {NODES: [alix(), cloudy], IS_CUT: False}))
    result = ctl("nodes")
    assert (result.returncode, result.stderr) == (0, b"")
    assert cells(result.stdout) == [
        ["NAME", "ADDRESS", "STATUS", "QUALITY", "MEMORY", "ISA", "SERVICES", "MICROCLOUD", "SEEN IN"],
        ["alix-7qk2", "10.1.2.3", "alive, unclaimed", "87%", "96.0M", "geode", "2", "gracia", "link, microcloud"],
        ["cloudy", "10.1.2.4", "gone", "0%", "-", "-", "0", "-", "public"]]


def test_nodes_as_names_and_as_json(ctl, fake):
    answer = {NODES: [alix("a"), alix("b")], IS_CUT: True}
    fake.serve(*[lambda talk: talk.answer(talk.expect(GET, "nodes"), answer)] * 2)
    names = ctl("nodes", "-q")
    assert (names.returncode, names.stdout) == (0, b"a\nb\n")
    assert one_line(names.stderr) == "there are more nodes than these 2"
    result = ctl("nodes", "--json")
    assert (result.returncode, result.stderr) == (0, b"")
    document = json.loads(result.stdout)
    assert document["isCut"] is True
    assert document["nodes"][0] == {
        "name": "a", "address": "10.1.2.3", "sources": ["link", "microcloud"], "isAlive": True, "microcloud": "gracia",
        "quality": 87, "serviceCount": 2, "isa": "geode", "fingerprint": "00c1000000004e60",
        "memoryFreeBytes": 96 << 20, "coapPort": 5683, "standing": "unclaimed"}


@pytest.mark.parametrize("arguments, query", [
    ([], []), (["http"], ["text=http"]), (["Our library, 10:30 = plaça"], ["text=Our library, 10:30 = plaça"]),
    (["--", "-x"], ["text=-x"]),
])
def test_search_asks_for_exactly_this_text(ctl, fake, arguments, query):
    def script(talk):
        request = talk.expect(GET, "services")
        assert request.query == query
        talk.answer(request, {SERVICES: [WIKI], IS_CUT: False, BROKEN_TAGS: 0})

    fake.serve(script)
    result = ctl("search", *arguments)
    assert (result.returncode, result.stderr) == (0, b"")
    assert cells(result.stdout) == [
        ["TYPE", "DESCRIPTION", "ADDRESS", "NODE", "QUALITY", "MICROCLOUD", "SEEN IN"],
        ["http", "wiki", "10.1.2.3:8080", "alix", "87%", "gracia", "microcloud"]]


@pytest.mark.parametrize("arguments, query", [
    (["--of", "alix"], []), (["--of=alix", "wiki"], ["text=wiki"]), (["wiki", "--of", "alix"], ["text=wiki"]),
])
def test_search_asks_one_node_itself(ctl, fake, arguments, query):
    def script(talk):
        request = talk.expect(GET, "nodes/alix/publications")
        assert request.query == query
        talk.answer(request, {SERVICES: [WIKI], IS_CUT: False, BROKEN_TAGS: 0})

    fake.serve(script)
    result = ctl("search", *arguments)
    assert (result.returncode, result.stderr) == (0, b"")
    assert cells(result.stdout)[1] == ["http", "wiki", "10.1.2.3:8080", "alix", "87%", "gracia", "microcloud"]


def test_search_tells_why_a_node_does_not_answer(ctl, fake):
    fake.serve(lambda talk: talk.refuse(talk.expect(GET, "nodes/alix/publications"), "node alix: it is no agent", NOT_FOUND))
    result = ctl("search", "--of", "alix")
    assert (result.returncode, result.stdout) == (1, b"")
    assert one_line(result.stderr).endswith("node alix: it is no agent")
    assert ctl("search", "--of", "").returncode == 2


def test_search_tells_what_is_missing(ctl, fake):
    answer = {SERVICES: [WIKI], IS_CUT: True, BROKEN_TAGS: 2}
    fake.serve(*[lambda talk: talk.answer(talk.expect(GET, "services"), answer)] * 2)
    result = ctl("search")
    assert result.returncode == 0 and result.stdout.count(b"\n") == 2
    assert result.stderr.decode().splitlines() == [
        "microctl: there are more services than these 1: search for a text that fewer of them have",
        "microctl: 2 nodes say what cannot be read, and may offer more"]
    result = ctl("search", "--json")
    assert (result.returncode, result.stderr) == (0, b"")
    assert json.loads(result.stdout) == {"isCut": True, "brokenTags": 2, "services": [{
        "type": "http", "description": "wiki", "node": "alix", "host": "alix.guifi.local", "address": "10.1.2.3",
        "port": 8080, "microcloud": "gracia", "sources": ["microcloud"], "quality": 87}]}


def test_nothing_found_is_no_failure(ctl, fake):
    fake.serve(lambda talk: talk.answer(talk.expect(GET, "services"), {SERVICES: [], IS_CUT: False, BROKEN_TAGS: 0}))
    result = ctl("search", "wombat")
    assert (result.returncode, result.stdout.count(b"\n"), result.stderr) == (0, 1, b"")


@pytest.mark.parametrize("arguments, path, answer", [
    (["nodes"], "nodes", {NODES: [alix(EVIL)], IS_CUT: False}),
    (["nodes", "-q"], "nodes", {NODES: [alix(EVIL)], IS_CUT: False}),
    (["nodes"], "nodes", {NODES: [{**alix(), MICROCLOUD: EVIL, ADDRESS: EVIL, ISA: EVIL, SOURCES: [EVIL]}]}),
    (["search"], "services", {SERVICES: [{TYPE: EVIL, DESCRIPTION: EVIL, NODE: EVIL, HOST: EVIL, ADDRESS: EVIL,
                                          MICROCLOUD: EVIL, TEXT: EVIL, SOURCES: [EVIL]}]}),
    (["search"], "services", {SERVICES: [{TYPE: "http", HOST: EVIL, PORT: 80}]}),
    (["publish"], "publications", [{TYPE: EVIL, PORT: 1, DESCRIPTION: EVIL, CONTAINER: EVIL, ANNOUNCED: EVIL}]),
    (["publish", "-q"], "publications", [{TYPE: EVIL, PORT: 1}]),
    (["info"], "info", {NODE: EVIL, MEMBERSHIPS: [{MEMBERSHIP: EVIL, NODE: EVIL, STATUS: [EVIL], EVIL: EVIL}, EVIL]}),
    (["inspect", "x"], "containers/x", {NAME: "x", REQUEST: {PUBLICATIONS: [{TYPE: EVIL, DESCRIPTION: EVIL}]}}),
])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_what_strangers_say_cannot_drive_the_terminal(ctl, fake, arguments, path, answer, form):
    """Not even where the agent passes it on as it came."""
    fake.serve(lambda talk: talk.answer(talk.expect(GET, path), answer))
    result = ctl(*arguments, *form)
    assert result.returncode == 0
    assert is_harmless(result.stdout) and "]0;x" in result.stdout.decode()


def test_a_refusal_with_a_strangers_text_is_harmless(ctl, fake):
    fake.serve(lambda talk: talk.refuse(talk.expect(GET, "nodes"), f"node {EVIL}: no"))
    result = ctl("nodes")
    assert result.returncode == 1 and is_harmless(result.stderr)
    assert one_line(result.stderr).startswith("node ")


# Publishing


def test_publish_sends_exactly_this_and_tells_the_name(ctl, fake):
    def script(value):
        def play(talk):
            request = talk.expect(POST, "publications")
            assert request.value == value
            talk.answer(request, {NAME: f"{value[TYPE]}:{value[PORT]}"}, code=CREATED)
        return play

    fake.serve(script({TYPE: "http", PORT: 80, DESCRIPTION: "Our library: open"}), script({TYPE: "ssh", PORT: 22}),
               script({TYPE: "ssh", PORT: 22}))
    result = ctl("publish", "http:80:Our library: open")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"http:80\n", b"")
    assert ctl("publish", "ssh:22").stdout == b"ssh:22\n"
    assert ctl("publish", "ssh:22", "--json").stdout == b'{"name":"ssh:22"}\n'


def test_publish_alone_lists_what_is_offered(ctl, fake):
    own = [{TYPE: "http", PORT: 80, DESCRIPTION: "Our library", ANNOUNCED: "by gossip and mDNS"},
           {TYPE: "Docker", PORT: 8080, CONTAINER: "web", ANNOUNCED: "not announced: nobody has claimed this board"}]
    fake.serve(*[lambda talk: talk.answer(talk.expect(GET, "publications"), own)] * 3)
    assert ctl("publish").stdout.decode() == (
        "NAME         DESCRIPTION  CONTAINER  ANNOUNCED\n"
        "http:80      Our library  -          by gossip and mDNS\n"
        "Docker:8080  -            web        not announced: nobody has claimed this board\n")
    assert ctl("publish", "--names").stdout == b"http:80\nDocker:8080\n"
    assert json.loads(ctl("publish", "--json").stdout)[1] == {
        "type": "Docker", "port": 8080, "container": "web",
        "announced": "not announced: nobody has claimed this board"}


def test_what_is_published_is_not_published_twice(ctl, fake):
    fake.serve(lambda talk: talk.expect(POST, "publications"))
    result = ctl("publish", "http:80")
    assert result.returncode == 3
    assert "went away" in one_line(result.stderr)


def test_unpublish_withdraws_each_and_tells_which(ctl, fake):
    def script(talk):
        talk.refuse(talk.expect(DELETE, "publications/http:80"), "publication http:80: container web offers it")
        talk.answer(talk.expect(DELETE, "publications/ssh:22"), code=ACCEPTED)

    fake.serve(script)
    result = ctl("unpublish", "http:80", "ssh:22")
    assert (result.returncode, result.stdout) == (1, b"ssh:22\n")
    assert one_line(result.stderr) == "publication http:80: container web offers it"


def test_run_publishes_what_its_container_serves(ctl, fake):
    def script(talk):
        request = talk.expect(POST, "containers")
        assert request.value[PUBLICATIONS] == [{TYPE: "http", PORT: 80, DESCRIPTION: "Our library"},
                                               {TYPE: "Docker", PORT: 8080}]
        assert request.value[NETWORK] == "host"
        talk.answer(request, {NAME: "web"}, code=CREATED)

    fake.serve(script)
    result = ctl("run", "-d", "--network", "host", "--publish", "http:80:Our library", "--publish=Docker:8080", "/r", "sh")
    assert (result.returncode, result.stdout) == (0, b"web\n")


def test_inspect_shows_what_a_container_publishes(ctl, fake):
    value = {NAME: "web", REQUEST: {ROOT: "/r", PUBLICATIONS: [{TYPE: "http", PORT: 80, DESCRIPTION: "Our library"}]}}
    fake.serve(lambda talk: talk.answer(talk.expect(GET, "containers/web"), value))
    assert ctl("inspect", "web").stdout.decode() == (
        "name:    web\nrequest:\n  root:         /r\n  publications:\n"
        "    type http, port 80, description Our library\n")


def test_info_shows_the_node_and_each_membership(ctl, fake):
    value = {80: "0.1.0", NODE: "alix-7qk2", FINGERPRINT: "00c1000000004e60", STANDING: "claimed", MEMBERSHIPS: [
        {MEMBERSHIP: "public", NODE: "alix-7qk3", MEMBERS: 12, STATUS: ["in: 12 members, through 10.1.2.3:5000"]},
        {MEMBERSHIP: "microcloud", NODE: "alix-7qk2", MEMBERS: 1, STATUS: ["gracia: as configured", "searching"]}]}
    fake.serve(lambda talk: talk.answer(talk.expect(GET, "info"), value))
    assert ctl("info").stdout.decode() == (
        "version:     0.1.0\nnode:        alix-7qk2\nfingerprint: 00c1000000004e60\nstanding:    claimed\n"
        "memberships:\n"
        "  public:\n    node:    alix-7qk3\n    members: 12\n    status:\n"
        "      in: 12 members, through 10.1.2.3:5000\n"
        "  microcloud:\n    node:    alix-7qk2\n    members: 1\n    status:\n"
        "      gracia: as configured\n      searching\n")


# Logs


def test_logs_are_asked_for_until_there_is_no_more(ctl, fake):
    def script(talk):
        for query, answer in [(["tail=2"], chunk(100, b"a" * 50)), (["from=150"], chunk(150, b"\x00\xffb")),
                              (["from=153"], chunk(153, b"", True))]:
            request = talk.expect(GET, "containers/dns/logs")
            assert request.query == query
            talk.answer(request, answer)

    fake.serve(script)
    result = ctl("logs", "--tail", "2", "dns")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"a" * 50 + b"\x00\xffb", b"")


def test_a_gap_in_the_log_is_told(ctl, fake):
    def script(talk):
        request = talk.expect(GET, "containers/dns/logs", observes=True)
        talk.answer(request, chunk(0, b"one\n"), observe=1)
        talk.answer(request, chunk(10, b"two\n", True), observe=2)

    fake.serve(script)
    result = ctl("logs", "-f", "dns")
    assert (result.returncode, result.stdout) == (0, b"one\ntwo\n")
    assert one_line(result.stderr) == "6 bytes of output were overwritten before they could be read"


def test_a_followed_log_goes_on_where_it_was_when_the_agent_is_back(ctl, fake):
    def first(talk):
        request = talk.expect(GET, "containers/dns/logs", observes=True)
        assert request.query == ["tail=5"]
        talk.answer(request, chunk(1000, b"one\ntw"), observe=1)
        talk.send_raw(fake_agent.encode(fake_agent.CONTENT, request.token, payload=cbor2.dumps(chunk(1006, b"o\n")))[:5])

    def second(talk):
        request = talk.expect(GET, "containers/dns/logs", observes=True)
        assert request.query == ["from=1006"]
        talk.answer(request, chunk(1000, b"one\ntwo\n"), observe=1)
        talk.answer(request, chunk(1008, b"three\n", True), observe=2)

    fake.serve(first, second)
    result = ctl("logs", "-f", "--tail", "5", "dns")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"one\ntwo\nthree\n", b"")


def test_a_followed_log_of_what_is_removed_ends(ctl, fake):
    def script(talk):
        request = talk.expect(GET, "containers/dns/logs", observes=True)
        talk.answer(request, chunk(0, b"x"), observe=1)
        talk.refuse(request, "the container is gone", NOT_FOUND)

    fake.serve(script)
    assert ctl("logs", "-f", "dns").returncode == 0


def test_a_follower_whose_reader_is_gone_ends_by_itself(start_ctl, fake):
    def script(talk):
        talk.answer(talk.expect(GET, "containers/dns/logs", observes=True), chunk(0, b"x\n"), observe=1)
        talk.wait_for_end()

    fake.serve(script)
    child = start_ctl("logs", "-f", "dns")
    assert child.stdout.readline() == b"x\n"
    child.stdout.close()
    assert child.wait(TIMEOUT_SECONDS) == 141
    assert child.stderr.read() == b""


# run


def test_run_detached_prints_the_name(ctl, fake):
    def script(talk):
        request = talk.expect(POST, "containers")
        assert request.value == {ROOT: "/r", COMMAND: ["sleep", "9"], MEMORY: 4 << 20, PROCESSES: 64, 18: 1000}
        talk.answer(request, {NAME: "c1"}, code=CREATED)

    fake.serve(script)
    result = ctl("run", "-d", "-m", "4M", "/r", "sleep", "9")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"c1\n", b"")


@pytest.mark.parametrize("arguments", [["-d"], ["--name", "x"]])
def test_run_that_is_refused_is_125(ctl, fake, arguments):
    def script(talk):
        talk.refuse(talk.expect(POST, "containers"), "container x: mount proc on /proc: denied (step 7 of 23)", BAD_REQUEST)
        talk.wait_for_end()

    fake.serve(script)
    result = ctl("run", *arguments, "/r", "sh")
    assert (result.returncode, result.stdout) == (125, b"")
    assert one_line(result.stderr) == "container x: mount proc on /proc: denied (step 7 of 23)"


def test_relative_paths_begin_here(ctl, fake, tmp_path):
    (tmp_path / "root").mkdir()

    def script(talk):
        request = talk.expect(POST, "containers")
        assert request.value[ROOT] == str(tmp_path / "root")
        assert request.value[12] == [{13: str(tmp_path / "data"), 14: "/d"}, {13: str(tmp_path.resolve()), 14: "/p"}]
        talk.answer(request, {NAME: "c1"}, code=CREATED)

    fake.serve(script)
    assert ctl("run", "-d", "-v", "./data:/d", "-v", "root/..:/p", "root/", "sh", cwd=tmp_path).returncode == 0


def foreground(talk, name="x"):
    """What a foreground run asks for at once; the answers to the start are the caller's."""
    start = talk.expect(POST, "containers")
    assert start.value[NAME] == name
    return (start, talk.expect(GET, f"containers/{name}", observes=True),
            talk.expect(GET, f"containers/{name}/logs", observes=True))


@pytest.mark.parametrize("ending, code, errors", [
    (end(0), 0, b""),
    (end(7), 7, b""),
    (end(125, "container x: its program never ran"), 125, b"microctl: container x: its program never ran\n"),
    (end(137, "killed by signal 9"), 137, b"microctl: container x: killed by signal 9\n"),
    (end(137, "out of memory: budget 4096 KiB, peak 4096 KiB"), 137,
     b"microctl: container x: out of memory: budget 4096 KiB, peak 4096 KiB\n"),
])
def test_run_shows_output_and_takes_over_the_exit_code(ctl, fake, ending, code, errors):
    def script(talk):
        start, watch, log = foreground(talk)
        talk.answer(watch, state("x", "starting"), observe=1)
        talk.answer(start, {NAME: "x"}, code=CREATED)
        talk.answer(watch, state("x", "running"), observe=2)
        talk.answer(log, chunk(0, b"hello\n"), observe=1)
        talk.answer(watch, state("x", "ended", end=ending), observe=3)
        talk.answer(log, chunk(6, b"bye\n", True), observe=2)
        rest = talk.expect(GET, "containers/x/logs", observes=True)
        assert rest.query == ["from=10"]
        talk.answer(rest, chunk(10, b"", True), observe=1)

    fake.serve(script)
    result = ctl("run", "--name", "x", "/r", "sh")
    assert (result.returncode, result.stdout, result.stderr) == (code, b"hello\nbye\n", errors)


def test_run_that_removes_itself_loses_neither_output_nor_exit_code(ctl, fake):
    def script(talk):
        start = talk.expect(POST, "containers")
        name = start.value[NAME]
        assert start.value[REMOVES] is True
        watch = talk.expect(GET, f"containers/{name}", observes=True)
        log = talk.expect(GET, f"containers/{name}/logs", observes=True)
        # All is over before the start is even answered.
        talk.answer(watch, state(name, "removing", end=end(3)), observe=1)
        talk.refuse(watch, "the container is gone", NOT_FOUND)
        talk.answer(log, chunk(0, b"quick\n", True), observe=1)
        talk.answer(start, {NAME: name}, code=CREATED)
        talk.refuse(talk.expect(GET, f"containers/{name}/logs", observes=True), "there is none", NOT_FOUND)

    fake.serve(script)
    result = ctl("run", "--rm", "/r", "sh")
    assert (result.returncode, result.stdout, result.stderr) == (3, b"quick\n", b"")


def test_run_follows_restarts_to_the_last_end(ctl, fake):
    def script(talk):
        start, watch, log = foreground(talk)
        talk.answer(start, {NAME: "x"}, code=CREATED)
        talk.answer(log, chunk(0, b"1\n", True), observe=1)
        talk.answer(watch, state("x", "waiting", end=end(1)), observe=1)
        talk.answer(watch, state("x", "running"), observe=2)
        log = talk.expect(GET, "containers/x/logs", observes=True)
        assert log.query == ["from=2"]
        talk.answer(log, chunk(2, b"2\n"), observe=1)
        talk.answer(log, chunk(4, b"", True), observe=2)
        talk.answer(watch, state("x", "ended", end=end(4)), observe=3)
        talk.answer(talk.expect(GET, "containers/x/logs", observes=True), chunk(4, b"", True), observe=1)

    fake.serve(script)
    result = ctl("run", "--name", "x", "--restart", "on-failure:1", "/r", "sh")
    assert (result.returncode, result.stdout) == (4, b"1\n2\n")


def test_run_goes_on_when_the_agent_is_back(ctl, fake):
    def first(talk):
        start, watch, log = foreground(talk)
        talk.answer(start, {NAME: "x"}, code=CREATED)
        talk.answer(log, chunk(0, b"one\n"), observe=1)

    def second(talk):
        watch = talk.expect(GET, "containers/x", observes=True)
        log = talk.expect(GET, "containers/x/logs", observes=True)
        assert log.query == ["from=4"]
        talk.answer(log, chunk(4, b"two\n", True), observe=1)
        talk.answer(watch, state("x", "ended", end=end(5)), observe=1)
        talk.answer(talk.expect(GET, "containers/x/logs", observes=True), chunk(8, b"", True), observe=1)

    fake.serve(first, second)
    result = ctl("run", "--name", "x", "/r", "sh")
    assert (result.returncode, result.stdout, result.stderr) == (5, b"one\ntwo\n", b"")


@pytest.mark.parametrize("ours", [True, False])
def test_a_start_that_was_cut_off_is_found_again_or_told(ctl, fake, ours):
    requests = []

    def first(talk):
        requests.append(talk.expect(POST, "containers").value)

    def second(talk):
        ask = talk.expect(GET, "containers/x")
        if not ours:
            talk.refuse(ask, "there is none", NOT_FOUND)
            return
        talk.answer(ask, {**state("x", "running"), REQUEST: requests[0]})
        watch = talk.expect(GET, "containers/x", observes=True)
        log = talk.expect(GET, "containers/x/logs", observes=True)
        talk.answer(log, chunk(0, b"all\n", True), observe=1)
        talk.answer(watch, state("x", "ended", end=end(0)), observe=1)
        talk.answer(talk.expect(GET, "containers/x/logs", observes=True), chunk(4, b"", True), observe=1)

    fake.serve(first, second)
    result = ctl("run", "--name", "x", "/r", "sh")
    if ours:
        assert (result.returncode, result.stdout) == (0, b"all\n")
    else:
        assert result.returncode == 125
        assert one_line(result.stderr) == "the agent ended before x was started: start it again"


def test_an_agent_that_stays_away_is_told_in_a_line(ctl, fake):
    def script(talk):
        start, _, log = foreground(talk)
        talk.answer(start, {NAME: "x"}, code=CREATED)
        talk.answer(log, chunk(0, b"one\n"), observe=1)

    fake.serve(script)
    result = ctl("run", "--name", "x", "/r", "sh")
    assert (result.returncode, result.stdout) == (3, b"one\n")
    assert one_line(result.stderr).startswith(f"no agent at {fake.path}: ")


def test_an_interrupt_stops_and_a_second_one_detaches(start_ctl, fake):
    def script(talk):
        start, _, log = foreground(talk)
        talk.answer(start, {NAME: "x"}, code=CREATED)
        talk.answer(log, chunk(0, b"up\n"), observe=1)
        talk.expect(POST, "containers/x/stop")
        talk.answer(log, chunk(3, b"stopping\n"), observe=2)
        assert talk.wait_for_end() == []

    fake.serve(script)
    child = start_ctl("run", "--name", "x", "/r", "sh")
    assert child.stdout.readline() == b"up\n"
    child.send_signal(signals.SIGINT)
    assert child.stdout.readline() == b"stopping\n"
    child.send_signal(signals.SIGTERM)
    assert child.wait(TIMEOUT_SECONDS) == 128 + signals.SIGTERM
    assert one_line(child.stderr.read()) == "detached from x: `microctl ps` tells what becomes of it"


def test_a_conflicting_name_shows_nothing_of_the_other_container(ctl, fake):
    def script(talk):
        start, watch, log = foreground(talk)
        talk.answer(watch, state("x", "running"), observe=1)
        talk.answer(log, chunk(0, b"secret of another\n"), observe=1)
        talk.refuse(start, "container x: the name is taken", CONFLICT)
        talk.wait_for_end()

    fake.serve(script)
    result = ctl("run", "--name", "x", "/r", "sh")
    assert (result.returncode, result.stdout) == (125, b"")


# exec


@pytest.mark.parametrize("known", [True, False])
def test_a_program_whose_asking_was_not_answered_is_looked_for_and_not_run_again(ctl, fake, known):
    paths = []

    def first(talk):
        request = talk.receive()
        assert (request.code, request.value) == (PUT, {COMMAND: ["true"], ENVIRONMENT: ["A=1"]})
        paths.append(request.path)

    def second(talk):
        ask = talk.expect(GET, paths[0], observes=True)
        if not known:
            return talk.refuse(ask, "exec: it is not known here", NOT_FOUND)
        talk.answer(ask, {PHASE: "running"}, observe=1)
        talk.answer(ask, {PHASE: "ended", END: end(4), OUTPUT: b"o", ERRORS: b"e\n", CUT_BYTES: 0}, observe=2)

    fake.serve(first, second)
    result = ctl("exec", "-e", "A=1", "dns", "true")
    assert re.fullmatch(r"containers/dns/exec/\d+", paths[0])
    if known:
        assert (result.returncode, result.stdout, result.stderr) == (4, b"o", b"e\n")
    else:
        assert (result.returncode, one_line(result.stderr)) == (125, "exec: it is not known here")


def test_output_that_cannot_be_written_is_an_error(microctl, fake):
    fake.serve(lambda talk: talk.answer(talk.expect(GET, "containers"), []))
    with open("/dev/full", "wb") as full:
        result = subprocess.run([microctl, "--socket", fake.path, "ps"], stdout=full, stderr=subprocess.PIPE,
                                timeout=TIMEOUT_SECONDS)
    assert result.returncode == 1
    assert one_line(result.stderr) == "write the output: No space left on device"
