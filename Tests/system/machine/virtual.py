"""A small virtual board as a Machine: i386, 256 MB, one CPU, cgroup v2 only, guest root with every capability."""

import itertools
import os
import shutil
import signal as signals
import socket
import struct
import subprocess
import tempfile
import threading
import time

from .base import Machine, MachineError, Process, command_environment
from .image import cached_image

MEMORY_MEGABYTES = 256
BOOT_TIMEOUT_SECONDS = 120
INPUT_LIMIT = 16384
FRAME_LIMIT = 65536
HEADER = struct.Struct("<III")
WORD = struct.Struct("<i")
KERNEL_ARGUMENTS = "console=ttyS0 quiet panic=-1 psi=1 cgroup_no_v1=all mitigations=off no_timer_check rdinit=/init"


class GuestProcess(Process):
    """A command in the guest: one channel of the guest agent's protocol (guest_agent.c)."""

    def __init__(self, machine, argv, channel):
        super().__init__(machine, argv)
        self._channel = channel
        self._started = None
        self._taken = True

    def write(self, data):
        view = memoryview(data)
        for offset in range(0, len(view), INPUT_LIMIT):
            with self._changed:
                self._changed.wait_for(lambda: self._taken or self._closed)
                if self._closed:
                    return
                self._taken = False
            self.machine._send(self._channel, b"I", bytes(view[offset : offset + INPUT_LIMIT]))

    def close_input(self):
        self.machine._send(self._channel, b"E")

    def _obey(self, kind, payload):
        if kind == b"o":
            self._received(output=payload)
        elif kind == b"e":
            self._received(errors=payload)
        elif kind == b"x":
            self._ended(os.waitstatus_to_exitcode(WORD.unpack(payload)[0]))
        elif kind == b"c":
            self._output_closed()
        else:
            with self._changed:
                if kind == b"t":
                    self._taken = True
                else:
                    self._started = WORD.unpack(payload)[0]
                self._changed.notify_all()

    def _machine_lost(self):
        with self._changed:
            self._code = self._code if self._code is not None else -signals.SIGKILL
            self._closed = True
            self._changed.notify_all()


class VirtualMachine(Machine):
    """qemu with TCG. Its disk is a throwaway layer over a cached image; it ends with `close` or with this Python.

    `system` is what runs in it: "disk" is busybox on ext4 with the guest agent as process 1; "initramfs" keeps the
    initramfs as the root file system (where pivot_root does not work), the disk on /data; "systemd" is Debian's. More
    disks are given as values of qemu's -drive; they are /dev/vdb and so on.
    """

    exclusive = True

    def __init__(self, system="disk", drives=()):
        self.name = "vm" if system == "disk" else f"vm-{system}"
        self.scratch = "/data" if system == "initramfs" else "/var/tmp"
        self.system = system
        self._drives = list(drives)
        self._numbers = itertools.count(1)
        self._processes = {}
        self._kills = {}
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._ready = threading.Event()
        self._lost = None
        image = cached_image()
        started = time.monotonic()
        self._start(image)
        try:
            self._wait_until_ready()
            if system == "systemd":
                self.wait_until(self._is_running, BOOT_TIMEOUT_SECONDS)
        except BaseException:
            self.close()
            raise
        #: From the start of qemu until commands can be run (and systemd, if there, has started everything).
        self.boot_seconds = time.monotonic() - started

    def _start(self, image):
        if not shutil.which("qemu-system-i386"):
            raise MachineError("qemu-system-i386: not found; install the packages of Tests/system/packages.txt")
        self._port, guest_end = socket.socketpair()
        self._console = tempfile.TemporaryFile()
        disk = image.systemd_disk if self.system == "systemd" else image.disk
        # setpriv has the kernel end qemu should this Python end without saying good-bye.
        argv = ["setpriv", "--pdeathsig", "KILL", "qemu-system-i386", "-accel", "tcg", "-cpu", "n270"]
        argv += ["-m", str(MEMORY_MEGABYTES), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
        argv += ["-serial", "stdio", "-kernel", str(image.kernel), "-initrd", str(image.initramfs)]
        argv += ["-append", f"{KERNEL_ARGUMENTS} microagent.system={self.system}"]
        argv += ["-drive", f"file={disk},format=raw,if=virtio,snapshot=on", "-device", "virtio-rng-pci"]
        for drive in self._drives:
            argv += ["-drive", drive]
        argv += ["-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,fd={guest_end.fileno()}"]
        argv += ["-device", "virtserialport,chardev=agent,name=agent"]
        with guest_end:
            self._qemu = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=self._console,
                stderr=subprocess.STDOUT,
                pass_fds=[guest_end.fileno()],
                start_new_session=True,
            )
        threading.Thread(target=self._listen, daemon=True).start()

    def _wait_until_ready(self):
        if not self._ready.wait(BOOT_TIMEOUT_SECONDS) or self._lost:
            raise MachineError(f"the virtual machine did not boot; its console:\n{self.console()[-4000:]}")

    def _is_running(self):
        """Whether systemd has started everything; a unit that failed is an error of the image."""
        state = self.run(["systemctl", "is-system-running"]).text.strip()
        if state not in ("initializing", "starting", "running"):
            failed = self.run(["systemctl", "--failed", "--plain", "--no-legend"]).text
            raise MachineError(f"systemd in the virtual machine is {state}:\n{failed}")
        return state == "running"

    def console(self):
        """What the guest's kernel has written on its console."""
        size = os.fstat(self._console.fileno()).st_size
        return os.pread(self._console.fileno(), size, 0).decode(errors="replace")

    def spawn(self, argv, env=None, directory="/"):
        channel = next(self._numbers)
        process = GuestProcess(self, argv, channel)
        variables = [f"{name}={value}" for name, value in command_environment(env).items()]
        strings = [directory, *process.argv, *variables]
        payload = struct.pack("<II", len(process.argv), len(variables))
        payload += b"".join(os.fsencode(string) + b"\0" for string in strings)
        if len(payload) > FRAME_LIMIT:
            raise MachineError(f"{argv[0]}: arguments and environment are over {FRAME_LIMIT} bytes")
        with self._lock:
            self._processes[channel] = process
        self._send(channel, b"S", payload)
        with process._changed:
            process._changed.wait_for(lambda: process._started is not None or process._closed)
        if process._started is None:
            raise MachineError(f"the virtual machine is gone; its console:\n{self.console()[-4000:]}")
        if process._started < 0:
            self._processes.pop(channel, None)
            raise MachineError(f"{argv[0]}: cannot start on {self.name}: {os.strerror(-process._started)}")
        process.pid = process._started
        return process

    def kill(self, pid, number=signals.SIGTERM):
        channel = next(self._numbers)
        answer = threading.Event()
        self._kills[channel] = [answer, None]
        self._send(channel, b"K", struct.pack("<ii", pid, number))
        answer.wait()
        error = self._kills.pop(channel)[1]
        if error:
            raise OSError(-error, os.strerror(-error))

    def close(self):
        self._qemu.kill()
        self._qemu.wait()
        self._port.close()
        self._console.close()

    def _send(self, channel, kind, payload=b""):
        try:
            with self._sending:
                self._port.sendall(HEADER.pack(channel, kind[0], len(payload)) + payload)
        except OSError as error:
            raise MachineError(f"the virtual machine is gone: {error}") from error

    def _listen(self):
        """Hands out what the guest agent sends, until the machine ends."""
        try:
            with self._port.makefile("rb") as stream:
                while header := stream.read(HEADER.size):
                    channel, kind, size = HEADER.unpack(header)
                    self._dispatch(channel, bytes([kind]), stream.read(size))
        except (OSError, struct.error, ValueError) as error:
            self._lost = error
        self._lost = self._lost or EOFError("the port was closed")
        self._ready.set()
        for process in list(self._processes.values()):
            process._machine_lost()
        for answer in list(self._kills.values()):
            answer[0].set()

    def _dispatch(self, channel, kind, payload):
        if kind == b"r":
            self._ready.set()
        elif kind == b"k":
            self._kills[channel][1] = WORD.unpack(payload)[0]
            self._kills[channel][0].set()
        else:
            process = self._processes[channel]
            if kind == b"c":
                del self._processes[channel]
            process._obey(kind, payload)
