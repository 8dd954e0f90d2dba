"""The token endpoint of Microsoft Entra as Microsoft describes it, with the federated credential that was made."""

import json
from urllib.parse import parse_qs

from https_server import Answer, Request
from relying_party import Refused, unverified, verify

HOST = "login.microsoftonline.com"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class AzureSide:
    def __init__(self):
        self._credentials: dict[tuple[str, str], list[dict]] = {}

    def add(self, tenant: str, client: str, credential: dict) -> None:
        self._credentials.setdefault((tenant, client), []).append(credential)

    def answer(self, request: Request) -> Answer:
        tenant, _, rest = request.path.removeprefix("/").partition("/")
        if rest == "v2.0/.well-known/openid-configuration":
            return _json(
                200,
                {
                    "issuer": f"https://{HOST}/{tenant}/v2.0",
                    "token_endpoint": f"https://{HOST}/{tenant}/oauth2/v2.0/token",
                    "authorization_endpoint": f"https://{HOST}/{tenant}/oauth2/v2.0/authorize",
                },
            )
        if rest == "oauth2/v2.0/token":
            try:
                return _json(200, self._token(tenant, {k: v[0] for k, v in parse_qs(request.body).items()}))
            except Refused as refusal:
                return _json(400, {"error": "invalid_client", "error_description": str(refusal)})
        return _json(404, {"error": "not_found"})

    def _token(self, tenant: str, form: dict[str, str]) -> dict:
        if form.get("grant_type") != "client_credentials" or form.get("client_assertion_type") != ASSERTION_TYPE:
            raise Refused("AADSTS900144: grant or assertion type")
        token = form["client_assertion"]
        said = unverified(token)
        for credential in self._credentials.get((tenant, form["client_id"]), []):
            if (credential["issuer"], credential["subject"]) != (said.get("iss"), said.get("sub")):
                continue
            verify(token, credential["issuer"], credential["audiences"], ["RS256"])
            return {"token_type": "Bearer", "expires_in": 3599, "access_token": f"{form['client_id']} of {said['sub']}"}
        raise Refused("AADSTS70021: No matching federated identity record found for presented assertion.")


def _json(status: int, value: dict) -> Answer:
    return Answer(status, json.dumps(value), "application/json")
