"""What every check works on."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from spiffe import SpiffeId, TrustDomain, WorkloadApiClient

AUDIENCE = "spiffe://interop.example/orders"
CALL_SECONDS = 15.0
WATCH_SECONDS = 30.0


@dataclass(frozen=True)
class Subject:
    client: WorkloadApiClient
    id: SpiffeId
    second_id: SpiffeId
    partner: TrustDomain
    peer_id: SpiffeId
    # The first port lets this program in, the other one only others.
    peer_open: int
    peer_closed: int

    @property
    def other_id(self) -> SpiffeId:
        """An identity of the same trust domain that is not this program's."""
        return SpiffeId(f"spiffe://{self.id.trust_domain.name}/not/this/program")


class Change:
    """Waits until what it is told has changed. Told from one thread, waited for by another."""

    def __init__(self) -> None:
        self._seen: list[str] = []
        self._error: Exception | None = None
        self._over = threading.Event()

    def update(self, read: Callable[[], str]) -> None:
        try:
            value = read()
        except Exception as error:
            self.fail(error)
            return
        if value not in self._seen:
            self._seen.append(value)
        if len(self._seen) > 1:
            self._over.set()

    def fail(self, error: Exception) -> None:
        self._error = error
        self._over.set()

    def wait(self) -> str:
        """Returns the first value and the second one."""
        over = self._over.wait(WATCH_SECONDS)
        if self._error is not None:
            raise self._error
        if not over:
            raise TimeoutError(f"no change after {self._seen}")
        return f"{self._seen[0]}, then {self._seen[1]}"
