import json
import os
import subprocess
from pathlib import Path

import boto3
import botocore.session

from report import Check, expect, refused
from scene import Domain, Scene, countersign, fetch_token, run_node, setup
from token_file import kept_by

REGION = "eu-central-1"
ROLE = "arn:aws:iam::123456789012:role/interop/app"
STS_HOST = f"sts.{REGION}.amazonaws.com"
KEYS = {"AWS_ACCESS_KEY_ID": "administrator", "AWS_SECRET_ACCESS_KEY": "administrator"}


def aws_checks(s: Scene, sts: str) -> list[Check]:
    aws = Aws(s, sts)
    return [
        Check("aws: the aws command takes what is to be pasted: provider, role, trust policy (moto)", aws.paste),
        Check("aws: boto3 gets credentials by credential_process, and is that role", aws.by_process),
        Check("aws: the aws command does so too", aws.by_command),
        Check("aws: the SDK for Node, which hands the line to a shell, does so too", aws.by_node),
        Check("aws: boto3 assumes the role with the file that jwt watch keeps", aws.by_file),
        Check("aws: another program's identity is refused by sub of the trust policy", aws.other_subject),
        Check("aws: a token for somebody else is refused by aud of the provider", aws.other_audience),
        Check("aws: a token for another client of the provider is refused by aud of the trust policy", aws.other_client),
        Check("aws: another issuer's token is refused", aws.other_issuer),
        Check("aws: a changed token is refused", aws.changed),
        Check("aws: what cannot work is said on standard error, and no token is", aws.says_why),
    ]


class Aws:
    def __init__(self, scene: Scene, sts: str):
        self._scene, self._sts = scene, sts
        self._domain: Domain = scene.elliptic
        self._folder = scene.folder / "aws"

    def paste(self) -> str:
        made = self._config("--write", str(self._folder))
        env = {**os.environ, **KEYS, "AWS_ENDPOINT_URL": self._scene.moto, "AWS_DEFAULT_REGION": REGION}
        for command in made["steps"][0]["commands"]:
            done = subprocess.run(command, shell=True, env=env, capture_output=True, text=True, timeout=60)
            if done.returncode != 0:
                raise AssertionError(done.stderr)
        expect("trust policy", json.loads((self._folder / "trust-policy.json").read_text())["Statement"][0]["Effect"], "Allow")
        return " and ".join(command.split(" \\")[0] for command in made["steps"][0]["commands"])

    def by_process(self) -> str:
        return self._identity(self._session())

    def by_command(self) -> str:
        # What is asked with the credentials goes to moto.
        env = {**os.environ, **self._environment(), "AWS_ENDPOINT_URL": self._scene.moto}
        done = subprocess.run(
            ["aws", "sts", "get-caller-identity", "--output", "json"], env=env, capture_output=True, text=True, timeout=90
        )
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return self._is_role(json.loads(done.stdout)["Arn"])

    def by_node(self) -> str:
        return self._is_role(run_node(self._scene, "aws", **self._environment()))

    def by_file(self) -> str:
        file = self._scene.folder / "aws-token"
        made = self._config("--token-file", str(file), "--write", str(self._folder / "file"))
        with kept_by(self._scene, made["steps"][2]["commands"][0], self._domain, file):
            # No endpoint: the SDK asks STS of the region by its own name.
            return self._identity(self._session(self._folder / "file" / "config"))

    def other_subject(self) -> str:
        return self._refused("trust policy", fetch_token(self._scene, self._domain, "sts.amazonaws.com", self._domain.other))

    def other_audience(self) -> str:
        return self._refused("InvalidAudienceError", fetch_token(self._scene, self._domain, "https://other.example", self._domain.app))

    def other_client(self) -> str:
        iam = boto3.client("iam", endpoint_url=self._scene.moto, region_name=REGION, **_lower(KEYS))
        (provider,) = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        # Made anew with a second client: adding one is what moto 5.2.5 answers with an internal error.
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider["Arn"])
        clients = ["sts.amazonaws.com", "other-client"]
        iam.create_open_id_connect_provider(Url=self._domain.issuer, ClientIDList=clients)
        return self._refused("trust policy", fetch_token(self._scene, self._domain, "other-client", self._domain.app))

    def other_issuer(self) -> str:
        domain = self._scene.rsa
        return self._refused("No OpenIDConnect provider", fetch_token(self._scene, domain, "sts.amazonaws.com", domain.app))

    def changed(self) -> str:
        head, _, signature = fetch_token(self._scene, self._domain, "sts.amazonaws.com", self._domain.app).rpartition(".")
        return self._refused("InvalidSignatureError", f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}")

    def says_why(self) -> str:
        args = ["cloud", "aws", "credentials", "--role-arn", ROLE, "--endpoint", self._sts, "--id", self._domain.other]
        done = countersign(self._scene, *args, socket=self._domain.socket)
        expect("standard output", done.stdout, "")
        expect("exit status", done.returncode, 1)
        if "AccessDenied" not in done.stderr or "eyJ" in done.stderr:
            raise AssertionError(done.stderr)
        return done.stderr

    def _config(self, *more: str) -> dict:
        return setup(
            self._scene,
            *("aws", "config", "--issuer", self._domain.issuer, "--id", self._domain.app),
            *("--role-arn", ROLE, "--region", REGION, *([] if "--token-file" in more else ["--endpoint", self._sts]), *more),
        )

    def _environment(self, config: Path | None = None) -> dict[str, str]:
        return {
            "AWS_CONFIG_FILE": str(config or self._folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SPIFFE_ENDPOINT_SOCKET": self._domain.socket,
        }

    def _session(self, config: Path | None = None) -> boto3.Session:
        os.environ.update(self._environment(config))
        return boto3.Session(botocore_session=botocore.session.Session())

    def _identity(self, session: boto3.Session) -> str:
        credentials = session.get_credentials()
        if credentials is None:
            raise AssertionError("the SDK found no credentials")
        client = session.client("sts", endpoint_url=self._scene.moto)
        return f"{credentials.method}: {self._is_role(client.get_caller_identity()['Arn'])}"

    @staticmethod
    def _is_role(arn: str) -> str:
        if ":assumed-role/" not in arn or not arn.endswith("app/elliptic.example.app"):
            raise AssertionError(f"is {arn}")
        return arn

    def _refused(self, reason: str, token: str) -> str:
        anonymous = boto3.client("sts", endpoint_url=self._sts, region_name=REGION, aws_access_key_id="", aws_secret_access_key="")
        return refused(
            reason,
            lambda: anonymous.assume_role_with_web_identity(RoleArn=ROLE, RoleSessionName="interop", WebIdentityToken=token),
        )


def _lower(keys: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in keys.items()}
