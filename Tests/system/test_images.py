"""Images on a node: made of what was pushed, run, shared, removed, and whole or not there whatever happens."""

import gzip
import json
import os
import subprocess

import pytest

from images import Layout, archive, busybox_files, make_blob, root_archive
from node import Node, refused

pytestmark = pytest.mark.machines("local")


@pytest.fixture
def base():
    """A layer with busybox."""
    files, links = busybox_files()
    return archive(files, links)


@pytest.fixture
def images(agent, directory, base):
    """An agent, and images for it; containers are removed after the test."""
    images = Images(agent, directory, base)
    yield images
    names = agent.ctl("ps", "-a", "-q").check().text.split()
    if names:
        agent.ctl("rm", "--force", *names).check()


class Images:
    def __init__(self, agent, directory, base):
        self.agent = agent
        self.machine = agent.machine
        self.directory = directory
        self.base = base
        self.count = 0

    def push(self, layers=(), config=None, name="box:1", form="archive", **layout):
        """Pushes an image of busybox and what else is given; returns what microctl tells."""
        path = self.write(layers, config, form, **layout)
        return json.loads(self.agent.ctl("--json", "push", path, name).check().text)

    def write(self, layers=(), config=None, form="archive", **layout):
        self.count += 1
        path = f"{self.directory}/image{self.count}"
        made = Layout([self.base, *layers], config, **layout)
        return made.archive(f"{path}.tar") if form == "archive" else made.write(self.machine, path)

    def run(self, *arguments, options=()):
        return self.agent.ctl("run", "--rm", *options, *arguments)

    def names(self):
        return self.agent.ctl("images", "-q").check().text.split()

    def on_disk(self, kind):
        return sorted(os.listdir(f"{self.agent.state_directory}/images/{kind}"))


def settled(images):
    """Waits until nothing is left of blobs, and nothing half done of layers."""
    images.machine.wait_until(
        lambda: images.on_disk("blobs") == [] and not any("." in name for name in images.on_disk("layers")))


@pytest.mark.parametrize("form", ["archive", "directory"])
def test_an_image_runs_as_it_says(images, form):
    own = archive({"srv": None, "srv/hello": b"#!/bin/sh\necho hello from $(pwd) $A $B as $(id -u):$(id -g) with $*\n"})
    images.push([own], {
        "Entrypoint": ["./hello"], "Cmd": ["no", "arguments"], "WorkingDir": "/srv", "Env": ["A=1", "B=2"], "User": "7:8",
    }, form=form)
    assert images.run("box:1").check().text == "hello from /srv 1 2 as 7:8 with no arguments\n"
    changed = images.run("box:1", "some", options=["-e", "B=3", "-w", "/", "--user", "1", "--entrypoint", "/srv/hello"])
    assert changed.check().text == "hello from / 1 3 as 1:0 with some\n"
    assert images.run("box:1", "-c", "echo $0", options=["--entrypoint", "sh"]).check().text == "sh\n"
    settled(images)
    assert len(images.on_disk("layers")) == 2


def test_upper_layers_hide_lower_ones(images):
    lower = archive({"etc/kept": b"kept\n", "etc/gone": b"gone\n", "etc/changed": b"old\n"})
    upper = archive({"etc/.wh.gone": b"", "etc/changed": b"new\n"})
    images.push([lower, upper])
    shown = images.run("box:1", "sh", "-c", "cat /etc/kept /etc/changed; test -e /etc/gone || echo hidden").check().text
    assert shown == "kept\nnew\nhidden\n"
    # What a container writes is its own.
    images.run("box:1", "sh", "-c", "echo mine >/etc/kept; test -e /etc/kept").check()
    assert images.run("box:1", "cat", "/etc/kept").check().text == "kept\n"
    assert "Read-only" in images.run("box:1", "touch", "/etc/kept", options=["--read-only"]).text


def test_as_many_layers_as_there_may_be_are_one_root(images):
    layers = [archive({f"etc/layer{number}": str(number).encode()}) for number in range(31)]
    images.push(layers)
    assert len(images.run("box:1", "ls", "/etc").check().text.split()) == 31
    one_more = images.write([*layers, archive({"etc/more": b""})])
    assert "more than 32 layers" in refused(images.agent.ctl("push", one_more, "more:1"))


def test_layers_are_shared_and_go_with_the_last_image(images):
    own = archive({"etc/own": b"own\n"})
    images.push(name="box:1")
    told = images.push([own], name="box:2")
    # The layer with busybox was there.
    assert told["sentBytes"] < len(images.base) // 2 and told["foundBytes"] >= len(images.base)
    assert len(images.on_disk("layers")) == 2
    assert images.push([own], name="box:2")["sentBytes"] == 0
    images.agent.ctl("rmi", "box:1").check()
    assert images.run("box:2", "cat", "/etc/own").check().text == "own\n"
    images.agent.ctl("rmi", "box:2").check()
    images.machine.wait_until(lambda: images.on_disk("layers") == [])
    assert "there is none of that name here" in refused(images.run("box:2", "true"), code=125)


def test_an_image_in_use_stays(images):
    images.push()
    images.agent.ctl("run", "-d", "--name", "user", "box:1", "sleep", "1000").check()
    assert "container user was made of it" in refused(images.agent.ctl("rmi", "box:1"))
    # Another image takes the name; the container goes on with its own, also when it starts again.
    images.push([archive({"etc/own": b"own\n"})])
    images.agent.ctl("stop", "-t", "0", "user").check()
    images.agent.ctl("start", "user").check()
    assert images.run("box:1", "cat", "/etc/own").check().text == "own\n"
    shown = json.loads(images.agent.ctl("--json", "images").check().text)
    assert [(image["name"], image["usedBy"]) for image in shown] == [("", ["user"]), ("box:1", [])]
    images.agent.ctl("rm", "-f", "user").check()
    images.agent.ctl("rmi", "box:1").check()


def compressed(path):
    with open(path, "rb") as file:
        return make_blob(f"{path}.gz", gzip.compress(file.read(), 1))


def squashed(path, *options):
    """A squashfs image of what is in an archive."""
    root = f"{path}.root"
    os.mkdir(root)
    subprocess.run(["tar", "-C", root, "-xf", path], check=True)
    subprocess.run(["mksquashfs", root, f"{path}.squashfs", "-no-progress", *options], check=True, capture_output=True)
    return f"{path}.squashfs"


@pytest.mark.parametrize("made", [str, compressed, squashed])
def test_a_root_file_system_in_one_file_is_an_image_of_one_layer(images, made):
    files, links = busybox_files()
    path = made(root_archive(f"{images.directory}/Busybox.tar", files, links))
    assert images.agent.ctl("push", path).check().text == "busybox:latest\n"
    assert images.run("busybox", "echo", "hi").check().text == "hi\n"
    assert "does not say what to run" in refused(images.run("busybox"), code=2)


def test_what_would_have_to_be_packed_in_another_way_is_said_before_it_is_sent(images):
    some = compressed(root_archive(f"{images.directory}/some.tar", {"oci-layout": b"{}"}))
    assert "neither an index nor a list of layers" in refused(images.agent.ctl("push", some, "box:1"))
    text = compressed(make_blob(f"{images.directory}/text", b"no archive" * 100))
    assert "what it holds is no archive" in refused(images.agent.ctl("push", text, "box:1"))
    cut = make_blob(f"{images.directory}/cut.gz", gzip.compress(images.base)[:-100])
    assert "ends inside its gzip stream" in refused(images.agent.ctl("push", cut, "box:1"))
    other = squashed(root_archive(f"{images.directory}/other.tar", {"etc": None}), "-comp", "zstd")
    line = refused(images.agent.ctl("push", other, "box:1"))
    assert "compressed with zstd: make it with `mksquashfs ROOT IMAGE -comp gzip`" in line
    assert images.on_disk("blobs") == []


def test_who_runs_it_may_be_a_name(images):
    """The uppermost layer's files count; a link there leads nowhere else, and what nobody knows is to be said."""
    lower = archive({"etc/passwd": b"web:x:1:1::/:\n", "etc/group": b"staff:x:50:\n"})
    upper = archive({"etc/passwd": b"root:x:0:0::/:\nweb:x:33:34::/:\n"})
    show = ["sh", "-c", "echo $(id -u):$(id -g)"]
    for user, expected in [("web", "33:34"), ("web:staff", "33:50"), ("33", "33:34")]:
        images.push([lower, upper], {"User": user})
        assert images.run("box:1", *show).check().text == f"{expected}\n"
    images.push([lower, archive({}, {"etc/passwd": "/etc/../../../../../../../etc/passwd"})], {"User": "nobody"})
    line = refused(images.run("box:1", *show), code=125)
    assert "it runs as user nobody, whom its /etc/passwd and /etc/group do not know" in line
    assert images.run("box:1", *show, options=["--user", "7"]).check().text == "7:0\n"
    hidden = archive({"etc/.wh.passwd": b""})
    images.push([lower, upper, hidden], {"User": "web"})
    assert "whom its /etc/passwd" in refused(images.run("box:1", *show), code=125)


def test_a_layout_compressed_as_a_whole_is_an_image(images):
    """Its layers do not stand in the order in which they are sent, and are larger than what is kept of them."""
    parts = [archive({f"part{number}": os.urandom(3 << 20)}) for number in range(3)]
    layout = Layout([images.base, *parts])
    layout.files = dict(sorted(layout.files.items(), reverse=True))
    path = compressed(layout.archive(f"{images.directory}/whole.tar"))
    assert images.agent.ctl("push", path, "box:1").check().text == "box:1\n"
    shown = images.run("box:1", "sh", "-c", "for number in 0 1 2; do test -s /part$number && echo $number; done").check()
    assert shown.text.split() == ["0", "1", "2"]
    images.agent.ctl("rmi", "box:1").check()


@pytest.mark.parametrize("made", [str, compressed])
def test_a_docker_archive_is_an_image(images, made):
    own = archive({"etc/own": b"own\n"})
    layout = Layout([images.base, own], {"Cmd": ["cat", "/etc/own"]})
    (config,) = [blob for blob in layout.blobs.values() if blob.startswith(b'{"architecture"')]
    listed = [{"Config": "config.json", "RepoTags": ["guifi/own:2"], "Layers": ["a/layer.tar", "b/layer.tar"]}]
    path = made(root_archive(f"{images.directory}/saved.tar", {
        "config.json": config, "a/layer.tar": images.base, "b/layer.tar": own,
        "manifest.json": json.dumps(listed).encode(),
    }))
    assert images.agent.ctl("push", path).check().text == "guifi/own:2\n"
    assert images.run("guifi/own:2").check().text == "own\n"


def test_layers_in_gzip(images):
    path = images.write([archive({"etc/own": b"own\n"})], form="directory")
    zipped = f"{images.directory}/zipped"
    subprocess.run(["skopeo", "copy", "--quiet", "--dest-compress", "--dest-compress-format", "gzip",
                    f"oci:{path}:1", f"oci:{zipped}:1"], check=True)
    images.agent.ctl("push", zipped, "zipped:1").check()
    assert images.run("zipped:1", "cat", "/etc/own").check().text == "own\n"


def test_what_is_for_other_boards_or_not_what_it_says_is_refused(images):
    path = images.write(architecture="arm64")
    assert "linux/arm64" in refused(images.agent.ctl("push", path, "arm:1"))
    # A blob that is not what its name says never gets its name.
    layout = images.write([archive({"etc/own": b"own\n"})], form="directory")
    for name in os.listdir(f"{layout}/blobs/sha256"):
        blob = f"{layout}/blobs/sha256/{name}"
        with open(blob, "r+b") as file:
            if file.read(1) != b"{":
                file.seek(100)
                file.write(b"another")
    assert "another SHA-256" in refused(images.agent.ctl("push", layout, "bad:1"))
    assert images.names() == []
    assert images.on_disk("layers") == []


def test_images_outlive_the_agent(images):
    images.push()
    node = Node(images.agent, None)
    images.agent.ctl("run", "-d", "--name", "one", "--restart", "always", "box:1", "sleep", "1000").check()
    node.kill_agent()
    assert images.names() == ["box:1"]
    assert node.state("one")["phase"] == "running"
    node.kill_all()
    images.machine.wait_until(lambda: not node.answers())
    images.agent.start()
    assert images.run("box:1", "echo", "hi").check().text == "hi\n"


def test_whatever_the_agent_dies_at_an_image_is_whole_or_not_there(stopped_agent, directory, base):
    """Each point of making one: the client, who asks again, gets it; what was answered stays."""
    agent = stopped_agent
    points = 0
    for number in range(1, 30):
        agent.start(env={"MICROAGENT_CRASH_AT": f"image:{number}"})
        images = Images(agent, directory, base)
        images.push([archive({"etc/own": f"{number}\n".encode()})], name=f"own:{number}")
        assert f"own:{number}" in images.names()
        assert images.run(f"own:{number}", "cat", "/etc/own").check().text == f"{number}\n"
        crashed = agent.info()["agentStarts"] > 1
        images.agent.ctl("rmi", f"own:{number}").check()
        images.machine.wait_until(lambda: images.on_disk("layers") == [])
        agent.stop()
        if not crashed:
            break
        points += 1
    assert points >= 6


def test_room_is_made_of_what_was_used_least_lately(machine, stopped_agent, directory, base):
    """On a disk of its own, which is full after a few; layers of many files, which take a while to remove: no more images go than
    must, and the last one has the room that the first one had."""
    agent = stopped_agent
    state = agent.state_directory
    machine.sh(f"mkdir -p {state} && mount -t tmpfs -o size=24m tmpfs {state}")
    try:
        agent.start()
        images = Images(agent, directory, base)
        links = {f"link{number}": "data" for number in range(2000)}
        layer = lambda: archive({"data": os.urandom(3 << 20)}, links)
        images.push([layer()], name="a:1")
        images.push([layer()], name="b:1")
        agent.ctl("run", "-d", "--name", "user", "a:1", "sleep", "1000").check()
        for name in ("c:1", "d:1", "e:1", "f:1"):
            images.push([layer()], name=name)
        names = images.names()
        assert sorted(names) == ["a:1", "c:1", "d:1", "e:1", "f:1"]
        too_much = images.write([archive({"data": os.urandom(30 << 20)})])
        assert "disk is full" in refused(agent.ctl("push", too_much, "huge:1"))
        # For what would never fit nothing goes.
        assert images.names() == names
        agent.ctl("rm", "--force", "user").check()
    finally:
        agent.stop()
        machine.sh(f"umount {state}")
