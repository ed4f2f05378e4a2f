"""A key from a secret store: AWS Secrets Manager, with the credentials that boto3 knows.

A secret is text (the key in base64, or JSON with that as its only value, as the console makes it)
or bytes (the key itself).
"""

from __future__ import annotations

import json

from epc_release.errors import ReleaseError

UNREACHABLE = frozenset(
    {"InternalServiceError", "InternalServiceErrorException", "ThrottlingException"}
)


def fetch(name: str) -> str | bytes:
    """The secret of that name or ARN: base64 text, or bytes.

    Raises E164 where it is absent, refused or of another form, E165 where the store cannot be
    reached.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    try:
        found = boto3.client("secretsmanager").get_secret_value(SecretId=name)
    except (NoCredentialsError, NoRegionError) as error:
        raise ReleaseError("E164", name=name, problem=str(error).rstrip(".")) from None
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        raise ReleaseError(
            "E165" if code in UNREACHABLE else "E164", name=name, problem=code
        ) from None
    except BotoCoreError as error:
        raise ReleaseError("E165", name=name, problem=type(error).__name__) from None
    if "SecretBinary" in found:
        return bytes(found["SecretBinary"])
    return _text(name, str(found["SecretString"]))


def _text(name: str, text: str) -> str:
    if not text.lstrip().startswith("{"):
        return text
    try:
        (value,) = json.loads(text).values()
    except ValueError:
        raise ReleaseError(
            "E164", name=name, problem="it is JSON with more or less than one value"
        ) from None
    return str(value)
