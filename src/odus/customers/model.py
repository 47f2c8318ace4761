"""Customers: the people and organizations that a merchant charges (api.md §6)."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from odus.kit.fields import BirthDate, Country, Email, PhoneNumber, Text255, Text500
from odus.kit.metadata import MetadataPatch, NewMetadata
from odus.kit.times import Moment


class Address(msgspec.Struct, frozen=True, rename="camel"):
    """An address as it is stored and shown."""

    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


class AddressSent(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """An address as it is sent: one value, which replaces the stored one; every part is optional."""

    line1: Text255 | None = None
    line2: Text255 | None = None
    city: Text255 | None = None
    state: Text255 | None = None
    postal_code: Text255 | None = None
    country: Country | None = None


class Customer(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A person or organization that a merchant charges."""

    id: Annotated[str, Meta(description="`cus_` and 27 characters; what payments and subscriptions name.")]
    email: Annotated[str, Meta(description="As it was typed. Two customers may share one.")]
    name: Annotated[str | None, Meta(description="A person's or an organization's.")]
    phone_number: str | None
    date_of_birth: date | None
    billing_address: Address | None
    shipping_address: Address | None
    metadata: Annotated[dict[str, str], Meta(description="Your own strings on the customer, sorted by key.")]
    restrict_cit: Annotated[bool, Meta(description="Whether payments that the customer initiates are blocked.")]
    restrict_mit: Annotated[bool, Meta(description="Whether payments that the merchant initiates are blocked.")]
    restrict_reason: Annotated[str | None, Meta(description="Why, for the merchant's staff.")]
    created_at: Moment
    updated_at: Annotated[Moment, Meta(description="Moves with each update that changes something.")]


class CustomerCreate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What a new customer is made of; only the email is required."""

    email: Email
    name: Text255 | None = None
    phone_number: PhoneNumber | None = None
    date_of_birth: BirthDate | None = None
    billing_address: AddressSent | None = None
    shipping_address: AddressSent | None = None
    metadata: NewMetadata | None = None
    restrict_cit: bool = False
    restrict_mit: bool = False
    restrict_reason: Text500 | None = None


class CustomerUpdate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What may change on a customer; a field that is not sent stays, null clears one that can be empty."""

    email: Email | UnsetType = UNSET
    name: Text255 | UnsetType | None = UNSET
    phone_number: PhoneNumber | UnsetType | None = UNSET
    date_of_birth: BirthDate | UnsetType | None = UNSET
    billing_address: AddressSent | UnsetType | None = UNSET
    shipping_address: AddressSent | UnsetType | None = UNSET
    metadata: MetadataPatch | UnsetType | None = UNSET
    restrict_cit: bool | UnsetType = UNSET
    restrict_mit: bool | UnsetType = UNSET
    restrict_reason: Text500 | UnsetType | None = UNSET


def address(sent: AddressSent | None) -> Address | None:
    """Return what is stored of an address."""
    return None if sent is None else Address(*msgspec.structs.astuple(sent))
