"""The JSON Schema of result.json, generated from the model.

`python -m analysis.results.schema` writes the file again after the model has changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from analysis.files import write_text
from analysis.results.model import LookResult

SCHEMA_FILE = Path(__file__).with_name("result.schema.json")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ABOUT = (
    "What a look at a rollout found. Fields may be added; none of these goes away or changes its "
    "meaning within schema 2. Numbers that do not exist are null, times are UTC with Z."
)


class _Generator(GenerateJsonSchema):
    """No titles and no defaults: every field is there in what is written."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def generate_schema() -> dict[str, Any]:
    """The JSON Schema of `LookResult` as it is written."""
    schema = LookResult.model_json_schema(mode="serialization", schema_generator=_Generator)
    about = {"$schema": _DIALECT, "title": "result.json of a look, schema 2", "description": _ABOUT}
    return about | {key: value for key, value in schema.items() if key not in about}


if __name__ == "__main__":
    write_text(SCHEMA_FILE, json.dumps(generate_schema(), indent=2) + "\n")
