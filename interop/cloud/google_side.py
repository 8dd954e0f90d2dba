"""Google's Security Token Service and IAM credentials as Google describes them.

Provider and binding are those of the commands to paste; mapping and condition are evaluated by a CEL library of others.
"""

import json
import secrets
import subprocess
import time
from urllib.parse import parse_qs

import celpy

from https_server import Answer, Request
from relying_party import Refused, verify

MAX_SUBJECT_BYTES = 127
MAX_LIFETIME_SECONDS = 48 * 3600


class GoogleSide:
    def __init__(self):
        self._providers: dict[str, dict[str, str]] = {}
        self._bindings: list[dict[str, str]] = []
        self._federated: dict[str, str] = {}

    def paste(self, commands: list[str], project_number: str) -> None:
        """Takes the commands, read as a shell reads them."""
        pool, create, bind = (_words(command) for command in commands)
        if pool[:4] != ["gcloud", "iam", "workload-identity-pools", "create"]:
            raise AssertionError(f"unknown command: {pool}")
        if create[:5] != ["gcloud", "iam", "workload-identity-pools", "providers", "create-oidc"]:
            raise AssertionError(f"unknown command: {create}")
        if bind[:4] != ["gcloud", "iam", "service-accounts", "add-iam-policy-binding"]:
            raise AssertionError(f"unknown command: {bind}")
        options = _options(create[6:])
        pool_name = f"projects/{project_number}/locations/global/workloadIdentityPools/{options['--workload-identity-pool']}"
        if pool[4] != options["--workload-identity-pool"]:
            raise AssertionError("the provider is in another pool")
        name = f"//iam.googleapis.com/{pool_name}/providers/{create[5]}"
        self._providers[name] = {**options, "pool": pool_name}
        self._bindings.append({"account": bind[4], **_options(bind[5:])})

    def answer(self, request: Request) -> Answer:
        try:
            if request.path == "/v1/token":
                return _json(200, self._exchange({k: v[0] for k, v in parse_qs(request.body).items()}))
            prefix, suffix = "/v1/projects/-/serviceAccounts/", ":generateAccessToken"
            if request.path.startswith(prefix) and request.path.endswith(suffix):
                account = request.path.removeprefix(prefix).removesuffix(suffix)
                return _json(200, self._impersonate(account, request.headers.get("authorization", "")))
        except Refused as refusal:
            return _json(400, {"error": "invalid_grant", "error_description": str(refusal)})
        return _json(404, {})

    def _exchange(self, form: dict[str, str]) -> dict:
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange":
            raise Refused("grant_type")
        if form.get("subject_token_type") != "urn:ietf:params:oauth:token-type:jwt":
            raise Refused("subject_token_type")
        name = form.get("audience", "")
        provider = self._providers.get(name)
        if provider is None:
            raise Refused("no such provider")
        audiences = [provider["--allowed-audiences"]] if "--allowed-audiences" in provider else [name, f"https:{name}"]
        claims = verify(form["subject_token"], provider["--issuer-uri"], audiences, ["RS256", "ES256"])
        if claims["exp"] - claims["iat"] >= MAX_LIFETIME_SECONDS:
            raise Refused("the token lives too long")
        attribute, _, expression = provider["--attribute-mapping"].partition("=")
        subject = str(_evaluate(expression, claims))
        if attribute != "google.subject" or len(subject.encode()) > MAX_SUBJECT_BYTES:
            raise Refused("google.subject")
        if not _evaluate(provider["--attribute-condition"], claims):
            raise Refused("The given credential is rejected by the attribute condition.")
        token = secrets.token_urlsafe()
        self._federated[token] = f"principal://iam.googleapis.com/{provider['pool']}/subject/{subject}"
        return {
            "access_token": token,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": 3600,
        }

    def _impersonate(self, account: str, authorization: str) -> dict:
        principal = self._federated.get(authorization.removeprefix("Bearer "))
        wanted = {"account": account, "--member": principal, "--role": "roles/iam.workloadIdentityUser"}
        if not any(wanted.items() <= binding.items() for binding in self._bindings):
            raise Refused(f"{principal} may not act as {account}")
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        return {"accessToken": f"{account} for {principal}", "expireTime": end}


def _evaluate(expression: str, claims: dict):
    environment = celpy.Environment()
    program = environment.program(environment.compile(expression))
    return program.evaluate({"assertion": celpy.json_to_cel(claims)})


def _words(command: str) -> list[str]:
    """What a shell makes of a command."""
    script = f'gcloud() {{ printf "%s\\0" gcloud "$@"; }}\n{command}'
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.split("\0")[:-1]


def _options(words: list[str]) -> dict[str, str]:
    return dict(zip(words[::2], words[1::2], strict=True))


def _json(status: int, value: dict) -> Answer:
    return Answer(status, json.dumps(value), "application/json")
