"""The Dashboard door to secret keys: Developers > Access Keys."""

from collections.abc import Sequence

from odus.kit import bodies, list_pages, once
from odus.kit.db import Write
from odus.kit.list_bars import Control, Place
from odus.kit.pages import Form, Visit, moved, shows, submits, wrong
from odus.kit.permissions import Permission
from odus.kit.problems import CONFLICT, MISSING_PERMISSION, Problem
from odus.kit.requests import Response, not_found
from odus.kit.times import now
from odus.kit.versions import IfMatch
from odus.secret_keys import actions, queries
from odus.secret_keys.model import SecretKey, SecretKeyCreate, SecretKeyRotate, SecretKeyWithValue

PATH = "/dashboard/access-keys"
LIST = Place(
    PATH,
    "/secret-keys",
    "access_keys/list.html",
    queries.LISTING,
    (
        Control("note", "Note"),
        Control("revokedAt", "State", "presence", (("unset", "Not revoked"), ("set", "Revoked"))),
        Control("expiresAt", "Expires", "dates"),
    ),
)

_decode = bodies.decoder(SecretKeyCreate)


@shows(PATH, Permission.SECRET_KEY_READ)
async def access_keys_page(visit: Visit) -> Response:
    """Show the keys, their values masked."""
    return await list_pages.show(visit, LIST, queries.search, state=state)


@shows(f"{PATH}/new", Permission.SECRET_KEY_UPDATE)
async def new_access_key_page(visit: Visit) -> Response:
    """Show the form of a new key."""
    return _form(visit, "", [], once.value())


@submits(f"{PATH}/new", Permission.SECRET_KEY_UPDATE)
async def create_access_key_form(visit: Visit, form: Form) -> Response:
    """Make a key, one however often the form is sent, and show its value to who sends it."""
    note, chosen = form.text("note"), form.texts("permissions")
    try:
        data = _decode(bodies.encode({"note": note, "permissions": chosen}))

        async def make(write: Write) -> SecretKeyWithValue:
            return await actions.create(write, visit.who, data)

        key = await once.made(visit, form, SecretKeyWithValue, make, is_secret=True)
    except Problem as problem:
        return _form(visit, note, chosen, once.again(form, problem), problem)
    return _value(visit, key)


@shows(f"{PATH}/{{id}}/rotate", Permission.SECRET_KEY_UPDATE)
async def rotate_access_key_page(visit: Visit) -> Response:
    """Ask before a key gets a new value."""
    return _rotate(visit, await _key(visit), once.value())


@submits(f"{PATH}/{{id}}/rotate", Permission.SECRET_KEY_UPDATE)
async def rotate_access_key_form(visit: Visit, form: Form) -> Response:
    """Give a key a new value, one however often the form is sent, and show it to who sends it."""
    held = await _key(visit)

    async def rotate(write: Write) -> SecretKeyWithValue:
        return await actions.rotate(write, visit.who, held.id, SecretKeyRotate(), IfMatch())

    try:
        key = await once.made(visit, form, SecretKeyWithValue, rotate, is_secret=True)
    except Problem as problem:
        told = problem.detail if problem.kind in (CONFLICT, MISSING_PERMISSION) else once.told(problem, "value")
        if not told:
            raise
        return _rotate(visit, await _key(visit), once.again(form, problem), told)
    return _value(visit, key)


@shows(f"{PATH}/{{id}}/revoke", Permission.SECRET_KEY_UPDATE)
async def revoke_access_key_page(visit: Visit) -> Response:
    """Ask before a key is ended."""
    return visit.page("access_keys/revoke.html", key=await _key(visit), problem="")


@submits(f"{PATH}/{{id}}/revoke", Permission.SECRET_KEY_UPDATE)
async def revoke_access_key_form(visit: Visit, form: Form) -> Response:
    """End a key for good."""
    del form
    await actions.revoke(visit.database.write, visit.who, visit.id, IfMatch())
    return moved(PATH)


HANDLERS = [
    access_keys_page,
    new_access_key_page,
    create_access_key_form,
    rotate_access_key_page,
    rotate_access_key_form,
    revoke_access_key_page,
    revoke_access_key_form,
]


def state(key: SecretKey) -> str:
    """Return a key's state in a word."""
    if key.revoked_at is not None:
        return "Revoked"
    return "Expired" if key.expires_at is not None and key.expires_at <= now() else "Active"


async def _key(visit: Visit) -> SecretKey:
    key = await queries.get(visit.database.read, visit.who.merchant_id, visit.id)
    if key is None:
        raise not_found()
    return key


def _form(visit: Visit, note: str, chosen: Sequence[str], value: str, problem: Problem | None = None) -> Response:
    told = once.told(problem, "key")
    return visit.page(
        "access_keys/new.html",
        200 if problem is None else problem.kind.status,
        note=note,
        chosen=chosen,
        errors=wrong(None if told else problem, by=lambda path: path.partition(".")[0]),
        permissions=_grantable(visit),
        problem=told,
        once=value,
    )


def _rotate(visit: Visit, key: SecretKey, value: str, problem: str = "") -> Response:
    return visit.page("access_keys/rotate.html", 409 if problem else 200, key=key, problem=problem, once=value)


def _value(visit: Visit, key: SecretKeyWithValue) -> Response:
    return visit.page("access_keys/value.html", 201, key=key)


def _grantable(visit: Visit) -> list[str]:
    """Return the permissions that the person may grant."""
    return sorted(visit.who.permissions)
