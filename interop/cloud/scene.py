"""What the suite hands over, and the command countersign as the program's own user runs it."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import names


@dataclass(frozen=True)
class Domain:
    """A trust domain whose server is an issuer: its name leads to a port of this machine."""

    issuer: str
    host: str
    port: int
    socket: str
    app: str
    other: str
    brief: str
    """Of this one, tokens live for ten seconds."""


@dataclass(frozen=True)
class Scene:
    command: str
    """Path of countersign."""
    certificate: str
    """PEM of the certificate of every endpoint, which is its own root."""
    key: str
    node: list[str]
    """Starts the client of the SDKs for Node, which are in the folder after it."""
    node_packages: str
    folder: Path
    moto: str
    """URL of moto."""
    elliptic: Domain
    """Signs with ES256."""
    rsa: Domain
    """Signs with RS256."""


def read_scene(path: str) -> Scene:
    given = json.loads(Path(path).read_text())
    return Scene(
        **{name: given[name] for name in ("command", "certificate", "key", "node", "moto")},
        node_packages=given["nodePackages"],
        folder=Path(given["folder"]),
        elliptic=Domain(**given["elliptic"]),
        rsa=Domain(**given["rsa"]),
    )


def countersign(scene: Scene, *args: str, socket: str = "") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "SPIFFE_ENDPOINT_SOCKET": socket}
    return subprocess.run([scene.command, *args], env=env, capture_output=True, text=True, timeout=60)


def setup(scene: Scene, *args: str) -> dict:
    """The setup that `countersign cloud … config` makes, as JSON."""
    made = countersign(scene, "cloud", *args, "--command", scene.command, "--output", "json")
    if made.returncode != 0:
        raise AssertionError(f"config failed: {made.stderr}")
    return json.loads(made.stdout)


def fetch_token(scene: Scene, domain: Domain, audience: str, spiffe_id: str) -> str:
    fetched = countersign(scene, "jwt", "fetch", "--audience", audience, "--id", spiffe_id, socket=domain.socket)
    if fetched.returncode != 0:
        raise AssertionError(f"no token: {fetched.stderr}")
    return fetched.stdout.strip()


def run_node(scene: Scene, sdk: str, **environment: str) -> str:
    """What an SDK for Node became, with an environment besides that of this process."""
    env = {**os.environ, **environment, "NODE_EXTRA_CA_CERTS": scene.certificate, "INTEROP_MOTO": scene.moto}
    env["CLOUD_PORTS"] = json.dumps(names.ports)
    done = subprocess.run([*scene.node, sdk, scene.node_packages], env=env, capture_output=True, text=True, timeout=90)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return done.stdout.strip()
