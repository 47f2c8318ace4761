"""People: who is behind a session, as the Dashboard's pages know them."""

from odus.kit.db import Database
from odus.kit.pages import Person, Recognize
from odus.users import sessions


def recognizer(database: Database) -> Recognize:
    """Return what turns the value of a session's cookie into a person."""

    async def recognize(token: str, request_id: str) -> Person | None:
        visitor = await sessions.visitor(database, token)
        if visitor is None:
            return None
        return Person(
            who=sessions.principal(visitor, request_id),
            name=visitor.user.name,
            email=visitor.user.email,
            role=visitor.user.role,
            merchant=visitor.merchant_name,
            is_test=visitor.environment == "test",
        )

    return recognize
