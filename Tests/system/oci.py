"""OCI bundles, and microrun as an engine calls it."""

import copy
import json

from machine.base import CommandFailed

#: Every process of a container carries the test's name, so that one that stays behind is found.
MARKER = "MICROAGENT_TEST"
MOUNTS = [
    {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
    {
        "destination": "/dev",
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
        "destination": "/dev/pts",
        "type": "devpts",
        "source": "devpts",
        "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
]


class Runtime:
    """microrun with containers of one test's own: their states, bundles and control groups."""

    def __init__(self, machine, program, name, directory, rootfs):
        self.machine = machine
        self.program = program
        self.name = name
        self.directory = directory
        self.rootfs = rootfs
        self.root = f"{directory}/state"
        self.environment = {MARKER: name}

    def __call__(self, *arguments, timeout=60, **options):
        """Runs a command of microrun's and returns its Result."""
        return self.machine.run(
            [self.program, "--root", self.root, *arguments], env=self.environment, timeout=timeout, **options
        )

    def spawn(self, *arguments):
        return self.machine.spawn([self.program, "--root", self.root, *arguments], env=self.environment)

    def config(self, *args, **changes):
        """A configuration that runs `args`; `changes` are of its `process`."""
        process = {
            "cwd": "/",
            "args": list(args),
            "env": [f"{MARKER}={self.name}", "PATH=/bin"],
            "noNewPrivileges": True,
        }
        process["capabilities"] = {kind: ["CAP_KILL", "CAP_CHOWN"] for kind in ("bounding", "effective", "permitted")}
        return {
            "ociVersion": "1.2.0",
            "process": {**process, **changes},
            "root": {"path": self.rootfs},
            "hostname": "box",
            "mounts": copy.deepcopy(MOUNTS),
            "linux": {
                "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
                "cgroupsPath": f"/{self.name}/c",
            },
        }

    def bundle(self, config, name="b"):
        """Writes a bundle's configuration, and returns its folder."""
        path = f"{self.directory}/{name}"
        self.machine.write(f"{path}/config.json", json.dumps(config))
        return path

    def run(self, config, id="c"):
        """Runs a container to its end."""
        return self("run", "--bundle", self.bundle(config), id)

    def sh(self, script, change=lambda config: None, **changes):
        """Runs a shell's script in a container that `change` may change, and returns its Result."""
        config = self.config("sh", "-c", script, **changes)
        change(config)
        return self.run(config)

    def started(self, *args, id="c", change=lambda config: None, **changes):
        """A container that was created and started, as an engine does it; returns its process's number."""
        config = self.config(*args, **changes)
        change(config)
        bundle = self.bundle(config)
        self.machine.sh(
            f"{self.program} --root {self.root} create --bundle {bundle} --pid-file {self.directory}/pid {id} "
            f">{self.directory}/out 2>&1 </dev/null", env=self.environment)
        self("start", id).check()
        return int(self.machine.read(f"{self.directory}/pid"))

    def output(self):
        """What the container that was `started` has written."""
        return self.machine.read(f"{self.directory}/out").decode()

    def state(self, id="c"):
        return json.loads(self("state", id).check().stdout)

    def status(self, id="c"):
        return self.state(id)["status"]

    def wait_for_status(self, status, id="c"):
        self.machine.wait_until(lambda: self.status(id) == status)

    def remove_all(self):
        for id in self("list", "--quiet").check().text.split():
            self("delete", "--force", id).check()
        # The group above the containers' is this test's.
        self.machine.sh(
            f"for d in /sys/fs/cgroup/{self.name} /sys/fs/cgroup/*/{self.name}; do [ ! -d $d ] || rmdir $d; done"
        )


def refused(result, code=1):
    """The lines that microrun complained with, having done nothing else."""
    lines = result.error_text.splitlines()
    if result.code != code or not lines or not all(line.startswith("microrun: ") for line in lines):
        raise CommandFailed(f"{result}: not refused with {code}")
    assert result.text == "", result
    return [line.removeprefix("microrun: ") for line in lines]
