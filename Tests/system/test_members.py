"""A microcloud's members and owners, by what its key signed: on boards of the same owner, from machines elsewhere."""

import json

import pytest

from boards import OWNER, together
from images import archive, busybox_files, root_archive
from people import Person

pytestmark = pytest.mark.machines("local")

LEASE = ["lease", "-m", "8M", "--cpu", "20%"]
SMALL = ["-m", "2M", "--cpus", "0.1", "--processes", "16"]


class Microcloud:
    """A person who has made a microcloud's key, and whose boards know it."""

    def __init__(self, boards, name="gracia"):
        self.boards = boards
        self.name = name
        self.founder = Person(boards, f"founder-{name}")
        setting, self.key = self.founder.ctl("microcloud", "create", name).check().text.strip().split(" = ")
        assert setting == "microcloud-key"

    def board(self, **settings):
        return self.boards.on(
            owner=self.founder.key, microcloud=self.name, microcloud_key=self.key, offer_memory="50%", **settings)

    def invite(self, person, *options):
        """The text that the founder sends."""
        return self.founder.ctl("invite", person.key, *options).check().text.strip()

    def admit(self, person, *options):
        person.ctl("accept", self.invite(person, *options)).check()
        return person

    def member(self, name, *options):
        return self.admit(Person(self.boards, name), *options)


def refusal(result):
    """The one line of a command that was refused."""
    assert result.code != 0, result
    [line] = [line for line in result.error_text.splitlines() if "seen for the first time" not in line]
    return line


def test_a_member_leases_and_sees_what_is_its_own(boards, rootfs):
    microcloud = Microcloud(boards)
    roots = rootfs.rsplit("/", 1)[0]
    here, there = (microcloud.board(lease_roots=roots) for _ in range(2))
    together(here, there)
    ana, bruna = microcloud.member("ana"), microcloud.member("bruna")
    there.ctl("run", "-d", *SMALL, "--name", "owners", rootfs, "sleep", "1000").check()
    node = ["--node", there.address]

    lease = ana.ctl(*node, *LEASE).check().text.strip()
    ana.ctl(*node, "run", "-d", "--lease", lease, *SMALL, "--name", "web", rootfs, "sleep", "1000").check()
    assert ana.ctl(*node, "run", "--rm", "--lease", lease, *SMALL, rootfs, "sh", "-c", "exit 7").code == 7
    assert [one["name"] for one in ana.json(*node, "ps")] == ["web"]
    assert ana.ctl(*node, "exec", "web", "sh", "-c", "echo in; exit 5").code == 5
    assert [str(one["id"]) for one in ana.json(*node, "leases")] == [lease]
    # To another member there is none of it.
    assert bruna.json(*node, "ps") == [] and bruna.json(*node, "leases") == []
    for command in (["stop", "web"], ["rm", "-f", "web"], ["logs", "web"], ["stop", "owners"], ["exec", "web", "true"]):
        assert "you have none of that name here" in refusal(bruna.ctl(*node, *command))
    assert "you have none of that name here" in refusal(bruna.ctl(*node, "release", lease))
    # And what is the owner's to decide it may not.
    assert "name a lease of yours" in refusal(ana.ctl(*node, "run", rootfs, "true"))
    assert "only its owner may give it" in refusal(
        ana.ctl(*node, "run", "--lease", lease, "--userns", "host", *SMALL, rootfs, "true"))
    assert "only those below" in refusal(ana.ctl(*node, "run", "--lease", lease, *SMALL, "/etc", "true"))
    assert "only the board's owner" in refusal(ana.ctl(*node, "drain"))
    # The founder's own key is the board's owner, and sees everything; the other board knows nothing of it.
    assert sorted(one["name"] for one in microcloud.founder.json(*node, "ps")) == ["owners", "web"]
    assert microcloud.founder.ctl(*node, "exec", "web", "echo", "owner").check().text == "owner\n"
    assert "you have none of that name here" in refusal(ana.ctl(*node, "exec", "owners", "true"))
    assert here.json("leases") == []
    ana.ctl(*node, "stop", "-t", "0", "web").check()
    ana.ctl(*node, "release", lease).check()
    there.machine.wait_until(lambda: there.json("ps")[0]["name"] == "owners" and len(there.json("ps")) == 1)
    there.ctl("rm", "-f", "owners").check()


def test_a_member_pushes_what_its_leases_have_room_for(boards, directory):
    microcloud = Microcloud(boards)
    board = microcloud.board(offer_disk="64M")
    ana, bruna = microcloud.member("ana"), microcloud.member("bruna")
    node = ["--node", board.address]
    files, links = busybox_files()
    box = root_archive(f"{directory}/box.tar", files, links)
    size = len(archive(files, links))
    assert "left of your leases" in refusal(ana.ctl(*node, "push", box, "box:1"))
    lease = ana.ctl(*node, *LEASE, "--disk", f"{(size >> 20) + 1}M").check().text.strip()
    ana.ctl(*node, "push", box, "box:1").check()
    assert ana.ctl(*node, "run", "--rm", "--lease", lease, *SMALL, "box:1", "echo", "hi").check().text == "hi\n"
    # No more than that; and nobody else's.
    more = root_archive(f"{directory}/more.tar", {**files, "more": b"more"}, links)
    assert "left of your leases" in refusal(ana.ctl(*node, "push", more, "more:1"))
    assert bruna.json(*node, "images") == []
    for command in (["rmi", "box:1"], ["images", "box:1"], ["run", "--lease", lease, "box:1", "true"]):
        assert "you have none of that name here" in refusal(bruna.ctl(*node, *command))
    assert "left of your leases" in refusal(bruna.ctl(*node, "push", box, "box:1"))
    assert [one["name"] for one in microcloud.founder.json(*node, "images")] == ["box:1"]
    ana.ctl(*node, "rmi", "box:1").check()
    ana.ctl(*node, "push", more, "more:1").check()
    ana.ctl(*node, "rmi", "more:1").check()
    ana.ctl(*node, "release", lease).check()


def test_an_owner_by_credential_does_everything(boards, rootfs):
    microcloud = Microcloud(boards)
    board = microcloud.board()
    steward = microcloud.member("steward", "--role", "owner")
    steward.ctl("--node", board.address, "run", "--rm", *SMALL, rootfs, "true").check()
    steward.ctl("--node", board.address, "drain").check()
    assert board.json("offer")["isDraining"]
    # A board that has no other owner is claimed by those whom the microcloud names.
    common = boards.on(microcloud="gracia", microcloud_key=microcloud.key)
    assert common.info()["standing"] == "claimed"
    steward.ctl("--node", common.address, "ps").check()
    assert "does not know this key" in refusal(microcloud.founder.ctl("--node", common.address, "ps"))


def test_who_is_refused_hears_why(boards):
    microcloud, other = Microcloud(boards), Microcloud(boards, "raval")
    board = microcloud.board()
    node = ["--node", board.address]
    stranger = Person(boards, "somebody-else")
    assert "does not know this key" in refusal(stranger.ctl(*node, "ps"))

    brief = microcloud.member("brief", "--for", "3s")
    board.machine.wait_until(lambda: brief.ctl(*node, "ps").code != 0)
    assert "credential: it has expired: ask for a new one" in refusal(brief.ctl(*node, "ps"))

    foreigner = other.member("foreigner-x")
    assert "not signed with this microcloud's key" in refusal(foreigner.ctl(*node, "ps"))
    # A key that signs for another microcloud than the board is in, though the board knows the key.
    mixed = boards.on(microcloud="gracia", microcloud_key=other.key)
    assert "it is of another microcloud than this node is in" in refusal(
        foreigner.ctl("--node", mixed.address, "ps"))

    # Somebody copies a credential: nothing without its key.
    honest = microcloud.member("honestly")
    honest.ctl(*node, "ps").check()
    thief = Person(boards, "a-thief-of-texts")
    text = board.machine.read(f"{honest.directory}/credentials/gracia").decode()
    assert "it is for another key than yours" in refusal(thief.ctl("accept", text))
    thief.ctl("key").check()
    board.machine.sh(f"mkdir -m 700 {thief.directory}/credentials")
    board.machine.write(f"{thief.directory}/credentials/gracia", text)
    assert "refuses: the message is not authentic" in refusal(thief.ctl(*node, "ps"))
    assert "it is no credential, or was not copied whole" in refusal(thief.ctl("accept", text[:-5]))


def test_who_is_revoked_is_out_at_once(boards, rootfs):
    microcloud = Microcloud(boards)
    board = microcloud.board(lease_roots=rootfs.rsplit("/", 1)[0])
    node = ["--node", board.address]
    ana, bruna = microcloud.member("ana"), microcloud.member("bruna")
    founder = microcloud.founder
    lease = ana.ctl(*node, *LEASE).check().text.strip()
    ana.ctl(*node, "run", "-d", "--lease", lease, *SMALL, "--name", "web", rootfs,
            "sh", "-c", "echo up; exec sleep 1000").check()
    follower = ana.spawn(*node, "logs", "-f", "web")
    follower.wait_for("up")
    founder.ctl(*node, "revoke", ana.key).check()
    ended = follower.wait(30)
    assert ended.code != 0 and "the microcloud has revoked it" in ended.error_text, ended
    assert "credential: the microcloud has revoked it" in refusal(ana.ctl(*node, "ps"))
    bruna.ctl(*node, "ps").check()
    # The list outlives the agent, and its death.
    board.kill()
    board.start()
    assert "the microcloud has revoked it" in refusal(ana.ctl(*node, "ps"))
    # A new credential is a new number.
    microcloud.admit(ana)
    assert [one["name"] for one in ana.json(*node, "ps")] == ["web"]
    # Taken back by number, on this board's own socket, by anybody who brings the list.
    serial = bruna.json("microcloud")[0]["serial"]
    beside = Person(boards, "beside", beside=board)
    board.machine.sh(f"cp -a {founder.home}/.config {beside.home}/")
    beside.ctl("revoke", serial).check()
    assert "the microcloud has revoked it" in refusal(bruna.ctl(*node, "ps"))
    board.ctl("rm", "-f", "web").check()


def test_an_older_list_is_no_way_back(boards):
    microcloud = Microcloud(boards)
    first, second = microcloud.board(), microcloud.board()
    ana, bruna = microcloud.member("ana"), microcloud.member("bruna")
    founder = microcloud.founder
    founder.ctl("--node", first.address, "revoke", ana.key).check()
    kept = f"{founder.directory}/microclouds/gracia/revoked"
    first.machine.sh(f"cp {kept} {kept}.old")
    founder.ctl("--node", first.address, "revoke", bruna.key).check()
    # A board that heard nothing yet is told all of it.
    bruna.ctl("--node", second.address, "ps").check()
    founder.ctl("--node", second.address, "revoke").check()
    assert "has revoked it" in refusal(bruna.ctl("--node", second.address, "ps"))
    # With the old list a founder makes no older one: the board says what it knows.
    first.machine.sh(f"mv {kept}.old {kept}")
    founder.ctl("--node", first.address, "revoke").check()
    for person in (ana, bruna):
        assert "has revoked it" in refusal(person.ctl("--node", first.address, "ps"))


def test_boards_tell_each_other_who_is_out(boards):
    microcloud = Microcloud(boards)
    first, second = microcloud.board(), microcloud.board()
    ana = microcloud.member("ana")
    together(first, second)
    microcloud.founder.ctl("--node", first.address, "revoke", ana.key).check()
    ana.ctl("--node", second.address, "ps").check()
    # The first question is put soon after a start.
    second.stop()
    second.start()
    second.machine.wait_until(lambda: ana.ctl("--node", second.address, "ps").code != 0, 60)
    assert "the microcloud has revoked it" in refusal(ana.ctl("--node", second.address, "ps"))
    # To a board with another microcloud's key the list is nothing.
    other = boards.on(owner=microcloud.founder.key, microcloud="gracia", microcloud_key=OWNER)
    assert "not signed with this microcloud's key" in refusal(
        microcloud.founder.ctl("--node", other.address, "revoke"))


def test_a_credential_is_chosen_by_the_nodes_microcloud(boards):
    gracia, raval = Microcloud(boards), Microcloud(boards, "raval")
    board = gracia.board()
    neighbour = boards.on(microcloud="gracia")
    together(board, neighbour)
    ana = Person(boards, "ana", beside=neighbour)
    gracia.admit(ana)
    raval.admit(ana)
    ana.ctl("--node", board.node_name, "ps").check()
    # By address nobody tells the microcloud, and there are two to choose from.
    assert "does not know this key" in refusal(ana.ctl("--node", board.address, "ps"))
    assert {one["microcloud"] for one in ana.json("microcloud")} == {"gracia", "raval"}


def test_a_wrong_key_is_told_with_its_line(boards):
    board = boards.board(microcloud_key="02" + "00" * 31 + "07").plug()
    board.start(wait=False)
    result = board.process.wait(30)
    assert result.code != 0
    assert "microcloud-key '02" in result.error_text and "`microctl microcloud create` printed" in result.error_text
    assert "line " in result.error_text
