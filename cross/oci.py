"""Writes archives that are the same bytes each time, and of them images as OCI archives (OCI image layout 1.0)."""

import gzip
import hashlib
import io
import json
import tarfile

#: What images call the processors of our targets.
ARCHITECTURES = {"i586": "386", "atom32": "386", "atom64": "amd64"}


def tar(entries, seconds=0):
    """An archive of (name, type, mode, content): all of root, and of one time."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, kind, mode, content in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.mtime = kind, mode, seconds
            if kind == tarfile.SYMTYPE:
                entry.linkname = content
            elif kind == tarfile.REGTYPE:
                entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content) if kind == tarfile.REGTYPE else None)
    return file.getvalue()


def document(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def archive(name, layer, architecture, settings):
    """An image of one layer (a tar archive), which runs as `settings` say (the `config` of an image's configuration)."""
    blobs = {}

    def keep(content, media_type):
        """Keeps a blob and returns its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        blobs[digest] = content
        media_type = f"application/vnd.oci.image.{media_type}"
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    config = document({
        "architecture": architecture, "os": "linux", "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    })
    manifest = document({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": keep(config, "config.v1+json"),
        "layers": [keep(gzip.compress(layer, mtime=0), "layer.v1.tar+gzip")],
    })
    entry = keep(manifest, "manifest.v1+json")
    entry["annotations"] = {"org.opencontainers.image.ref.name": name}
    entry["platform"] = {"architecture": architecture, "os": "linux"}
    index = document({"schemaVersion": 2, "manifests": [entry]})
    entries = [("oci-layout", tarfile.REGTYPE, 0o644, document({"imageLayoutVersion": "1.0.0"})),
               ("index.json", tarfile.REGTYPE, 0o644, index),
               ("blobs", tarfile.DIRTYPE, 0o755, None), ("blobs/sha256", tarfile.DIRTYPE, 0o755, None)]
    entries += [(f"blobs/sha256/{digest}", tarfile.REGTYPE, 0o644, blobs[digest]) for digest in sorted(blobs)]
    return tar(entries)
