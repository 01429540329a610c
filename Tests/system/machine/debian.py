"""Fetches and unpacks Debian packages of another architecture without installing anything on this host."""

import os
import re
import subprocess

from .base import MachineError

KERNEL_METAPACKAGE = "linux-image-686"


class ForeignPackages:
    """Packages for `architecture` from this host's own apt sources, by apt with a configuration of its own."""

    def __init__(self, architecture, folder):
        self._architecture = architecture
        self._folder = folder
        for path in ("lists/partial", "archives/partial"):
            os.makedirs(os.path.join(folder, path), exist_ok=True)
        self._status = os.path.join(folder, "status")
        open(self._status, "w").close()
        self._configuration = os.path.join(folder, "apt.conf")
        with open(self._configuration, "w") as file:
            file.write(
                f'APT::Architecture "{architecture}";\n'
                f'APT::Architectures {{ "{architecture}"; }};\n'
                'APT::Sandbox::User "root";\n'
                'Acquire::Languages "none";\n'
                f'Dir::State::lists "{folder}/lists";\n'
                f'Dir::State::status "{self._status}";\n'
                f'Dir::Cache "{folder}";\n'
            )

    def update(self):
        """Reads the package lists. A failing source is an error only if what is wanted is then not found."""
        self._update_complaint = self._apt("apt-get", "update", check=False).stderr

    def dependency(self, package, pattern):
        """The package that `package` depends on and whose name matches `pattern`."""
        names = re.findall(r"Depends: (\S+)", self._apt("apt-cache", "depends", package, check=False).stdout)
        matches = [name for name in names if re.fullmatch(pattern, name)]
        if not matches:
            raise MachineError(
                f"no {self._architecture} package {package} in this host's apt sources; "
                f"the virtual machine needs Debian 12's\n{self._update_complaint}"
            )
        return matches[0]

    def download(self, packages):
        """Downloads just these packages; returns their files."""
        return self._downloaded("apt-get", "download", *packages)

    def download_with_dependencies(self, package):
        """Downloads a package and all that it needs; returns their files."""
        return self._downloaded("apt-get", "install", "--yes", "--download-only", "--no-install-recommends", package)

    def _downloaded(self, *argv):
        archives = os.path.join(self._folder, "archives")
        before = set(os.listdir(archives))
        self._apt(*argv, directory=archives)
        names = set(os.listdir(archives)) - before
        return sorted(os.path.join(archives, name) for name in names if name.endswith(".deb"))

    def _apt(self, *argv, check=True, directory=None):
        env = {**os.environ, "APT_CONFIG": self._configuration, "LC_ALL": "C"}
        return run_tool(list(argv), check=check, env=env, cwd=directory or self._folder)


def unpack(archives, folder):
    """Unpacks package files into a folder; their scripts do not run."""
    for archive in archives:
        run_tool(["dpkg-deb", "-x", archive, str(folder)])


def run_tool(argv, check=True, **options):
    """Runs a program of this host, without output; its complaint becomes a MachineError."""
    try:
        result = subprocess.run(argv, capture_output=True, text=True, **options)
    except FileNotFoundError:
        raise MachineError(f"{argv[0]}: not found; install the packages of Tests/system/packages.txt") from None
    if check and result.returncode != 0:
        raise MachineError(f"{' '.join(argv)}: exit code {result.returncode}\n{result.stderr}")
    return result

