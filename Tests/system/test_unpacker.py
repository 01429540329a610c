"""Layers on a disk: what our confined unpacker makes of honest archives, and of others."""

import gzip
import hashlib
import os
import signal
import stat
import struct
import tarfile
from pathlib import Path

import pytest

from archives import Layer, Unpackers, tree

pytestmark = pytest.mark.machines("local")

#: CAP_NET_RAW, permitted and effective: struct vfs_cap_data of revision 2.
CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)


@pytest.fixture
def unpackers(machine, unpack_driver, workspace):
    # Not on a tmpfs: older kernels keep no `user` attributes there.
    directory = f"{workspace}/layers"
    os.mkdir(directory)
    yield Unpackers(machine, unpack_driver, directory)
    machine.run(["rm", "-rf", directory]).check()


def attribute(name, value):
    """As pax headers have it."""
    return {f"SCHILY.xattr.{name}": value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")}


def root_of(layer):
    return tree(layer.directory)


@pytest.mark.parametrize("compress", [False, True])
def test_files_are_what_their_entries_say(unpackers, compress):
    layer = Layer().directory("bin", time=1_000_000_000)
    layer.add("bin/a", data=b"hello" * 20_000, mode=0o4755, owner=7, time=5)
    layer.hard_link("bin/b", "bin/a").link("bin/s", "../../../etc/passwd").add("run/pipe", tarfile.FIFOTYPE, mode=0o620)
    layer.add("late", time=5_000_000_000).add("time", pax={"mtime": "-1.25"})
    layer.add("attributes", pax=attribute("user.note", "x"))
    done = unpackers.unpack(layer, compress=compress)
    assert done.last.split()[2:] == ["8", "0"]
    found = root_of(done)
    assert found["bin/a"]["mode"] == "0o4755" and found["bin/a"]["owner"] == (7, 7)
    assert found["bin/a"]["time"] == 5_000_000_000
    assert found["bin"]["time"] == 1_000_000_000_000_000_000, "what was made in it later changed its time"
    assert found["bin/b"] == found["bin/a"] | {"name": "bin/a"}
    assert found["bin/s"]["target"] == "../../../etc/passwd"
    assert found["run/pipe"]["mode"] == "0o620" and found["run/pipe"]["kind"] == oct(stat.S_IFIFO)
    assert found["run"]["mode"] == "0o755", "a directory that no entry speaks of"
    assert found["time"]["time"] == -1_250_000_000
    assert found["late"]["time"] == 5_000_000_000_000_000_000, "32 bits of seconds end in 2038"
    assert found["attributes"]["attributes"] == {"user.note": b"x"}


def test_owners_and_capabilities_are_shifted(unpackers):
    layer = Layer().add("a/ping", owner=10, pax=attribute("security.capability", CAPABILITY)).link("a/s", "x")
    found = root_of(unpackers.unpack(layer, first_id=100_000))
    assert found["a/ping"]["owner"] == (100_010, 100_010)
    assert found["a"]["owner"] == found["a/s"]["owner"] == found["."]["owner"] == (100_000, 100_000)
    shifted = struct.pack("<6I", 0x03000001, 1 << 13, 0, 0, 0, 100_000)
    assert found["a/ping"]["attributes"] == {"security.capability": shifted}


def test_capabilities_without_a_shift_stay(unpackers):
    found = root_of(unpackers.unpack(Layer().add("ping", pax=attribute("security.capability", CAPABILITY))))
    assert found["ping"]["attributes"] == {"security.capability": CAPABILITY}


def test_whiteouts_and_opaque_directories(unpackers):
    layer = Layer().add(".wh.gone").add("d/.wh..wh..opq").add("d/kept").add("e/.wh.x").directory("e/x").directory("f")
    layer.add(".wh.f").add("raw", tarfile.CHRTYPE)
    found = root_of(unpackers.unpack(layer))
    for name in ["gone", "raw"]:
        assert found[name]["device"] == (0, 0)
    opaque = {"trusted.overlay.opaque": b"y"}
    assert found["d"]["attributes"] == opaque and "d/kept" in found
    # What a layer hides and makes is made afresh, in either order.
    assert found["e/x"]["attributes"] == opaque and found["e/x"]["kind"] == oct(stat.S_IFDIR)
    assert found["f"]["attributes"] == opaque


def test_what_is_made_in_a_hidden_directory_is_all_there_is(unpackers):
    found = root_of(unpackers.unpack(Layer().add(".wh.d").add("d/e/x")))
    assert found["d"]["attributes"] == {"trusted.overlay.opaque": b"y"}
    assert found["d/e"]["attributes"] == {} and "d/e/x" in found


def test_nothing_is_to_be_hidden_below_what_is_no_directory(unpackers):
    layer = Layer().add("a").add("a/.wh.x").add(".wh.b").add("b/.wh.y").add("a/.wh..wh..opq")
    assert root_of(unpackers.unpack(layer)).keys() == {".", "a", "b"}


def test_the_last_of_two_entries_counts(unpackers):
    layer = Layer().add("a", data=b"first").add("a", data=b"second").directory("b").add("b/c").add("b", data=b"file")
    layer.add("d").directory("d").add("d/e").directory("d", time=9).link("f", "a").add("f", data=b"own")
    found = root_of(unpackers.unpack(layer))
    assert found["a"]["content"] != found["f"]["content"]
    assert found["b"]["kind"] == oct(stat.S_IFREG) and "b/c" not in found
    assert found["d"]["time"] == 9_000_000_000 and "d/e" in found
    assert found["f"]["kind"] == oct(stat.S_IFREG)


def test_devices_are_passed_over_and_counted(unpackers):
    layer = Layer().add("dev/null", tarfile.CHRTYPE, device=(1, 3)).add("dev/sda", tarfile.BLKTYPE, device=(8, 0))
    done = unpackers.unpack(layer)
    assert done.last.split()[2:] == ["2", "2"]
    assert root_of(done).keys() == {"."}


def test_a_file_is_no_directory(unpackers):
    assert unpackers.unpack(Layer().add("a").add("a/b")).failure == "unpack the layer: make directory a: File exists"


# MARK: Attacks

@pytest.fixture
def outside(unpackers):
    """A directory beside the layers' that none of them may touch."""
    place = f"{unpackers.directory}/outside"
    os.mkdir(place)
    Path(place, "secret").write_text("secret")
    before = tree(place)
    yield place
    assert tree(place) == before


@pytest.mark.parametrize("name", ["../outside/x", "a/../../outside/x", "..", "/../x"])
def test_names_that_lead_out_are_refused(unpackers, outside, name):
    assert "'..'" in unpackers.unpack(Layer().add(name)).failure


def test_absolute_names_are_of_the_layer(unpackers, outside):
    found = root_of(unpackers.unpack(Layer().add(f"{outside}/x")))
    assert f"{outside}/x".lstrip("/") in found


@pytest.mark.parametrize("link", ["../outside", "/", "..", "../../../../../..", "{outside}", "/proc/self/root"])
def test_nothing_goes_through_a_link_out(unpackers, outside, link):
    done = unpackers.unpack(Layer().link("l", link.format(outside=outside)).add("l/owned", data=b"x"))
    # Followed, but below the layer's own top: or there is nothing to be followed to.
    assert not os.path.exists(f"{outside}/owned") and not os.path.exists("/owned")
    if done.is_done:
        assert "owned" in root_of(done)
    else:
        assert "/l" in done.failure or " l" in done.failure


def test_no_link_leads_out_in_several_steps(unpackers, outside):
    layer = Layer().directory("a").link("a/up", "..").link("b", "a/up/a/up/../outside").add("b/owned")
    unpackers.unpack(layer)
    assert not os.path.exists(f"{outside}/owned")


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_a_link_gives_way_to_what_comes_in_its_place(unpackers, outside, kind):
    found = root_of(unpackers.unpack(Layer().link("l", "../outside/secret").add("l", kind, mode=0o777, owner=5)))
    assert found["l"]["owner"] == (5, 5) and "target" not in found["l"]


def test_whiteouts_and_opaque_markers_follow_no_link_out(unpackers, outside):
    unpackers.unpack(Layer().link("l", outside).add("l/.wh.secret"))
    unpackers.unpack(Layer().link("l", "../outside").add("l/.wh..wh..opq"))


@pytest.mark.parametrize("name", ["/etc/passwd", "l/secret", "nothing", "d"])
def test_no_hard_link_leads_out(unpackers, outside, name):
    layer = Layer().link("l", "../outside").directory("d").hard_link("h", name)
    assert "link h to" in unpackers.unpack(layer).failure


def test_a_hard_link_out_of_the_layer_is_refused(unpackers, outside):
    assert "'..'" in unpackers.unpack(Layer().hard_link("h", "../outside/secret")).failure


def test_foreign_attributes_stay_out(unpackers):
    names = ["trusted.overlay.opaque", "trusted.overlay.redirect", "security.selinux", "user.overlay.opaque"]
    layer = Layer()
    for name in names:
        layer.directory(name, pax=attribute(name, "y"))
    found = root_of(unpackers.unpack(layer))
    assert all(found[name]["attributes"] == {} for name in names)


def test_a_bomb_stops_at_its_limit(unpackers, machine):
    bomb = Layer().add("zeros", data=bytes(64 << 20)).bytes
    failure = unpackers.unpack(bomb, compress=True, size=1 << 20).failure
    assert failure == "unpack the layer: zeros: unpacked it has more than the 1048576 bytes that it may have"


def test_a_bomb_of_headers_stops_at_its_limit(unpackers):
    header = Layer(tarfile.GNU_FORMAT).add("n" * 200).bytes[:1536]
    assert "more than the 1048576 bytes" in unpackers.unpack(header * 4000, compress=True, size=1 << 20).failure


def test_a_million_entries_stop_at_their_limit(unpackers):
    entry = Layer(tarfile.USTAR_FORMAT).add("same").bytes[:512]
    failure = unpackers.unpack(entry * 1_000_000, compress=True).failure
    assert failure == "unpack the layer: same: more than the 100000 entries that it may have"


def test_directories_that_no_entry_speaks_of_stop_at_the_same_limit(unpackers):
    layer = Layer().add("n/" * 20 + "a").add("m/" * 20 + "a")
    assert unpackers.unpack(layer, entries=42).is_done
    failure = unpackers.unpack(layer, entries=41).failure
    assert failure == f"unpack the layer: {'m/' * 20}a: more than the 41 entries that it may have"


def test_another_archive_than_promised_is_refused(unpackers):
    assert "not the one" in unpackers.unpack(Layer().add("a"), digest="ab" * 32).failure


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_a_cut_archive_is_refused(unpackers, share):
    archive = Layer().add("a", data=os.urandom(100_000)).bytes
    cut = archive[:int(100_000 * share)]
    assert "ends inside" in unpackers.unpack(cut).failure


def test_a_cut_or_damaged_blob_is_refused(unpackers):
    blob = gzip.compress(Layer().add("a", data=os.urandom(100_000)).bytes)
    assert "ends inside its gzip stream" in unpackers.unpack(blob[:-5]).failure
    damaged = bytearray(blob)
    damaged[len(blob) // 2] ^= 1
    assert "gzip stream is damaged" in unpackers.unpack(bytes(damaged)).failure


def test_members_of_gzip_in_a_row_are_one(unpackers):
    archive = Layer().add("a", data=b"x" * 70_000).bytes
    blob = b"".join(gzip.compress(archive[at:at + 10_000]) for at in range(0, len(archive), 10_000))
    assert unpackers.unpack(blob, digest=hashlib.sha256(archive).hexdigest()).is_done


def test_zstd_says_what_to_do(unpackers):
    assert "--dest-compress-format gzip" in unpackers.unpack(b"\x28\xb5\x2f\xfd" + bytes(100)).failure


def test_terminals_obey_no_name(unpackers):
    failure = unpackers.unpack(Layer().hard_link("h", "\x1b[2J\x07")).failure
    assert "\x1b" not in failure and "\x07" not in failure


def test_owners_that_no_container_has_are_refused(unpackers):
    assert "owner 70000" in unpackers.unpack(Layer().add("a", owner=70_000), first_id=100_000).failure


def test_a_layer_that_is_there_is_not_replaced(unpackers):
    argv, target = unpackers.command(Layer().add("a").bytes)
    os.mkdir(target)
    assert "File exists" in unpackers.machine.run(argv).text
    assert os.listdir(target) == []


# MARK: The process

@pytest.mark.parametrize("name", ["n/" * 2000 + "n", ("m" * 200 + "/") * 20 + "m", "d/\udcff/\udcfe"])
def test_nothing_stays_of_a_failed_layer_or_a_replaced_directory(unpackers, name):
    layer = Layer().add(name)
    assert "not the one" in unpackers.unpack(layer, digest="ab" * 32).failure
    top = name.split("/")[0]
    assert root_of(unpackers.unpack(Layer().add(name).add(top))).keys() == {".", top}


def test_no_chain_of_links_makes_a_tree_that_stays(unpackers):
    layer, path = Layer(), "n/" * 1000
    for number in range(4):
        layer.add(path + "f").link(f"l{number}", path.rstrip("/"))
        path = f"l{number}/" + "n/" * 1000
    assert "not the one" in unpackers.unpack(layer, digest="ab" * 32).failure


def test_time_is_limited(unpackers):
    argv, target = unpackers.command(Layer().add("a").bytes, milliseconds=300)
    os.remove(argv[2])
    os.mkfifo(argv[2])
    # Nobody writes into it: reading waits.
    keeper = os.open(argv[2], os.O_RDWR)
    try:
        assert "not done after" in unpackers.machine.run(argv).text
    finally:
        os.close(keeper)
    assert not os.path.lexists(target + ".new")


@pytest.fixture
def waiting(unpackers, machine):
    """An unpacker that waits for the rest of its blob: the driver, the unpacker, and the confined process."""
    argv, target = unpackers.command(Layer().add("a").bytes)
    os.remove(argv[2])
    os.mkfifo(argv[2])
    keeper = os.open(argv[2], os.O_RDWR)
    process = machine.spawn(argv)
    machine.wait_until(lambda: confined_of(process.pid) is not None)
    yield process, target
    os.close(keeper)


def children(pid):
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def confined_of(driver):
    """The process numbers below a driver, once the lowest is confined."""
    try:
        unpacker = children(driver)[0]
        confined = children(unpacker)[0]
        status = Path(f"/proc/{confined}/status").read_text()
    except (IndexError, OSError):
        return None
    return (unpacker, confined) if "Seccomp:\t2" in status else None


def test_the_confined_process_can_do_little(waiting):
    process, target = waiting
    _, confined = confined_of(process.pid)
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{confined}/status").read_text().splitlines())
    # CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETFCAP.
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == int(status["CapBnd"], 16) == 0x8000001B
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert os.readlink(f"/proc/{confined}/root") == target + ".new"
    opened = {os.readlink(f"/proc/{confined}/fd/{name}") for name in os.listdir(f"/proc/{confined}/fd")}
    files = {name for name in opened if name.startswith("/") and not name.startswith("/dev/")}
    assert files - {os.readlink(f"/proc/{confined}/fd/2")} == {target + ".new", process.argv[2]}
    assert len([name for name in opened if name.startswith("socket:")]) == 1
    assert os.getpriority(os.PRIO_PROCESS, confined) == 10


@pytest.mark.parametrize("victim", ["driver", "unpacker", "confined"])
def test_all_end_together(waiting, machine, victim):
    process, target = waiting
    unpacker, confined = confined_of(process.pid)
    os.kill({"driver": process.pid, "unpacker": unpacker, "confined": confined}[victim], signal.SIGKILL)
    machine.wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in (unpacker, confined)))
    result = process.wait_closed(20)
    assert not os.path.lexists(target)
    if victim == "confined":
        assert "failed unpack the layer: its process ended before it was done" in result.text
        assert not os.path.lexists(target + ".new")


def test_what_a_killed_unpacker_left_gives_way(unpackers):
    argv, target = unpackers.command(Layer().add("a").bytes)
    os.makedirs(target + ".new/half/done")
    assert "done" in unpackers.machine.run(argv).text
    assert set(os.listdir(target)) == {"a"}


def test_a_full_disk_is_an_error(unpackers, machine):
    place = f"{unpackers.directory}/small"
    os.mkdir(place)
    machine.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place]).check()
    try:
        argv, _ = unpackers.command(Layer().add("a", data=os.urandom(2 << 20)).bytes)
        argv[3] = f"{place}/layer"
        assert "failed unpack the layer: write a: No space left on device" in machine.run(argv).text
        assert os.listdir(place) == []
    finally:
        # The unpacker has said that it failed, and on a busy machine may not have ended yet.
        machine.wait_until(lambda: machine.run(["umount", place]).code == 0)
