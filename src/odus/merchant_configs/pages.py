"""The Dashboard door to a merchant's configuration: Settings > General."""

from collections.abc import Awaitable

from odus.gateways import queries as gateways
from odus.kit import edits, times
from odus.kit.edits import Edit, Editor
from odus.kit.fields import timezones
from odus.kit.pages import Form, Visit, moved, shows, submits
from odus.kit.permissions import Permission
from odus.kit.requests import Response
from odus.merchant_configs import actions, forms, queries
from odus.merchant_configs.model import MerchantConfig

PATH = "/dashboard/settings"


@shows(PATH, Permission.MERCHANT_CONFIG_READ)
async def settings_page(visit: Visit) -> Response:
    """Show the merchant, its configuration, and its gateway profiles."""
    config = await queries.of(visit.database.read, visit.who.merchant_id)
    return await _page(visit, edits.opened(config, forms.values_of(config)))


@submits(PATH, Permission.MERCHANT_CONFIG_UPDATE)
async def update_settings_form(visit: Visit, form: Form) -> Response:
    """Change what was changed in the form, onto the version that it showed."""

    async def change(config: MerchantConfig, edit: Edit) -> None:
        await actions.update(visit.database.write, visit.who, config.id, forms.update(edit), edit.seen)

    def load() -> Awaitable[MerchantConfig]:
        return queries.of(visit.database.read, visit.who.merchant_id)

    _, again = await Editor(load=load, values_of=forms.values_of).save(form, change)
    return await _page(visit, again) if again else moved(PATH)


HANDLERS = [settings_page, update_settings_form]


async def _page(visit: Visit, edit: Edit) -> Response:
    profiles = await gateways.every(visit.database.read, visit.who.merchant_id)
    return visit.page(
        "merchant_configs/settings.html",
        edit.status,
        merchant_id=visit.who.merchant_id,
        profiles=profiles,
        choices=forms.choices(profiles),
        timezones=sorted(timezones()),
        edit=edit,
        now=times.now(),
    )
