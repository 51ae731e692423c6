"""Writes the contract's JSON schema: `python -m tasks.contract_schema > docs/job.schema.json`."""

from __future__ import annotations

import json
import sys

from tasks.contract import Job


def render() -> str:
    """Return the schema's whole text."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Job.model_json_schema()}
    schema["title"] = "Trunkline job"
    for field in schema["properties"].values():
        field.pop("title", None)  # pydantic's titles repeat the names
        if field.get("default", "") is None:
            del field["default"]  # an absent field is left out, not null
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
