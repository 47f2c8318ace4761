"""The Dashboard door to users: Admin > Users."""

from odus.kit import bodies, list_pages
from odus.kit.list_bars import Place
from odus.kit.pages import Form, Visit, moved, shows, submits, wrong
from odus.kit.permissions import Permission
from odus.kit.problems import CONFLICT, Problem
from odus.kit.requests import Response, not_found
from odus.kit.versions import IfMatch
from odus.users import actions, queries
from odus.users.model import User, UserCreate, UserUpdate

PATH = "/dashboard/users"
LIST = Place(PATH, "/users", "users/list.html", queries.LISTING)

FIELDS = ("email", "firstName", "lastName", "username", "role", "password")
EMPTY = dict.fromkeys(FIELDS, "") | {"role": "supportAgent"}

_create = bodies.decoder(UserCreate)
_update = bodies.decoder(UserUpdate)


@shows(PATH, Permission.USER_READ)
async def users_page(visit: Visit) -> Response:
    """Show the merchant's people."""
    return await list_pages.show(visit, LIST, queries.search)


@shows(f"{PATH}/new", Permission.USER_UPDATE)
async def new_user_page(visit: Visit) -> Response:
    """Show the form of a new user."""
    return visit.page("users/form.html", user=None, values=EMPTY, errors=wrong(), problem="")


@submits(f"{PATH}/new", Permission.USER_UPDATE)
async def create_user_form(visit: Visit, form: Form) -> Response:
    """Make a user of what was typed."""
    values = _values(form)
    try:
        data = _create(bodies.encode({name: value for name, value in values.items() if value}))
        await actions.create(visit.database.write, visit.who, data)
    except Problem as problem:
        return _again(visit, None, values, problem)
    return moved(PATH)


@shows(f"{PATH}/{{id}}/edit", Permission.USER_UPDATE)
async def edit_user_page(visit: Visit) -> Response:
    """Show the form that changes a user."""
    user = await _user(visit)
    return visit.page("users/form.html", user=user, values=_values_of(user), errors=wrong(), problem="")


@submits(f"{PATH}/{{id}}/edit", Permission.USER_UPDATE)
async def update_user_form(visit: Visit, form: Form) -> Response:
    """Change what differs from the user; an empty password stays what it is."""
    user = await _user(visit)
    values, known = _values(form), _values_of(user)
    changed = {name: value or None for name, value in values.items() if value != known[name]}
    try:
        await actions.update(visit.database.write, visit.who, user.id, _update(bodies.encode(changed)), IfMatch())
    except Problem as problem:
        return _again(visit, user, values, problem)
    return moved(PATH)


@shows(f"{PATH}/{{id}}/remove", Permission.USER_UPDATE)
async def remove_user_page(visit: Visit) -> Response:
    """Ask before a user is removed."""
    return visit.page("users/remove.html", user=await _user(visit), problem="")


@submits(f"{PATH}/{{id}}/remove", Permission.USER_UPDATE)
async def remove_user_form(visit: Visit, form: Form) -> Response:
    """End a user's access."""
    del form
    try:
        await actions.remove(visit.database.write, visit.who, visit.id, IfMatch())
    except Problem as problem:
        if problem.kind is not CONFLICT:
            raise
        return visit.page("users/remove.html", 409, user=await _user(visit), problem=problem.detail)
    return moved(PATH)


HANDLERS = [
    users_page,
    new_user_page,
    create_user_form,
    edit_user_page,
    update_user_form,
    remove_user_page,
    remove_user_form,
]


async def _user(visit: Visit) -> User:
    user = await queries.get(visit.database.read, visit.who.merchant_id, visit.id)
    if user is None:
        raise not_found()
    return user


def _values(form: Form) -> dict[str, str]:
    return {name: form.text(name) for name in FIELDS}


def _values_of(user: User) -> dict[str, str]:
    return {
        "email": user.email,
        "firstName": user.first_name or "",
        "lastName": user.last_name or "",
        "username": user.username or "",
        "role": user.role,
        "password": "",
    }


def _again(visit: Visit, user: User | None, values: dict[str, str], problem: Problem) -> Response:
    """Show the form again with what is wrong; what was typed stays, but for the password."""
    errors = wrong() if problem.kind is CONFLICT else wrong(problem)
    detail = problem.detail if problem.kind is CONFLICT else ""
    shown = {**values, "password": ""}
    return visit.page("users/form.html", problem.kind.status, user=user, values=shown, errors=errors, problem=detail)
