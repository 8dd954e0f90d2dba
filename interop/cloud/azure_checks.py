import json
import os
import subprocess
from pathlib import Path

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DefaultAzureCredential, WorkloadIdentityCredential

from azure_side import AzureSide
from report import Check, expect, refused
from scene import Domain, Scene, countersign, fetch_token, run_node, setup
from relying_party import verify
from token_file import kept_by, replaced

TENANT = "66666666-7777-8888-9999-000000000000"
CLIENT = "11111111-2222-3333-4444-555555555555"
SCOPE = "https://management.azure.com/.default"
AUDIENCE = "api://AzureADTokenExchange"


def azure_checks(s: Scene, side: AzureSide) -> list[Check]:
    azure = Azure(s, side)
    return [
        Check("azure: WorkloadIdentityCredential reads our environment and the file that jwt watch keeps", azure.by_environment),
        Check("azure: DefaultAzureCredential does so too", azure.by_default),
        Check("azure: @azure/identity (Node) does so too", azure.by_node),
        Check("azure: jwt watch replaces the token before it ends", azure.renewed),
        Check("azure: another program's identity matches no credential", azure.other_subject),
        Check("azure: a token for somebody else is refused", azure.other_audience),
        Check("azure: jwt watch writes no token that is signed with ES256, and says what to change", azure.elliptic),
        Check("azure: a token signed with ES256 would be refused", azure.elliptic_refused),
    ]


class Azure:
    def __init__(self, scene: Scene, side: AzureSide):
        self._scene, self._side = scene, side
        self._file = scene.folder / "azure-token"

    def by_environment(self) -> str:
        return self._with_token(self._scene.rsa, lambda: self._token(WorkloadIdentityCredential()))

    def by_default(self) -> str:
        return self._with_token(self._scene.rsa, lambda: self._token(DefaultAzureCredential()))

    def by_node(self) -> str:
        became = self._with_token(self._scene.rsa, lambda: run_node(self._scene, "azure"))
        expect("access token", became, f"{CLIENT} of {self._scene.rsa.app}")
        return became

    def renewed(self) -> str:
        domain = self._scene.rsa
        made = self._config(domain, domain.brief)

        def watch() -> str:
            first = self._file.read_text()
            return str(verify(replaced(self._file, first), domain.issuer, [AUDIENCE], ["RS256"])["sub"])

        return self._kept(domain, made, watch)

    def other_subject(self) -> str:
        return self._refused(self._scene.rsa, AUDIENCE, self._scene.rsa.other, "AADSTS70021")

    def other_audience(self) -> str:
        return self._refused(self._scene.rsa, "https://other.example", self._scene.rsa.app, "InvalidAudienceError")

    def elliptic(self) -> str:
        domain = self._scene.elliptic
        args = ["--for", "azure", "--audience", AUDIENCE, "--file", str(self._file)]
        done = countersign(self._scene, "jwt", "watch", *args, socket=domain.socket)
        expect("exit status", done.returncode, 1)
        if "ERR_CLOUD_ALGORITHM" not in done.stderr or "authorities.jwtAlgorithm" not in done.stderr:
            raise AssertionError(done.stderr)
        return done.stderr

    def elliptic_refused(self) -> str:
        domain = self._scene.elliptic
        return self._refused(domain, AUDIENCE, domain.app, "InvalidAlgorithmError")

    def _config(self, domain: Domain, spiffe_id: str = "") -> dict:
        made = setup(
            self._scene,
            *("azure", "config", "--issuer", domain.issuer, "--id", spiffe_id or domain.app, "--token-file", str(self._file)),
            *("--client-id", CLIENT, "--tenant-id", TENANT, "--write", str(self._scene.folder / "azure")),
        )
        self._side.add(TENANT, CLIENT, json.loads((self._scene.folder / "azure" / "federated-credential.json").read_text()))
        # As a shell reads it.
        script = f"set -a && . '{self._scene.folder}/azure/azure.env' && env"
        printed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
        os.environ.update(line.split("=", 1) for line in printed.splitlines() if line.startswith("AZURE_"))
        return made

    def _with_token(self, domain: Domain, use):
        return self._kept(domain, self._config(domain), use)

    def _kept(self, domain: Domain, made: dict, use):
        with kept_by(self._scene, made["steps"][2]["commands"][0], domain, self._file):
            got = use()
        self._file.unlink()
        return got

    def _refused(self, domain: Domain, audience: str, spiffe_id: str, code: str) -> str:
        self._config(domain)
        Path(self._file).write_text(fetch_token(self._scene, domain, audience, spiffe_id))
        try:
            return refused(code, lambda: self._token(WorkloadIdentityCredential()))
        except ClientAuthenticationError as error:
            raise AssertionError(str(error)) from error
        finally:
            self._file.unlink()

    def _token(self, credential) -> str:
        with credential:
            token = credential.get_token(SCOPE).token
        expect("access token", token, f"{CLIENT} of {self._scene.rsa.app}")
        return f"{type(credential).__name__}: {token}"
