"""A self-signed certificate made on the spot with the ``openssl`` command."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A certificate for localhost and 127.0.0.1, which is its own authority, and its key."""

    cert: Path
    key: Path


def available() -> bool:
    """Say whether a certificate can be made here."""
    return shutil.which("openssl") is not None


def make(folder: Path) -> Certificate:
    """Make a certificate in this folder."""
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    # Python 3.13 and later check strictly what an authority's certificate says of itself.
    command += ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
    command += ["-keyout", str(made.key), "-out", str(made.cert)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return made
