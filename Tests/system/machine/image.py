"""Builds what the virtual machine boots: Debian's i386 kernel, an initramfs and an ext4 disk. Built once."""

import fcntl
import gzip
import hashlib
import os
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .base import MachineError
from .cpio import write_cpio
from .debian import KERNEL_METAPACKAGE, ForeignPackages, run_tool, unpack

HERE = Path(__file__).parent
SOURCES = ["base.py", "cpio.py", "debian.py", "image.py", "guest_agent.c", "guest_init.sh", "guest-agent.service"]
DISK_BYTES = 2 << 30
UNUSED_SECONDS = 30 * 24 * 3600

#: Loaded at boot: the VM's own devices and the disk's file system.
BOOT_MODULES = ["virtio_pci", "virtio_blk", "virtio_console", "virtio_rng", "crc32c_generic", "quota_v2", "ext4"]
#: There to be loaded when a test or the kernel asks for them.
OTHER_MODULES = ["overlay", "squashfs", "loop", "veth", "bridge", "dummy", "tun", "macvlan", "nf_tables",
                 "nft_chain_nat", "nft_masq", "nft_ct", "nft_nat", "nft_fib_inet", "nft_reject_inet", "nft_meta_bridge", "sch_tbf",
                 "softdog", "vfat", "nls_cp437", "nls_ascii"]
FOLDERS = ["bin", "sbin", "usr/bin", "usr/sbin", "etc", "proc", "sys", "dev", "run", "tmp", "data", "root", "mnt",
           "var/lib", "var/log", "var/tmp", "lib"]
#: They want D-Bus, getty, kmod or a module, none of which is there.
MASKED_UNITS = ["serial-getty@ttyS0.service", "getty@tty1.service", "getty-static.service", "kmod-static-nodes.service",
                "systemd-logind.service", "systemd-firstboot.service", "proc-sys-fs-binfmt_misc.automount"]
PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
GROUP = "root:x:0:\nnogroup:x:65534:\n"


@dataclass(frozen=True)
class Image:
    """The folder of a built image, and its files."""

    folder: Path

    @property
    def kernel(self):
        return self.folder / "vmlinuz"

    @property
    def initramfs(self):
        return self.folder / "initramfs.gz"

    @property
    def disk(self):
        """An ext4 file system of DISK_BYTES (sparse) with busybox and little else. Never written: every VM works on a
        throwaway layer above it."""
        return self.folder / "disk.ext4"

    @property
    def systemd_disk(self):
        """The same with Debian's systemd as its first program."""
        return self.folder / "systemd.ext4"

    @property
    def busybox(self):
        """busybox, static, for i386."""
        return self.folder / "busybox"


def cache_folder():
    """Where built images are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "microagent" / "vm"


def cached_image():
    """The image for today's sources of this folder, built if need be. Safe to call from several runs at once."""
    key = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in SOURCES)).hexdigest()[:16]
    folder = cache_folder() / key
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as work:
                _build(Path(work))
                os.rename(Path(work) / "image", folder)
        os.utime(folder)
        _forget_unused(folder.parent)
    return Image(folder)


def _forget_unused(folder):
    """Removes images that no run has asked for in a month: older sources' and other branches'."""
    oldest = time.time() - UNUSED_SECONDS
    for image in folder.iterdir():
        if image.is_dir() and image.stat().st_mtime < oldest:
            shutil.rmtree(image)


def _build(work):
    packages = ForeignPackages("i386", str(work / "apt"))
    packages.update()
    kernel = packages.dependency(KERNEL_METAPACKAGE, r"linux-image-\d.*-686")
    base = packages.download([kernel, "busybox-static"])
    systemd = packages.download_with_dependencies("systemd")
    unpacked = work / "unpacked"
    unpack(base, unpacked)
    release = kernel.removeprefix("linux-image-")
    run_tool(["depmod", "-b", str(unpacked), release])
    image = work / "image"
    image.mkdir()
    shutil.copy(unpacked / "boot" / f"vmlinuz-{release}", image / "vmlinuz")
    shutil.copy(unpacked / "bin/busybox", image / "busybox")
    (image / "packages").write_text("\n".join(os.path.basename(path) for path in base + systemd) + "\n")

    root = work / "root"
    _build_root(root, unpacked, release)
    with gzip.GzipFile(image / "initramfs.gz", "wb", compresslevel=1, mtime=0) as file:
        write_cpio(root, file)
    _make_disk(root, image / "disk.ext4")

    root = work / "systemd-root"
    unpack(systemd, root)
    _build_root(root, unpacked, release)
    _configure_systemd(root)
    _make_disk(root, image / "systemd.ext4")


def _make_disk(root, path):
    run_tool(["mke2fs", "-q", "-t", "ext4", "-L", "board", "-m", "0", "-O", "quota,project", "-d", str(root),
              "-E", "root_owner=0:0,quotatype=prjquota,lazy_itable_init=0,nodiscard",
              str(path), str(DISK_BYTES // 1024)])


def _build_root(root, unpacked, release):
    """What the initramfs and every disk have: busybox (where nothing else has a command), modules, the guest agent."""
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    os.chmod(root / "tmp", 0o1777)
    os.chmod(root / "var/tmp", 0o1777)
    _install_busybox(root, unpacked / "bin/busybox")
    _compile_agent(root / "sbin/guest-agent")
    shutil.copy(HERE / "guest_init.sh", root / "init")
    os.chmod(root / "init", 0o755)
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text(GROUP)
    (root / "etc/boot-modules").write_text("\n".join(BOOT_MODULES) + "\n")
    _install_modules(root, unpacked, release)


def _configure_systemd(root):
    """The guest agent becomes a service; what would need packages that are not there (D-Bus, getty) is masked."""
    units = root / "etc/systemd/system"
    wants = units / "multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "guest-agent.service", units / "guest-agent.service")
    (wants / "guest-agent.service").symlink_to("../guest-agent.service")
    (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    for name in MASKED_UNITS:
        (units / name).symlink_to("/dev/null")
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (root / "etc/hostname").write_text("board\n")


def _install_busybox(root, busybox):
    shutil.copy(busybox, root / "bin/busybox")
    # By emulation, for hosts whose kernel runs no 32-bit programs.
    for path in run_tool(["qemu-i386-static", str(busybox), "--list-full"]).stdout.split():
        link = root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(link):
            link.symlink_to("/bin/busybox")


def _compile_agent(target):
    """gcc makes i386 code without 32-bit libraries as long as the program needs none."""
    headers = next(Path("/usr/include").glob("*/asm/unistd_32.h"), None)
    if headers is None:
        raise MachineError("no asm/unistd_32.h: install linux-libc-dev (see Tests/system/packages.txt)")
    run_tool(["gcc", "-m32", "-march=i586", "-Os", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-nostdlib",
              "-static", "-fno-pic", "-no-pie", "-fno-stack-protector", "-fno-asynchronous-unwind-tables",
              "-fcf-protection=none", "-fno-tree-loop-distribute-patterns", "-Wl,--build-id=none",
              f"-I{headers.parent.parent}", str(HERE / "guest_agent.c"), "-o", str(target)])
    os.chmod(target, stat.S_IMODE(os.stat(target).st_mode) | 0o111)


def _install_modules(root, unpacked, release):
    """The wanted modules and all that they depend on."""
    source = unpacked / "lib/modules" / release
    target = root / "lib/modules" / release
    needs = {}
    for line in (source / "modules.dep").read_text().splitlines():
        path, _, others = line.partition(":")
        needs[path] = others.split()
    by_name = {Path(path).name.removesuffix(".ko").replace("-", "_"): path for path in needs}
    for module in BOOT_MODULES + OTHER_MODULES:
        if module not in by_name:
            raise MachineError(f"kernel {release} has no module {module}")
        for path in [by_name[module], *needs[by_name[module]]]:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / path, target / path)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(source / name, target / name)
    run_tool(["depmod", "-b", str(root), release])
