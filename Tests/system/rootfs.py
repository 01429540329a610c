"""A root file system of busybox and nothing else, for containers in tests."""

from machine import MachineError

FOLDERS = ["bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr", "var"]
APPLETS = ["sh", "true", "false", "sleep", "cat", "echo", "printf", "dd", "ls", "id", "mount", "umount", "ps", "tail",
           "head", "seq", "yes", "env", "hostname", "kill", "mkdir", "mknod", "rm", "touch", "grep", "wc", "stat",
           "readlink", "test", "uname", "ip", "nc", "date", "df", "chmod", "chown", "tr", "cut", "awk", "sed",
           "nice", "sync", "setsid", "httpd"]
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}


def make_rootfs(machine, path, busybox="/bin/busybox"):
    """Builds the folder `path` on the machine from the machine's own static busybox; returns `path`."""
    interpreter = machine.run(["grep", "-q", "-E", "/lib(64)?/ld-[a-z0-9-]*\\.so", busybox])
    if not machine.exists(busybox) or interpreter.code == 0:
        raise MachineError(f"{busybox} on {machine}: missing or not static; install busybox-static")
    machine.sh(
        f"set -e; mkdir -p {path}; cd {path}; mkdir {' '.join(FOLDERS)}; chmod 1777 tmp; cp {busybox} bin/busybox\n"
        f"for applet in {' '.join(APPLETS)}; do ln -s busybox bin/$applet; done"
    )
    for name, text in FILES.items():
        machine.write(f"{path}/{name}", text)
    return path
