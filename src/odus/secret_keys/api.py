"""The REST door to secret keys."""

from odus.kit.db import Read, Search, Write
from odus.kit.endpoints import changes, creates, lists_of, reads
from odus.kit.lists import Asked, Page
from odus.kit.permissions import Permission, Principal
from odus.kit.problems import CONFLICT
from odus.kit.requests import not_found
from odus.kit.versions import IfMatch
from odus.secret_keys import actions, queries
from odus.secret_keys.model import (
    Nothing,
    SecretKey,
    SecretKeyCreate,
    SecretKeyRotate,
    SecretKeyUpdate,
    SecretKeyWithValue,
)


@creates(
    "/secret-keys",
    Permission.SECRET_KEY_UPDATE,
    example={"note": "Billing server", "permissions": ["CUSTOMER_UPDATE"]},
    shows_secret=True,
)
async def create_secret_key(write: Write, who: Principal, data: SecretKeyCreate) -> SecretKeyWithValue:
    """Create a secret key.

    The `value` stands in this answer alone; only a hash of it is stored. A key can grant no permission that it lacks.
    """
    return await actions.create(write, who, data)


@lists_of(
    "/secret-keys",
    Permission.SECRET_KEY_READ,
    queries.LISTING,
    example={"revokedAt": {"exists": False}, "sortBy": "lastUsedAt", "sortDirection": "desc"},
)
async def list_secret_keys(search: Search, who: Principal, asked: Asked) -> Page[SecretKey]:
    """List secret keys.

    All keys of the merchant, the revoked and expired ones too, oldest first by default.
    """
    return await queries.search(search, who.merchant_id, asked)


@reads("/secret-keys/{id}", Permission.SECRET_KEY_READ)
async def get_secret_key(read: Read, who: Principal, key_id: str) -> SecretKey:
    """Read a secret key."""
    key = await queries.get(read, who.merchant_id, key_id)
    if key is None:
        raise not_found()
    return key


@changes(
    "/secret-keys/{id}", Permission.SECRET_KEY_UPDATE, raises=(CONFLICT,), example={"permissions": ["CUSTOMER_READ"]}
)
async def update_secret_key(
    write: Write, who: Principal, key_id: str, data: SecretKeyUpdate, if_match: IfMatch
) -> SecretKey:
    """Update a secret key.

    Its note, or the whole set of its permissions; within a second it counts everywhere.
    """
    return await actions.update(write, who, key_id, data, if_match)


@changes(
    "/secret-keys/{id}/rotate",
    Permission.SECRET_KEY_UPDATE,
    raises=(CONFLICT,),
    example={},
    shows_secret=True,
)
async def rotate_secret_key(
    write: Write, who: Principal, key_id: str, data: SecretKeyRotate, if_match: IfMatch
) -> SecretKeyWithValue:
    """Rotate a secret key.

    Gives the key a new value, shown in this answer alone. The present value stays valid until `expireCurrentAt`: by
    default it ends now, and at most 7 days on.
    """
    return await actions.rotate(write, who, key_id, data, if_match)


@changes("/secret-keys/{id}/revoke", Permission.SECRET_KEY_UPDATE, example={})
async def revoke_secret_key(write: Write, who: Principal, key_id: str, data: Nothing, if_match: IfMatch) -> SecretKey:
    """Revoke a secret key.

    Ends the key and all its values for good, within a second everywhere. Revoking it again changes nothing.
    """
    del data
    return await actions.revoke(write, who, key_id, if_match)


HANDLERS = [
    create_secret_key,
    list_secret_keys,
    get_secret_key,
    update_secret_key,
    rotate_secret_key,
    revoke_secret_key,
]
