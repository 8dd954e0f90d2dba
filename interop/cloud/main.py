"""The SDKs of AWS, Google Cloud and Azure as programs use them, with the files that countersign made.

THE CLOUDS THEMSELVES ARE NOT ASKED. On the far side are endpoints on this machine that verify as the clouds say they do.
Prints one JSON line per check and exits 1 when one failed.
"""

import os
import sys

import names
from aws_checks import STS_HOST, aws_checks
from aws_side import AwsSide
from azure_checks import azure_checks
from azure_side import HOST as AZURE_HOST
from azure_side import AzureSide
from google_checks import google_checks
from google_side import GoogleSide
from https_server import serve
from report import Check, expect, report
from scene import read_scene

GOOGLE_HOSTS = ("sts.googleapis.com", "iamcredentials.googleapis.com")


def main() -> int:
    scene = read_scene(sys.argv[1])
    # A warning of Node would be read as part of what an executable prints: have it print them.
    os.environ.pop("NODE_NO_WARNINGS", None)
    # Nothing leaves this machine, so nothing may go through a proxy.
    for variable in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[variable]
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"):
        os.environ[variable] = scene.certificate
    aws, google, azure = AwsSide(scene.moto), GoogleSide(), AzureSide()
    sides = {STS_HOST: aws.answer, "localhost": aws.answer, AZURE_HOST: azure.answer}
    port = serve(scene.certificate, scene.key, {**sides, **dict.fromkeys(GOOGLE_HOSTS, google.answer)})
    for host in (STS_HOST, AZURE_HOST, *GOOGLE_HOSTS):
        names.lead(host, port)
    for domain in (scene.elliptic, scene.rsa):
        names.lead(domain.host, domain.port)
    checks = aws_checks(scene, f"https://localhost:{port}") + google_checks(scene, google) + azure_checks(scene, azure)
    checks.append(Check("the clouds themselves were not asked", nobody_beyond))
    return 0 if report(checks) else 1


def nobody_beyond() -> str:
    expect("names beyond this machine that an SDK asked for", names.refused, [])
    return "every name led to this machine: " + ", ".join(sorted(names.ports))


sys.exit(main())
