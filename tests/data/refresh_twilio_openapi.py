"""Writes `twilio_openapi.json`: the facts of Twilio's official OpenAPI documents that our requests are checked against.

Run by `make refresh-openapi`. It fetches one exact version of the npm package that carries the documents, verifies
their hashes, and keeps names, types, enums, patterns and required fields of the operations Trunkline uses, and nothing
of the prose.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

PACKAGE: Final = "@twilio/cli-core"
VERSION: Final = "9.0.0"
LICENCE: Final = "MIT"
FOLDER: Final = "package/src/services/twilio-api"
SHA256: Final = {
    "twilio_api_v2010.json": "170b3ccd0f891416840083d72f1795b1499b14a18d4873fd2b39f47ef84642d6",
    "twilio_messaging_v1.json": "611c6fde586347615039a7d8c87a4b10d39c6d8566b7d1a691353ef995aaa473",
}
OPERATIONS: Final = {
    "twilio_api_v2010.json": (
        "CreateMessage",
        "ListMessage",
        "FetchMessage",
        "CreateCall",
        "ListCall",
        "FetchCall",
        "ListIncomingPhoneNumber",
        "ListIncomingPhoneNumberLocal",
        "ListIncomingPhoneNumberMobile",
        "ListIncomingPhoneNumberTollFree",
        "ListShortCode",
        "FetchAccount",
    ),
    "twilio_messaging_v1.json": (
        "ListService",
        "FetchService",
        "ListPhoneNumber",
        "ListShortCode",
        "ListAlphaSender",
    ),
}
#: The keywords that state facts; descriptions, examples, titles and vendor hints are left behind.
SCHEMA_KEYWORDS: Final = frozenset(
    {
        *("type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum"),
        *("nullable", "required", "items", "properties", "$ref"),
    }
)
TARGET: Final = Path(__file__).with_name("twilio_openapi.json")


class HashMismatch(Exception):
    """A fetched document is not the one whose facts are checked in."""


def fetch_documents(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the parsed OpenAPI documents by file name, each with its hash verified."""
    packed = subprocess.run(
        ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"], cwd=folder, check=True, capture_output=True, text=True
    )
    documents = {}
    with tarfile.open(folder / packed.stdout.split()[-1]) as package:
        for name, expected in SHA256.items():
            member = package.extractfile(f"{FOLDER}/{name}")
            content = member.read() if member else b""
            actual = hashlib.sha256(content).hexdigest()
            if actual != expected:
                raise HashMismatch(f"{name} of {PACKAGE} {VERSION} has sha256 {actual}, expected {expected}")
            documents[name] = json.loads(content)
    return documents


def schema_facts(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with its factual keywords only."""
    facts = {keyword: value for keyword, value in schema.items() if keyword in SCHEMA_KEYWORDS}
    if "properties" in facts:
        facts["properties"] = {name: schema_facts(value) for name, value in facts["properties"].items()}
    if "items" in facts:
        facts["items"] = schema_facts(facts["items"])
    return facts


def operation_facts(operation: dict[str, Any]) -> dict[str, Any]:
    """Return one operation's parameters, form, conditional groups and success answers, without prose."""
    facts: dict[str, Any] = {"operationId": operation["operationId"], "parameters": []}
    for parameter in operation.get("parameters", []):
        kept = {key: parameter[key] for key in ("name", "in", "required") if key in parameter}
        facts["parameters"].append({**kept, "schema": schema_facts(parameter["schema"])})
    if "requestBody" in operation:
        (content_type, content), *_ = operation["requestBody"]["content"].items()
        facts["form"] = {"content_type": content_type, "schema": schema_facts(content["schema"])}
    facts["conditional"] = operation.get("x-twilio", {}).get("conditional", [])
    facts["responses"] = {
        status: schema_facts(response["content"]["application/json"]["schema"])
        for status, response in operation["responses"].items()
    }
    return facts


def references(facts: object) -> Iterator[str]:
    """Yield the name of every component schema that `facts` refers to."""
    if isinstance(facts, dict):
        if isinstance(facts.get("$ref"), str):
            yield facts["$ref"].rpartition("/")[2]
        for value in facts.values():
            yield from references(value)
    elif isinstance(facts, list):
        for value in facts:
            yield from references(value)


def document_facts(document: dict[str, Any], operation_ids: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the wanted operations by path and method, and every component schema they reach."""
    paths: dict[str, Any] = {}
    for path, item in document["paths"].items():
        for method in ("get", "post"):
            if item.get(method, {}).get("operationId") in operation_ids:
                paths.setdefault(path, {})[method] = operation_facts(item[method])
    schemas: dict[str, Any] = {}
    wanted = set(references(paths))
    while missing := wanted - schemas.keys():
        for name in missing:
            schemas[name] = schema_facts(document["components"]["schemas"][name])
        wanted |= set(references(schemas))
    return paths, schemas


def main() -> None:
    """Fetch, verify, reduce and write."""
    with tempfile.TemporaryDirectory() as folder:
        documents = fetch_documents(Path(folder))
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for name, document in documents.items():
        found, reached = document_facts(document, OPERATIONS[name])
        paths |= found
        schemas |= reached
    files = [{"path": f"{FOLDER}/{name}".removeprefix("package/"), "sha256": sha256} for name, sha256 in SHA256.items()]
    facts = {
        "source": {"package": PACKAGE, "version": VERSION, "licence": LICENCE, "files": files},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items()))},
    }
    TARGET.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{TARGET.name}: {sum(map(len, paths.values()))} operations, {len(schemas)} schemas\n")


if __name__ == "__main__":
    main()
