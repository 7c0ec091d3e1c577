"""Makes the requests that schemathesis invents ones that an endpoint can believe.

What schemathesis made well-formed gets the value that the local cloud knows; what
it broke or left out on purpose stays broken, so that it is the only fault.
"""

import hashlib
import hmac
import os
from datetime import datetime, timezone
from urllib.parse import quote, urlsplit

import jsonschema_rs
import requests
import schemathesis
import yaml
from hypothesis import strategies
from schemathesis.core.parameters import ParameterLocation

ENDPOINT = os.environ["ENDPOINT"]
REGION = os.environ["ROLE_REGION"]
ACCOUNT = os.environ["ROLE_ACCOUNT"]
SIGNED = ("host", "x-doit-audience", "x-doit-content-sha256")
UTC_TIME = "%Y-%m-%dT%H:%M:%SZ"

# The contract's times have seconds and no fractions; most of the invented ones would be filtered out.
schemathesis.openapi.format(
    "date-time",
    strategies.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(9999, 12, 31)).map(
        lambda t: t.strftime(UTC_TIME)
    ),
)

with open(os.path.join(os.path.dirname(__file__), "..", "..", "template", "registration.openapi.yaml")) as file:
    CONTRACT = yaml.safe_load(file)
MEMBERS = CONTRACT["components"]["schemas"]["Registration"]["properties"]
HEADERS = {p["name"]: p["schema"] for p in CONTRACT["paths"]["/v1/registrations"]["post"]["parameters"]}


def well_formed(rule, value):
    return jsonschema_rs.is_valid(rule, value, validate_formats=True)


@schemathesis.hook
def before_call(context, case, kwargs):
    if isinstance(case.body, dict):
        agree(case.body)
    request = requests.Request(**case.as_transport_kwargs(base_url=ENDPOINT)).prepare()
    sent = request.body or b""
    digest = hashlib.sha256(sent if isinstance(sent, bytes) else sent.encode()).hexdigest()
    # Any headers come with a body that is broken on purpose, and must not be what it is refused for.
    broken = getattr(case.meta.phase.data, "parameter_location", None)
    headers_are_good = broken not in (None, ParameterLocation.HEADER)
    for name, value in (("Idempotency-Key", digest), ("X-DoiT-Caller-Identity", presigned(digest))):
        if headers_are_good or name in case.headers and well_formed(HEADERS[name], case.headers[name]):
            case.headers[name] = value


def agree(body):
    """Names the cloud's own role and stack, but for one request in eight: a good proof of something else."""
    chance = hashlib.sha256(repr(body).encode()).digest()
    real = {"issuedAt": datetime.now(timezone.utc).strftime(UTC_TIME)}  # a year ahead is refused, whatever it is for
    if chance[0] >= 32:
        # Few stacks, so that events meet the rows of earlier ones.
        stack = f"s{chance[1] % 4}/5d1d3c60-c92a-11f0-9f4d-0a1b2c3d4e5f"
        real |= {
            "accountId": ACCOUNT,
            "region": REGION,
            "roleArn": os.environ["ROLE_ARN"],
            "externalId": os.environ["ROLE_EXTERNAL_ID"],
            "stackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack}",
        }
    for name, value in real.items():
        if name in body and well_formed(MEMBERS[name], body[name]):
            body[name] = value


@schemathesis.auth(refresh_interval=None)
class Credentials:
    """Says that proofs are real ones, so that schemathesis tries what happens without."""

    def get(self, case, context):
        return "real"

    def set(self, case, data, context):
        pass  # before_call signs, when the bytes are final


def presigned(digest):
    """The proof of the account, as the contract describes it."""
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{now[:8]}/{REGION}/sts/aws4_request"
    host = f"sts.{REGION}.amazonaws.com"
    query = "&".join(
        (
            "Action=GetCallerIdentity",
            "Version=2011-06-15",
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "X-Amz-Credential=" + quote(f"{os.environ['FUNCTION_ACCESS_KEY_ID']}/{scope}", safe=""),
            "X-Amz-Date=" + now,
            "X-Amz-Expires=60",
            "X-Amz-Security-Token=" + quote(os.environ["FUNCTION_SESSION_TOKEN"], safe=""),
            "X-Amz-SignedHeaders=" + quote(";".join(SIGNED), safe=""),
        )
    )
    headers = "".join(f"{name}:{value}\n" for name, value in zip(SIGNED, (host, urlsplit(ENDPOINT).netloc, digest)))
    nothing = hashlib.sha256(b"").hexdigest()
    canonical = "\n".join(("GET", "/", query, headers, ";".join(SIGNED), nothing))
    to_sign = "\n".join(("AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = ("AWS4" + os.environ["FUNCTION_SECRET_ACCESS_KEY"]).encode()
    for part in (*scope.split("/"), to_sign):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return f"https://{host}/?{query}&X-Amz-Signature={key.hex()}"
