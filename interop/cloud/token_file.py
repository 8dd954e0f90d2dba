"""`countersign jwt watch`, as a process beside the program."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scene import Domain, Scene

PATIENCE_SECONDS = 30


@contextmanager
def kept_by(scene: Scene, command: str, domain: Domain, file: Path) -> Iterator[subprocess.Popen]:
    """Runs the command to paste as a shell runs it, until the token is there; ends it at the end."""
    env = {**os.environ, "SPIFFE_ENDPOINT_SOCKET": domain.socket}
    watcher = subprocess.Popen(f"exec {command}", shell=True, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not file.exists():
            if watcher.poll() is not None:
                raise AssertionError(f"jwt watch ended with {watcher.returncode}: {watcher.stdout.read()}")
            if time.monotonic() > deadline:
                raise AssertionError("jwt watch wrote nothing")
            time.sleep(0.05)
        yield watcher
    finally:
        watcher.send_signal(signal.SIGTERM)
        ended = watcher.wait(PATIENCE_SECONDS)
    if ended != 0:
        raise AssertionError(f"jwt watch ended with {ended} when it was told to end: {watcher.stdout.read()}")


def replaced(file: Path, before: str) -> str:
    """What the file holds next."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (token := file.read_text()) == before:
        if time.monotonic() > deadline:
            raise AssertionError("the token was not replaced")
        time.sleep(0.05)
    return token
