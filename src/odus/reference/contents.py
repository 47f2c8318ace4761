"""Contents: the document put in the order in which a person reads it."""

import re
from collections.abc import Iterable

import msgspec

from odus.kit.permissions import Permission, effective
from odus.kit.problems import KINDS, Kind
from odus.reference import document as openapi
from odus.reference.curl import example_request
from odus.reference.document import Document, Schema
from odus.reference.examples import example, example_answer, pretty
from odus.reference.fields import Field, fields, parameter_field, plain_schema
from odus.reference.filters import Filter, filters


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A type of object that operations answer with."""

    title: str
    description: str
    fields: list[Field]
    example: str

    @property
    def name(self) -> str:
        """The title in words: `secret key`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.title).lower()

    @property
    def anchor(self) -> str:
        """The id of its section."""
        return f"{self.name.replace(' ', '-')}-object"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says of an operation."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    permission: str
    parameters: list[tuple[str, list[Field]]]
    """The parameters of each place, path, query and header, without the filters."""
    filters: list[Filter]
    body: list[Field] | None
    """None where it takes no body."""
    request: str
    status: str
    headers: list[str]
    """Those of the answer."""
    answer: str
    answers: Shape
    """What is answered, or what the answered list holds."""
    is_list: bool
    problems: list[Kind]


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A resource, its operations, and the objects that are at home there."""

    id: str
    name: str
    operations: list[Operation]
    shapes: list[Shape]


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """A permission, with those it implies and the operations that ask for it."""

    name: str
    implies: list[str]
    operations: list[Operation]


def resources(document: Document) -> list[Resource]:
    """Return all resources with what belongs to them."""
    operations = [
        (each.tags[0], _operation(document, path, method, each))
        for path, methods in document.paths.items()
        for method, each in methods.items()
    ]
    homes = _homes([operation for _, operation in operations])
    return [
        _resource(tag.name, [each for name, each in operations if name == tag.name], homes) for tag in document.tags
    ]


def _resource(tag: str, operations: list[Operation], homes: dict[str, str]) -> Resource:
    shapes = {each.answers.title: each.answers for each in operations if homes[each.answers.title] == each.id}
    plainest_first = sorted(shapes.values(), key=lambda shape: len(shape.fields))
    return Resource(id=tag, name=tag.replace("-", " ").capitalize(), operations=operations, shapes=plainest_first)


def _homes(operations: list[Operation]) -> dict[str, str]:
    """Return the operation at whose resource a type is told: the one with the shortest path that answers with it."""
    homes: dict[str, Operation] = {}
    for each in operations:
        title = each.answers.title
        if title not in homes or len(each.path) < len(homes[title].path):
            homes[title] = each
    return {title: operation.id for title, operation in homes.items()}


def permissions(resources: Iterable[Resource]) -> list[Granted]:
    """Return the catalogue of permissions."""
    operations = [operation for resource in resources for operation in resource.operations]
    return [
        Granted(
            name=name,
            implies=sorted(effective([name]) - {name}),
            operations=[operation for operation in operations if operation.permission == name],
        )
        for name in Permission
    ]


def _operation(document: Document, path: str, method: str, operation: openapi.Operation) -> Operation:
    status, schema = _success(operation)
    item = _item(document, schema)
    return Operation(
        id=operation.operation_id,
        method=method.upper(),
        path=path,
        summary=operation.summary,
        description=operation.description.removesuffix(f"Needs the permission `{operation.permission}`."),
        permission=operation.permission,
        parameters=list(_parameters(document, operation)),
        filters=filters(operation),
        body=_body(document, operation),
        request=example_request(path, operation),
        status=status,
        headers=list(operation.responses[status].headers),
        answer=pretty(example_answer(document, operation, schema)),
        answers=_shape(document, item or schema),
        is_list=item is not None,
        problems=_problems(operation),
    )


def _success(operation: openapi.Operation) -> tuple[str, Schema]:
    status, answer = next((status, each) for status, each in operation.responses.items() if status.startswith("2"))
    return status, answer.content["application/json"].schema


def _item(document: Document, schema: Schema) -> Schema | None:
    """Return what a list is a list of; None for what is no list."""
    plain = plain_schema(document, schema)
    return plain.properties["data"].items if "pagination" in plain.properties else None


def _shape(document: Document, schema: Schema) -> Shape:
    plain = plain_schema(document, schema)
    return Shape(
        title=plain.title,
        description=plain.description,
        fields=fields(document, schema),
        example=pretty(example(document, schema)),
    )


def _parameters(document: Document, operation: openapi.Operation) -> Iterable[tuple[str, list[Field]]]:
    for place in ("path", "query", "header"):
        parameters = [each for each in operation.parameters if each.place == place and not each.is_filter]
        found = [parameter_field(document, each) for each in parameters]
        if found:
            yield place, found


def _body(document: Document, operation: openapi.Operation) -> list[Field] | None:
    if operation.request_body is None:
        return None
    return fields(document, operation.request_body.content["application/json"].schema)


def _problems(operation: openapi.Operation) -> list[Kind]:
    """Return the kinds that the answers' descriptions open their paragraphs with."""
    named = {code for answer in operation.responses.values() for code in _CODE.findall(answer.description)}
    return [kind for kind in KINDS if kind.code in named]


_CODE = re.compile(r"^`(\w+)`: ", re.MULTILINE)
