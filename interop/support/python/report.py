"""Runs checks and prints one JSON line for each."""

import json
from collections.abc import Callable
from typing import NamedTuple


class Check(NamedTuple):
    """Asks our side for something and says in one sentence what it saw."""

    name: str
    run: Callable[[], str]


def report(checks: list[Check]) -> bool:
    """Runs every check, also after one has failed, and tells whether all passed."""
    passed = True
    for name, run in checks:
        try:
            ok, detail = True, run()
        except Exception as error:  # whatever it is, it is the check's result
            passed = ok = False
            detail = f"{type(error).__name__}: {error}"
        print(json.dumps({"check": name, "ok": ok, "detail": " ".join(detail.split())}), flush=True)
    return passed


def expect(what: str, got: object, want: object) -> None:
    if got != want:
        raise AssertionError(f"{what}: got {got}, want {want}")


def refused(reason: str, step: Callable[[], object]) -> str:
    """The outcome of a step that must fail, and for this reason: a failure for another one proves nothing."""
    try:
        step()
    except Exception as error:
        why = f"{error}: {error.__cause__}" if error.__cause__ else str(error)
        if reason not in why:
            raise AssertionError(f"refused for another reason than {reason!r}: {why}") from error
        return str(error) if reason in str(error) else why
    raise AssertionError("was accepted")
