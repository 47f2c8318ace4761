"""The Dashboard door to gateway profiles, which are listed at Settings > General."""

from odus.gateways import actions, queries
from odus.gateways.model import GatewayProfile, GatewayProfileCreate, GatewayProfileUpdate
from odus.kit import bodies, edits
from odus.kit.edits import Edit, Editor
from odus.kit.pages import Form, Visit, moved, shows, submits, wrong
from odus.kit.permissions import Permission
from odus.kit.problems import Problem
from odus.kit.requests import Response, not_found

BACK = "/dashboard/settings"
PATH = f"{BACK}/gateway-profiles"
EMPTY = {"title": "", "integration": "sandbox"}

_create = bodies.decoder(GatewayProfileCreate)
_update = bodies.decoder(GatewayProfileUpdate)


@shows(f"{PATH}/new", Permission.MERCHANT_CONFIG_UPDATE)
async def new_gateway_profile_page(visit: Visit) -> Response:
    """Show the form of a new profile."""
    return visit.page("gateways/new.html", values=EMPTY, errors=wrong())


@submits(f"{PATH}/new", Permission.MERCHANT_CONFIG_UPDATE)
async def create_gateway_profile_form(visit: Visit, form: Form) -> Response:
    """Make a profile of what was typed."""
    values = {name: form.text(name) for name in EMPTY}
    try:
        await actions.create(visit.database.write, visit.who, _create(bodies.encode(values)))
    except Problem as problem:
        return visit.page("gateways/new.html", 400, values=values, errors=wrong(problem))
    return moved(BACK)


@shows(f"{PATH}/{{id}}/edit", Permission.MERCHANT_CONFIG_UPDATE)
async def edit_gateway_profile_page(visit: Visit) -> Response:
    """Show the form that renames a profile."""
    profile = await _profile(visit)
    return _page(visit, profile, edits.opened(profile, _values_of(profile)))


@submits(f"{PATH}/{{id}}/edit", Permission.MERCHANT_CONFIG_UPDATE)
async def update_gateway_profile_form(visit: Visit, form: Form) -> Response:
    """Rename a profile, onto the version that the form showed."""

    async def change(profile: GatewayProfile, edit: Edit) -> None:
        data = _update(bodies.encode(edit.changed))
        await actions.update(visit.database.write, visit.who, profile.id, data, edit.seen)

    profile, again = await Editor(load=lambda: _profile(visit), values_of=_values_of).save(form, change)
    return _page(visit, profile, again) if again else moved(BACK)


HANDLERS = [
    new_gateway_profile_page,
    create_gateway_profile_form,
    edit_gateway_profile_page,
    update_gateway_profile_form,
]


async def _profile(visit: Visit) -> GatewayProfile:
    profile = await queries.get(visit.database.read, visit.who.merchant_id, visit.id)
    if profile is None:
        raise not_found()
    return profile


def _values_of(profile: GatewayProfile) -> dict[str, str]:
    """Return a profile as the form shows it: on one line, as a browser has no other in such a field."""
    return {"title": profile.title.replace("\r", "").replace("\n", "")}


def _page(visit: Visit, profile: GatewayProfile, edit: Edit) -> Response:
    return visit.page("gateways/edit.html", edit.status, profile=profile, edit=edit)
