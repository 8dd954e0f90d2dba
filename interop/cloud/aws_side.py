"""STS as AWS describes it, before moto's, which asks for no proof.

Provider, role and trust policy are those that moto's IAM was given by the commands to paste.
"""

import urllib.request
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import boto3

from https_server import Answer, Request
from relying_party import CALL_SECONDS, Refused, unverified, verify

ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]


class AwsSide:
    def __init__(self, moto: str):
        self._moto = moto
        self._iam = boto3.client("iam", endpoint_url=moto, region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")

    def answer(self, request: Request) -> Answer:
        form = {name: values[0] for name, values in parse_qs(request.body).items()}
        if form.get("Action") != "AssumeRoleWithWebIdentity":
            return self._error(400, "InvalidAction", "this side has one action")
        try:
            self._judge(form["RoleArn"], form["WebIdentityToken"])
        except Refused as refusal:
            code = "AccessDenied" if "policy" in str(refusal) else "InvalidIdentityToken"
            return self._error(403 if code == "AccessDenied" else 400, code, str(refusal))
        forward = urllib.request.Request(self._moto, request.body.encode(), request.signable_headers)
        with urllib.request.urlopen(forward, timeout=CALL_SECONDS) as answer:
            return Answer(answer.status, answer.read().decode(), "text/xml")

    def _judge(self, role_arn: str, token: str) -> None:
        issuer = unverified(token).get("iss", "")
        arn, audiences = self._provider(issuer)
        claims = verify(token, issuer, audiences, ALGORITHMS)
        policy = self._iam.get_role(RoleName=role_arn.rpartition("/")[2])["Role"]["AssumeRolePolicyDocument"]
        if not any(self._allows(statement, arn, issuer, claims) for statement in policy["Statement"]):
            raise Refused("the trust policy does not allow it")

    def _provider(self, issuer: str) -> tuple[str, list[str]]:
        for entry in self._iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
            provider = self._iam.get_open_id_connect_provider(OpenIDConnectProviderArn=entry["Arn"])
            if f"https://{provider['Url'].removeprefix('https://')}" == issuer:
                return entry["Arn"], provider["ClientIDList"]
        raise Refused("No OpenIDConnect provider found in your account for " + issuer)

    @staticmethod
    def _allows(statement: dict, provider_arn: str, issuer: str, claims: dict) -> bool:
        """One statement, with StringEquals alone: any other condition does not hold."""
        keys = {f"{issuer.removeprefix('https://')}:sub": [claims["sub"]]}
        keys[f"{issuer.removeprefix('https://')}:aud"] = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        conditions = statement["Condition"]
        return (
            statement["Effect"] == "Allow"
            and statement["Action"] == "sts:AssumeRoleWithWebIdentity"
            and statement["Principal"] == {"Federated": provider_arn}
            and list(conditions) == ["StringEquals"]
            and all(value in keys.get(key, []) for key, value in conditions["StringEquals"].items())
        )

    @staticmethod
    def _error(status: int, code: str, message: str) -> Answer:
        return Answer(
            status,
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error></ErrorResponse>",
            "text/xml",
        )
