"""Verifies a token as the clouds say that they do: by the issuer's discovery, with a JWT library of others (PyJWT)."""

import json
import urllib.request

import jwt

CALL_SECONDS = 10


class Refused(Exception):
    pass


def verify(token: str, issuer: str, audiences: list[str], algorithms: list[str]) -> dict:
    """The claims of a token of this issuer for one of these audiences. Everything else is refused."""
    try:
        with urllib.request.urlopen(f"{issuer.rstrip('/')}/.well-known/openid-configuration", timeout=CALL_SECONDS) as answer:
            metadata = json.load(answer)
        if metadata["issuer"] != issuer:
            raise Refused("metadata is of another issuer")
        key = jwt.PyJWKClient(metadata["jwks_uri"], timeout=CALL_SECONDS).get_signing_key_from_jwt(token)
        return jwt.decode(
            token,
            key,
            algorithms=algorithms,
            issuer=issuer,
            audience=audiences,
            options={"require": ["iss", "sub", "aud", "iat", "exp"]},
        )
    except jwt.PyJWTError as error:
        raise Refused(f"{type(error).__name__}: {error}") from error


def unverified(token: str) -> dict:
    """What a token says of itself, to find out which issuer it is of."""
    try:
        return jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise Refused(f"no token: {error}") from error
