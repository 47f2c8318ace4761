"""The Dashboard door to users: Admin > Users."""

from odus.kit import bodies, edits, list_pages, once
from odus.kit.edits import Edit, Editor, Values
from odus.kit.list_bars import Control, Place
from odus.kit.pages import Form, Visit, moved, shows, submits, wrong
from odus.kit.permissions import Permission
from odus.kit.problems import CONFLICT, Problem
from odus.kit.requests import Response, not_found
from odus.kit.versions import IfMatch
from odus.users import actions, queries
from odus.users.model import ROLE_NAMES, User, UserCreate, UserUpdate

PATH = "/dashboard/users"
LIST = Place(
    PATH,
    "/users",
    "users/list.html",
    queries.LISTING,
    (
        Control("email", "Email"),
        Control("role", "Role", "choice", tuple(ROLE_NAMES.items())),
        Control("removedAt", "State", "presence", (("unset", "Active"), ("set", "Removed"))),
    ),
)

OPTIONAL = ("firstName", "lastName", "username")
FIELDS = ("email", *OPTIONAL, "role")
EMPTY: Values = dict.fromkeys(FIELDS, "") | {"role": "supportAgent"}

_create = bodies.decoder(UserCreate)
_update = bodies.decoder(UserUpdate)


@shows(PATH, Permission.USER_READ)
async def users_page(visit: Visit) -> Response:
    """Show the merchant's people."""
    return await list_pages.show(visit, LIST, queries.search)


@shows(f"{PATH}/new", Permission.USER_UPDATE)
async def new_user_page(visit: Visit) -> Response:
    """Show the form of a new user."""
    return _new(visit, EMPTY, once.value())


@submits(f"{PATH}/new", Permission.USER_UPDATE)
async def create_user_form(visit: Visit, form: Form) -> Response:
    """Make a user of what was typed, one however often the form is sent; what was typed stays, but for the password."""
    values = {name: form.text(name) for name in FIELDS}
    typed = {**values, "password": form.text("password")}
    try:
        data = _create(bodies.encode({name: text for name, text in typed.items() if text}))
        await once.made(visit, form, User, lambda write: actions.create(write, visit.who, data))
    except Problem as problem:
        return _new(visit, values, once.again(form, problem), problem)
    return moved(PATH)


@shows(f"{PATH}/{{id}}/edit", Permission.USER_UPDATE)
async def edit_user_page(visit: Visit) -> Response:
    """Show the form that changes a user."""
    user = await _user(visit)
    return _form(visit, user, edits.opened(user, _values_of(user)))


@submits(f"{PATH}/{{id}}/edit", Permission.USER_UPDATE)
async def update_user_form(visit: Visit, form: Form) -> Response:
    """Change what was changed in the form, onto the version that it showed; an empty password stays what it is."""
    password = form.text("password")

    async def change(user: User, edit: Edit) -> None:
        changed = {name: text or (None if name in OPTIONAL else text) for name, text in edit.changed.items()}
        data = _update(bodies.encode(changed | ({"password": password} if password else {})))
        await actions.update(visit.database.write, visit.who, user.id, data, edit.seen)

    try:
        user, again = await Editor(load=lambda: _user(visit), values_of=_values_of).save(form, change)
    except Problem as problem:
        if problem.kind is not CONFLICT:
            raise
        user = await _user(visit)
        return _form(visit, user, edits.sent(form, user, _values_of(user)), problem.detail)
    return _form(visit, user, again) if again else moved(PATH)


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


def _values_of(user: User) -> dict[str, str]:
    """Return a user as the form shows it: on one line each, as a browser has no other in such a field."""
    values = {
        "email": user.email,
        "firstName": user.first_name or "",
        "lastName": user.last_name or "",
        "username": user.username or "",
        "role": user.role,
    }
    return {name: text.replace("\r", "").replace("\n", "") for name, text in values.items()}


def _new(visit: Visit, values: Values, value: str, problem: Problem | None = None) -> Response:
    told = problem.detail if problem is not None and problem.kind is CONFLICT else once.told(problem, "user")
    return visit.page(
        "users/new.html",
        200 if problem is None else problem.kind.status,
        values=values,
        errors=wrong(None if told else problem),
        problem=told,
        once=value,
    )


def _form(visit: Visit, user: User, edit: Edit, problem: str = "") -> Response:
    return visit.page("users/edit.html", 409 if problem else edit.status, user=user, edit=edit, problem=problem)
