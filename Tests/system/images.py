"""Images for tests: made here, byte for byte."""

import hashlib
import io
import json
import tarfile


def make_blob(path, content):
    """A file with this content; returns its path."""
    with open(path, "wb") as file:
        file.write(content)
    return path


def archive(files, links=None):
    """A tar archive with these files (name to content; None: a directory) as bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            else:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return buffer.getvalue()


def root_archive(path, files, links=None):
    """A root file system's archive; returns its path."""
    return make_blob(path, archive(files, links))


def busybox_files(applets=("sh", "cat", "echo", "id", "pwd", "env", "ls", "touch", "sleep", "true", "test")):
    """A busybox root file system: files and links."""
    with open("/bin/busybox", "rb") as file:
        program = file.read()
    directories = {name: None for name in ("bin", "dev", "proc", "sys", "tmp", "etc")}
    return {**directories, "bin/busybox": program}, {f"bin/{name}": "busybox" for name in applets}


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Layout:
    """An OCI image layout of layers, as a directory of files by name."""

    def __init__(self, layers, config=None, architecture="386", name="1"):
        self.blobs = {}
        configuration = {
            "architecture": architecture, "os": "linux", "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        }
        manifest = {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": self._add("config", json.dumps(configuration).encode()),
            "layers": [self._add("layer.v1.tar", layer, "") for layer in layers],
        }
        entry = self._add("manifest", json.dumps(manifest).encode())
        entry["annotations"] = {"org.opencontainers.image.ref.name": name}
        self.files = {
            "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
            "index.json": json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode(),
            **{f"blobs/sha256/{key}": value for key, value in self.blobs.items()},
        }

    def _add(self, kind, content, suffix=".v1+json"):
        name = digest(content)
        self.blobs[name.removeprefix("sha256:")] = content
        return {"mediaType": f"application/vnd.oci.image.{kind}{suffix}", "digest": name, "size": len(content)}

    def write(self, machine, path):
        """Writes it as a directory; returns its path."""
        for name, content in self.files.items():
            machine.run(["mkdir", "-p", f"{path}/{name}".rpartition("/")[0]]).check()
            make_blob(f"{path}/{name}", content)
        return path

    def archive(self, path):
        """Writes it as an archive; returns its path."""
        return make_blob(path, archive(self.files))
