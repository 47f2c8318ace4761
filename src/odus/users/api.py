"""The REST door to users."""

from odus.kit.db import Read, Search, Write
from odus.kit.endpoints import changes, creates, lists_of, reads
from odus.kit.lists import Asked, Page
from odus.kit.permissions import Permission, Principal
from odus.kit.problems import CONFLICT
from odus.kit.requests import not_found
from odus.kit.versions import IfMatch
from odus.users import actions, queries
from odus.users.model import User, UserCreate, UserRemove, UserUpdate


@creates(
    "/users",
    Permission.USER_UPDATE,
    raises=(CONFLICT,),
    example={"email": "ada@example.com", "password": "Correct-horse-7", "role": "supportAgent", "firstName": "Ada"},
    takes_secret=True,
)
async def create_user(write: Write, who: Principal, data: UserCreate) -> User:
    """Create a user.

    A person who can sign in to the Dashboard. The password has at least 8 characters with an upper and a lower case
    letter, a digit and a special character; it is stored with Argon2id and never shown.
    """
    return await actions.create(write, who, data)


@lists_of(
    "/users",
    Permission.USER_READ,
    queries.LISTING,
    example={"role": {"in": "admin,developer"}, "removedAt": {"exists": False}, "sortBy": "email"},
)
async def list_users(search: Search, who: Principal, asked: Asked) -> Page[User]:
    """List users.

    All people of the merchant, the removed ones too, oldest first by default.
    """
    return await queries.search(search, who.merchant_id, asked)


@reads("/users/{id}", Permission.USER_READ)
async def get_user(read: Read, who: Principal, user_id: str) -> User:
    """Read a user."""
    user = await queries.get(read, who.merchant_id, user_id)
    if user is None:
        raise not_found()
    return user


@changes("/users/{id}", Permission.USER_UPDATE, raises=(CONFLICT,), example={"role": "developer"}, takes_secret=True)
async def update_user(write: Write, who: Principal, user_id: str, data: UserUpdate, if_match: IfMatch) -> User:
    """Update a user.

    A new role counts with the next request, a new password ends all sessions. The last admin keeps the role.
    """
    return await actions.update(write, who, user_id, data, if_match)


@changes("/users/{id}/remove", Permission.USER_UPDATE, raises=(CONFLICT,), example={})
async def remove_user(write: Write, who: Principal, user_id: str, data: UserRemove, if_match: IfMatch) -> User:
    """Remove a user.

    Ends the person's access and sessions for good; the email can be used again. Removing again changes nothing.
    """
    del data
    return await actions.remove(write, who, user_id, if_match)


HANDLERS = [create_user, list_users, get_user, update_user, remove_user]
