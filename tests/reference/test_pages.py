import json
import re
import shlex
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from odus.app import HANDLERS
from odus.kit.endpoints import Operation
from odus.kit.filters import OPERATORS
from odus.kit.openapi import document, operations
from odus.kit.permissions import Permission
from odus.kit.problems import FIELD_CODES, KINDS
from odus.reference.rendering import render
from tests.reference import tables

OPERATIONS = operations(HANDLERS)
PAGES = ("/docs", "/docs/errors")


class Page(HTMLParser):
    """What a page holds: its ids, its links, its commands and its words."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.codes: list[str] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a tag."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag == "pre":
            self.codes.append("")
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave a tag, and those inside it that are never closed."""
        while self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Take note of text."""
        self.words += data
        if "pre" in self._open:
            self.codes[-1] += data

    def attributes(self, name: str) -> list[str]:
        """Return all values of an attribute."""
        return [attributes[name] for _, attributes in self.tags if name in attributes]

    def commands(self) -> Iterator[list[str]]:
        """Split the curl commands as a shell would."""
        return (shlex.split(code) for code in self.codes if code.startswith("curl "))


async def page(client: httpx.AsyncClient, path: str) -> Page:
    response = await client.get(path)
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return Page(response.text)


async def test_the_reference_shows_every_operation_with_its_path_and_permission(anonymous: httpx.AsyncClient) -> None:
    source = (await anonymous.get("/docs")).text
    sections = dict(re.findall(r'<section class="operation split" id="(\w+)">(.*?)</section>', source, re.DOTALL))
    shown = {
        (each["x-permission"], method.upper(), path): sections[each["operationId"]]
        for path, methods in document(HANDLERS)["paths"].items()
        for method, each in methods.items()
    }
    assert set(shown) == {(each.permission, each.method, each.path) for each in OPERATIONS}
    for (permission, method, path), section in shown.items():
        words = " ".join(Page(section).words.split())
        assert f"{method} {path}" in words or f"{method}{path}" in words
        assert f"Needs the permission {permission}" in words


async def test_the_reference_lists_the_problems_of_every_operation(anonymous: httpx.AsyncClient) -> None:
    source = (await anonymous.get("/docs")).text
    sections = re.findall(r'<section class="operation split" id="\w+">(.*?)</section>', source, re.DOTALL)
    assert len(sections) == len(OPERATIONS)
    for operation, section in zip(_by_path(), sections, strict=True):
        linked = {link.rpartition("#")[2] for link in Page(section).attributes("href") if "/errors#" in link}
        assert linked == {kind.code for kind in operation.problems}


def _by_path() -> list:
    paths = list(dict.fromkeys(operation.path for operation in OPERATIONS))
    tags = list(dict.fromkeys(operation.tag for operation in OPERATIONS))
    return sorted(OPERATIONS, key=lambda each: (tags.index(each.tag), paths.index(each.path)))


async def test_the_reference_lists_every_permission(anonymous: httpx.AsyncClient) -> None:
    assert set(Permission) <= set((await page(anonymous, "/docs")).attributes("id"))


async def test_every_problem_leads_to_its_place_on_the_errors_page(anonymous: httpx.AsyncClient) -> None:
    ids = set((await page(anonymous, "/docs/errors")).attributes("id"))
    assert {kind.code for kind in KINDS} <= ids
    assert {f"field-{code}" for code in FIELD_CODES} <= ids
    problem = (await anonymous.get("/customers/unknown")).json()
    path, _, code = problem["type"].partition("#")
    assert path == "/docs/errors"
    assert code in ids


async def test_the_errors_page_names_the_headers_that_an_answer_has(anonymous: httpx.AsyncClient) -> None:
    words = (await page(anonymous, "/docs/errors")).words
    assert "Retry-After: 1" in words
    assert "WWW-Authenticate: Bearer" in words


@pytest.mark.parametrize("path", PAGES)
async def test_every_link_leads_somewhere(anonymous: httpx.AsyncClient, path: str) -> None:
    ids = {each: (await page(anonymous, each)).attributes("id") for each in PAGES}
    for known in ids.values():
        assert len(known) == len(set(known))
    for link in (await page(anonymous, path)).attributes("href"):
        target, _, anchor = link.partition("#")
        if anchor:
            assert anchor in ids[target or path]
        else:
            assert (await anonymous.get(target)).status_code == 200


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_nothing_from_elsewhere(anonymous: httpx.AsyncClient, path: str) -> None:
    found = await page(anonymous, path)
    addresses = found.attributes("href") + found.attributes("src")
    assert all(address.startswith(("/", "#")) and not address.startswith("//") for address in addresses)
    loaded = [address for address in addresses if address.startswith("/docs/static/")]
    assert len(loaded) == 3
    for address in loaded:
        content = (await anonymous.get(address)).text
        assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", content)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_no_inline_script_or_style(anonymous: httpx.AsyncClient, path: str) -> None:
    found = await page(anonymous, path)
    assert all("src" in attributes for tag, attributes in found.tags if tag == "script")
    assert not any(tag == "style" for tag, _ in found.tags)
    assert not any(name == "style" or name.startswith("on") for _, attributes in found.tags for name in attributes)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_forbids_all_but_its_own_files(anonymous: httpx.AsyncClient, path: str) -> None:
    headers = (await anonymous.get(path)).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("suffix", ["css", "js", "svg"])
async def test_a_file_is_kept_for_a_year_under_the_fingerprint_of_its_content(
    anonymous: httpx.AsyncClient, suffix: str
) -> None:
    found = await page(anonymous, "/docs")
    (address,) = {each for each in found.attributes("href") + found.attributes("src") if each.endswith(f".{suffix}")}
    assert re.fullmatch(rf"/docs/static/[a-z]+\.[0-9a-f]{{12}}\.{suffix}", address)
    response = await anonymous.get(address)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_a_file_that_is_not_there_is_not_found(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.get("/docs/static/reference.css")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


async def test_the_bodies_of_the_examples_are_those_of_the_document(anonymous: httpx.AsyncClient) -> None:
    commands = list((await page(anonymous, "/docs")).commands())
    bodies = [json.loads(command[command.index("-d") + 1]) for command in commands if "-d" in command]
    for operation in OPERATIONS:
        if operation.method == "POST":
            assert operation.example in bodies


async def test_the_first_example_of_the_reference_makes_a_customer(client: httpx.AsyncClient) -> None:
    command = next((await page(client, "/docs")).commands())
    response = await client.post(command[1], json=json.loads(command[command.index("-d") + 1]))
    assert response.status_code == 201


async def test_the_example_answer_of_an_operation_has_the_fields_of_a_real_one(client: httpx.AsyncClient) -> None:
    found = await page(client, "/docs")
    customer = (await client.post("/customers", json={"email": "jane@example.com"})).json()
    events = (await client.get("/events")).json()
    shown = [json.loads(code) for code in found.codes if code.startswith("{")]
    assert list(customer) in map(list, shown)
    assert list(events["data"][0]) in [
        list(each["data"][0]) for each in shown if each.get("pagination") and each["data"]
    ]


async def test_the_example_answer_of_an_update_shows_the_update(anonymous: httpx.AsyncClient) -> None:
    source = (await anonymous.get("/docs")).text
    (section,) = re.findall(r'<section class="operation split" id="updateCustomer">(.*?)</section>', source, re.DOTALL)
    answer = json.loads(Page(section).codes[-1])
    assert answer["phoneNumber"] == "+442079460958"
    assert answer["metadata"] == {"tier": "gold"}


async def sections(client: httpx.AsyncClient) -> dict[str, Page]:
    """Return the sections of the reference that stand beside their examples, by id."""
    source = (await client.get("/docs")).text
    found = re.findall(r'<section class="(?:operation )?split" id="([\w-]+)">(.*?)</section>', source, re.DOTALL)
    return {name: Page(section) for name, section in found}


LISTS = [operation for operation in OPERATIONS if operation.listing]


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.name)
async def test_a_list_shows_its_filters_with_their_operators_and_its_sorts(
    anonymous: httpx.AsyncClient, operation: Operation
) -> None:
    described = document(HANDLERS)["paths"][operation.path]["get"]
    shown = " ".join((await sections(anonymous))[described["operationId"]].words.split())
    assert operation.listing
    for field in operation.listing.fields:
        name = f"{field.name}[key]" if field.kind.is_keyed else field.name
        about = field.kind.about.replace("`", "")
        rest = " A key that is not there counts as null." if field.kind.is_keyed else ""
        assert f"{name} {about[0].upper()}{about[1:]}.{rest} {''.join(field.kind.operators)}" in shown
    assert f"One of {''.join(operation.listing.sorts)}" in shown


async def test_the_reference_explains_every_operator_once(anonymous: httpx.AsyncClient) -> None:
    words = " ".join((await sections(anonymous))["filters"].words.split())
    for operator, meaning in OPERATORS.items():
        assert words.count(f"{operator} {meaning.replace('`', '')}") == 1


async def test_every_list_that_the_reference_asks_for_is_answered(client: httpx.AsyncClient) -> None:
    customer = (await client.post("/customers", json={"email": "jane@example.com"})).json()["id"]
    commands = [command for command in (await page(client, "/docs")).commands() if command[1] == "-G"]
    assert len(commands) == len(LISTS) + 5
    for command in commands:
        path = re.sub(r"cus_[0-9A-Za-z]+", customer, command[2])
        sent = [
            tuple(command[place + 1].split("=", 1)) for place, word in enumerate(command) if word.startswith("--data")
        ]
        response = await client.get(path, params=sent)
        assert response.status_code == 200, response.text


async def test_the_pagination_that_is_shown_is_that_of_a_page_and_of_a_step(client: httpx.AsyncClient) -> None:
    found = await sections(client)
    for name, query in {"pagination": "page=1", "listCustomers": "page=1", "cursors": "cursor="}.items():
        real = (await client.get(f"/customers?{query}")).json()["pagination"]
        assert list(json.loads(found[name].codes[-1])["pagination"]) == list(real)


@pytest.mark.parametrize("path", tables.PAGES, ids=lambda path: path.name)
def test_the_tables_of_a_page_are_those_that_the_api_is_made_from(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "<!-- made: " in text
    assert tables.filled(text) == text, "`make docs` writes them anew"


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({"Host": "api.acme.test:8443"}, "http://api.acme.test:8443"),
        ({"Host": "[::1]:8000"}, "http://[::1]:8000"),
        ({"Host": "api.acme.test", "X-Forwarded-Proto": "https"}, "https://api.acme.test"),
        ({"Host": "$(reboot)"}, "http://localhost"),
        ({"Host": "acme.test;reboot"}, "http://localhost"),
        ({"Host": "acme.test'"}, "http://localhost"),
        ({"Host": ""}, "http://localhost"),
    ],
)
async def test_the_examples_name_the_address_that_the_reader_came_to(
    anonymous: httpx.AsyncClient, headers: dict[str, str], origin: str
) -> None:
    source = (await anonymous.get("/docs", headers=headers)).text
    addresses = {command[1] for command in Page(source).commands() if command[1] != "-G"}
    assert addresses
    assert all(address.startswith(f"{origin}/") for address in addresses)
    assert "odus.invalid" not in source


async def test_the_bare_address_leads_to_the_reference(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.get("/")
    assert (response.status_code, response.headers["location"]) == (302, "/docs")


def test_script_in_a_description_shows_as_text() -> None:
    attack = "<script>alert(1)</script> [x](javascript:alert(1)) ![x](https://evil.test/x.png)"
    made = document(HANDLERS)
    made["info"]["description"] = attack
    for methods in made["paths"].values():
        for operation in methods.values():
            operation["summary"] = operation["description"] = attack
            for parameter in operation["parameters"]:
                parameter["description"] = attack
    for schema in made["components"]["schemas"].values():
        schema["description"] = attack
        schema.setdefault("properties", {})["<script>alert(2)</script>"] = {"type": "string", "examples": [attack]}
    found = Page(render(made).reference.decode())
    assert [attributes["src"] for tag, attributes in found.tags if tag == "script"] == found.attributes("src")
    assert not any("javascript:" in link for link in found.attributes("href"))
    assert "<script>alert(1)</script>" in found.words
    assert "<script>alert(2)</script>" in found.words


def test_a_type_that_holds_itself_is_opened_once() -> None:
    made = document(HANDLERS)
    made["components"]["schemas"]["Address"]["properties"]["previous"] = {
        "anyOf": [{"$ref": "#/components/schemas/Address"}, {"type": "null"}]
    }
    assert b"previous" in render(made).reference
