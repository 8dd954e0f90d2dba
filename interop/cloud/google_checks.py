import json
import os
import stat
from pathlib import Path

import google.auth
from google.auth.transport.requests import Request

from google_side import GoogleSide
from report import Check, expect, refused
from scene import Domain, Scene, countersign, run_node, setup
from token_file import kept_by

NUMBER = "123456789012"
ACCOUNT = "app@interop.iam.gserviceaccount.com"
PROVIDER = f"//iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/countersign/providers/"


def google_checks(s: Scene, side: GoogleSide) -> list[Check]:
    google_ = Google(s, side)
    return [
        Check("google: google-auth runs our executable (ES256), and acts as the service account", lambda: google_.by_executable(s.elliptic)),
        Check("google: and with RS256", lambda: google_.by_executable(s.rsa)),
        Check("google: google-auth-library (Node) runs it too", google_.by_node),
        Check("google: google-auth uses the output file, mode 0600, without asking again", google_.by_output_file),
        Check("google: google-auth reads the file that jwt watch keeps", google_.by_file),
        Check("google: our executable is not run unless the environment allows it", google_.not_allowed),
        Check("google: another program's identity is refused by the attribute condition", google_.other_subject),
        Check("google: another issuer's token is refused", google_.other_issuer),
        Check("google: what our executable says reaches the program", google_.says_why),
        Check("google: a SPIFFE ID of 128 bytes is refused when the file is made", google_.long_subject),
    ]


class Google:
    def __init__(self, scene: Scene, side: GoogleSide):
        self._scene, self._side = scene, side

    def by_executable(self, domain: Domain) -> str:
        made = self._config(domain)
        self._side.paste(made["steps"][0]["commands"], NUMBER)
        return self._token(domain, made)

    def by_node(self) -> str:
        domain = self._scene.rsa
        self._environment(domain, self._config(domain)["steps"][1]["file"]["text"])
        became = run_node(self._scene, "google")
        expect("access token", became, f"PluggableAuthClient: {ACCOUNT} for {_principal(domain)}")
        return became

    def by_output_file(self) -> str:
        domain, file = self._scene.elliptic, self._scene.folder / "gcp-token.json"
        made = self._config(domain, "--output-file", str(file))
        self._token(domain, made)
        expect("mode", oct(stat.S_IMODE(file.stat().st_mode)), "0o600")
        # Where there is no agent, only the file is left.
        return self._token(domain, made, socket="unix:///nowhere")

    def by_file(self) -> str:
        domain, file = self._scene.rsa, self._scene.folder / "gcp-token"
        made = self._config(domain, "--token-file", str(file))
        expect("what allows executables", made["steps"][1]["commands"][1:], [])
        with kept_by(self._scene, made["steps"][2]["commands"][0], domain, file):
            return self._token(domain, made, socket="unix:///nowhere")

    def not_allowed(self) -> str:
        made = self._config(self._scene.elliptic)
        return refused("need to be explicitly allowed", lambda: self._token(self._scene.elliptic, made, allow="0"))

    def other_subject(self) -> str:
        domain = self._scene.elliptic
        made = self._config(domain, id=domain.other)
        return refused("attribute condition", lambda: self._token(domain, made))

    def other_issuer(self) -> str:
        # The pool's provider is of the other issuer.
        made = self._config(self._scene.elliptic)
        return refused("Unable to find a signing key", lambda: self._token(self._scene.rsa, made, id=self._scene.rsa.app))

    def says_why(self) -> str:
        made = self._config(self._scene.elliptic)
        return refused("ERR_WORKLOAD_API_UNAVAILABLE", lambda: self._token(self._scene.elliptic, made, socket="unix:///nowhere"))

    def long_subject(self) -> str:
        subject = f"spiffe://elliptic.example/{'a' * 102}"
        expect("bytes", len(subject), 128)
        args = ["--issuer", self._scene.elliptic.issuer, "--id", subject, "--project", "interop", "--project-number", NUMBER]
        done = countersign(self._scene, "cloud", "gcp", "config", *args)
        expect("exit status", done.returncode, 1)
        if "ERR_CLOUD_SUBJECT" not in done.stderr:
            raise AssertionError(done.stderr)
        return done.stderr

    def _config(self, domain: Domain, *more: str, id: str = "") -> dict:
        return setup(
            self._scene,
            *("gcp", "config", "--issuer", domain.issuer, "--id", id or domain.app, "--service-account", ACCOUNT),
            *("--project", "interop", "--project-number", NUMBER, "--provider", _provider(domain), *more),
        )

    def _token(self, domain: Domain, made: dict, socket: str = "", allow: str = "1", id: str = "") -> str:
        """An access token, got as an application gets it: by the environment alone."""
        text = made["steps"][1]["file"]["text"]
        if id:
            config = json.loads(text)
            command = config["credential_source"]["executable"]["command"]
            config["credential_source"]["executable"]["command"] = command.rpartition(" ")[0] + f" {id}"
            text = json.dumps(config)
        self._environment(domain, text, socket, allow)
        credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
        credentials.refresh(Request())
        expect("access token", credentials.token, f"{ACCOUNT} for {_principal(domain)}")
        return f"{type(credentials).__module__}: {credentials.token}"

    def _environment(self, domain: Domain, text: str, socket: str = "", allow: str = "1") -> None:
        path = Path(self._scene.folder, "credentials.json")
        path.write_text(text)
        os.environ["SPIFFE_ENDPOINT_SOCKET"] = socket or domain.socket
        os.environ["GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES"] = allow
        os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)
        # Without it the library asks Google for the name of the project.
        os.environ["GOOGLE_CLOUD_PROJECT"] = "interop"


def _provider(domain: Domain) -> str:
    return f"{domain.host.split('.')[1]}-issuer"


def _principal(domain: Domain) -> str:
    return f"principal:{PROVIDER.removesuffix('providers/')}subject/{domain.app}"
