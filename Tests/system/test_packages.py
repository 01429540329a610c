"""What cross/write-packages makes for systems of others: the same bytes each time, and each form does its work."""

import gzip
import os
import re
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from conftest import REPOSITORY
from leaks import MARKER

pytestmark = pytest.mark.machines("local")

TIMEOUT_SECONDS = 120
#: What a shell finds instead of OpenWrt's functions: they print what they were given.
PROCD = """
for name in procd_open_instance procd_set_param procd_close_instance; do eval "$name() { echo $name \\"\\$@\\"; }"; done
. "$1"
start_service
"""


def run(*argv, **options):
    return subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, **options)


def checked(*argv, **options):
    result = run(*argv, **options)
    assert result.returncode == 0, f"{argv}: {result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture
def packages(target):
    """The folder that they lie in."""
    folder = REPOSITORY / ".build-cross" / "packages"
    if not (folder / f"microagent-{target}.tar.gz").is_file():
        pytest.fail(f"{folder.relative_to(REPOSITORY)}: none of {target}; make them with `make packages`")
    return folder


@pytest.fixture
def package(packages, target):
    """The Debian package."""
    found, = packages.glob(f"*_{'amd64' if target == 'atom64' else 'i386'}.deb")
    return found


def test_two_builds_are_equal_byte_for_byte(machine, packages, package, target, tmp_path):
    with tarfile.open(packages / f"microagent-{target}.tar.gz") as archive:
        seconds = archive.next().mtime
    # The clock, the umask and the place make no difference.
    old = os.umask(0o077)
    try:
        checked(REPOSITORY / "cross/write-packages", tmp_path, target, env={**os.environ, "SOURCE_DATE_EPOCH": str(seconds)})
    finally:
        os.umask(old)
    names = [path.name for path in tmp_path.iterdir()]
    assert len(names) == 4 and package.name in names
    for name in names:
        assert (packages / name).read_bytes() == (tmp_path / name).read_bytes(), name


@pytest.fixture
def system(directory, machine, shared_rootfs, tmp_path):
    """A system with busybox, into which dpkg installs from outside."""
    root = Path(directory) / "system"
    checked("cp", "-a", shared_rootfs, root)
    for path in ("var/lib/dpkg/updates", "var/lib/dpkg/info", "etc", "usr/bin", "usr/sbin", "usr/lib", "var/log", "run"):
        (root / path).mkdir(parents=True, exist_ok=True)
    (root / "var/lib/dpkg/status").touch()
    (root / "var/lib/dpkg/available").touch()
    os.mknod(root / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    return root


#: In the place of systemd's and Debian's own programs: notes what it was asked.
RECORDER = "#!/bin/sh\necho ${0##*/} \"$@\" >>/var/log/asked\n"


def test_package_is_installed_upgraded_removed_and_purged(package, system):
    dpkg = ["dpkg", f"--root={system}", "--force-architecture"]
    asked = system / "var/log/asked"

    def says():
        said = asked.read_text().splitlines() if asked.exists() else []
        asked.unlink(missing_ok=True)
        return said

    # Where nothing of systemd is there, nothing is asked for.
    checked(*dpkg, "--install", package)
    assert checked("chroot", system, "/usr/sbin/microagentd", "--version").startswith("microagentd ")
    checked("chroot", system, "/usr/bin/microctl", "flash", "--help")
    assert checked("chroot", system, "/usr/bin/microrun", "--version").startswith("microrun ")
    unit = (system / "usr/lib/systemd/system/microagentd.service").read_text()
    assert "ExecStart=/usr/sbin/microagentd --config /etc/microagent.conf\n" in unit
    for page in ("man1/microctl.1.gz", "man1/microrun.1.gz", "man8/microagentd.8.gz"):
        assert b".SH NAME\nmicro" in gzip.decompress((system / "usr/share/man" / page).read_bytes())
    assert says() == []
    # Where it is, Debian's habits are kept.
    for name in ("deb-systemd-helper", "deb-systemd-invoke", "systemctl"):
        (system / "usr/bin" / name).write_text(RECORDER)
        (system / "usr/bin" / name).chmod(0o755)
    (system / "run/systemd/system").mkdir(parents=True)
    configuration = system / "etc/microagent.conf"
    configuration.write_text("name = mine\n")
    checked(*dpkg, "--install", package)
    assert configuration.read_text() == "name = mine\n", "an upgrade changed what a person wrote"
    said = says()
    assert "deb-systemd-helper enable microagentd.service" in said
    assert "deb-systemd-invoke restart microagentd.service" in said and not any("stop" in line for line in said)
    checked(*dpkg, "--remove", "microagent")
    assert "deb-systemd-invoke stop microagentd.service" in says()
    assert not (system / "usr/sbin/microagentd").exists() and configuration.exists()
    (system / "var/lib/microagent").mkdir()
    checked(*dpkg, "--purge", "microagent")
    assert "deb-systemd-helper purge microagentd.service" in says()
    assert not configuration.exists() and not (system / "var/lib/microagent").exists()


def test_package_for_64_bits_wants_a_processor_that_can(package, system, target):
    (system / "proc").mkdir(exist_ok=True)
    (system / "proc/cpuinfo").write_text("flags\t\t: fpu sse2 ssse3 cx16 popcnt\n")
    said = run("dpkg", f"--root={system}", "--force-architecture", "--install", package)
    if target == "atom64":
        assert said.returncode != 0 and "this processor has no movbe: install the package for i386" in said.stderr
        assert not (system / "usr/sbin/microagentd").exists()
    else:
        assert said.returncode == 0, said.stderr


def test_archive_has_an_init_script_that_starts_the_agent(machine, packages, target, tmp_path):
    checked("tar", "-C", tmp_path, "-xf", packages / f"microagent-{target}.tar.gz")
    top = tmp_path / f"microagent-{target}"
    assert checked(top / "bin/microctl", "--version").startswith("microctl ")
    for line in (top / "README").read_text().splitlines():
        for name in re.findall(r"^    (\S+/\S+|microagent\S+)   ", line):
            assert (top / name).is_file(), f"README tells of {name}"
    script = tmp_path / "procd"
    script.write_text(PROCD)
    said = checked("busybox", "sh", script, top / "microagentd.init").splitlines()
    assert said[0].startswith("procd_open_instance") and said[-1].startswith("procd_close_instance")
    assert "procd_set_param command /usr/sbin/microagentd --config /etc/microagent.conf" in said


def test_others_read_the_image(machine, packages, target):
    said = checked("skopeo", "inspect", "--config", f"oci-archive:{packages}/microagent-oci-{target}.tar")
    assert '"/usr/sbin/microagent-entry"' in said and f'"{"amd64" if target == "atom64" else "386"}"' in said


def test_root_file_system_runs_the_agent_in_a_container(packages, programs, target, machine, shared_rootfs, directory,
                                                        test_name):
    """In namespaces as an engine makes them, with this machine's control groups."""
    root = Path(directory) / "root"
    root.mkdir()
    checked("tar", "-C", root, "-xf", packages / f"microagent-rootfs-{target}.tar.gz")
    checked("cp", "-a", shared_rootfs, root / "srv")
    (root / "old").mkdir()
    (root / "etc/microagent.conf").write_text(f"cgroup = {test_name}\nmicrocloud = off\nresource-directory = off\n")
    script = (f"mount --bind {root} {root}; mount -t proc proc {root}/proc; mount --rbind /sys {root}/sys; "
              f"mount --rbind /dev {root}/dev; cd {root}; pivot_root . old; "
              "exec sh -c 'umount -l /old; exec /usr/sbin/microagent-entry'")
    process = machine.spawn(["unshare", "--mount", "--pid", "--fork", "--net", "--kill-child", "sh", "-c", script],
                            env={MARKER: test_name})

    def ctl(*arguments):
        return machine.run([programs["microctl"], "--socket", f"{root}/run/microagent/control.sock", *arguments])

    try:
        machine.wait_until(lambda: ctl("info").code == 0 or process.code is not None, 60)
        assert process.code is None, process.stderr
        assert ctl("run", "--rm", "-m", "4M", "/srv", "sh", "-c", "echo $((6 * 7))").check().text == "42\n"
    finally:
        # The agent is the first process of its namespace, and ends as a service does.
        for child in machine.run(["pgrep", "--parent", str(process.pid)]).text.split():
            machine.kill(int(child))
        process.wait(30)
