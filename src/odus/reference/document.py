"""The OpenAPI document, as far as the pages show it."""

import msgspec
from msgspec import UNSET

from odus.kit.bodies import Json


class Schema(msgspec.Struct, frozen=True, rename="camel"):
    """A JSON Schema."""

    ref: str | None = msgspec.field(name="$ref", default=None)
    title: str = ""
    description: str = ""
    type: str | None = None
    format: str | None = None
    pattern: str | None = None
    enum: list[Json] = []
    const: Json = UNSET
    default: Json = UNSET
    examples: list[Json] = []
    any_of: list["Schema"] = []
    properties: dict[str, "Schema"] = {}
    required: list[str] = []
    additional_properties: "Schema | bool" = True
    property_names: "Schema | None" = None
    items: "Schema | None" = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    max_properties: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    operators: list[str] = msgspec.field(name="x-operators", default_factory=list[str])


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter of an operation; `example` is sent in the request that is shown."""

    name: str
    place: str = msgspec.field(name="in")
    required: bool = False
    description: str = ""
    schema: Schema
    style: str = ""
    example: Json = UNSET

    @property
    def is_filter(self) -> bool:
        """Whether it is a field of a list, with operators: `email[like]`."""
        return self.style == "deepObject"


class Content(msgspec.Struct, frozen=True):
    """A body's shape, and an example of it."""

    schema: Schema
    example: Json = UNSET


class Body(msgspec.Struct, frozen=True):
    """What an operation takes, by media type."""

    content: dict[str, Content]


class Answer(msgspec.Struct, frozen=True):
    """What an operation answers with one status, by media type."""

    description: str
    headers: dict[str, Json] = {}
    content: dict[str, Content] = {}


class Operation(msgspec.Struct, frozen=True, rename="camel"):
    """One method of one path."""

    operation_id: str
    tags: list[str]
    summary: str
    responses: dict[str, Answer]
    permission: str = msgspec.field(name="x-permission")
    description: str = ""
    parameters: list[Parameter] = []
    request_body: Body | None = None


class Info(msgspec.Struct, frozen=True):
    """What the API is called, and what it is for."""

    title: str
    version: str
    description: str


class Tag(msgspec.Struct, frozen=True):
    """A resource."""

    name: str


class Components(msgspec.Struct, frozen=True):
    """The schemas that others refer to."""

    schemas: dict[str, Schema]


class Document(msgspec.Struct, frozen=True):
    """The whole document."""

    info: Info
    tags: list[Tag]
    paths: dict[str, dict[str, Operation]]
    components: Components

    def resolve(self, schema: Schema) -> Schema:
        """Follow a reference; a schema that is none is its own."""
        return schema if schema.ref is None else self.components.schemas[schema.ref.rpartition("/")[2]]


def read(document: dict[str, Json]) -> Document:
    """Take the document that `kit.openapi` makes."""
    return msgspec.convert(document, Document)
