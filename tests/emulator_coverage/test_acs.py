"""The rows of the ACS side against the operations of the SDKs' clients and the switches."""

from __future__ import annotations

import pytest
from azure.communication.callautomation import CallAutomationClient, CallConnectionClient
from azure.communication.callautomation.aio import CallAutomationClient as AsyncCallAutomationClient
from azure.communication.callautomation.aio import CallConnectionClient as AsyncCallConnectionClient
from azure.communication.identity import CommunicationIdentityClient
from azure.communication.identity.aio import CommunicationIdentityClient as AsyncCommunicationIdentityClient
from azure.communication.rooms import RoomsClient
from azure.communication.rooms.aio import RoomsClient as AsyncRoomsClient

from emulator.config import Switches
from tests.emulator_coverage import ACS, OPERATIONS

CLIENTS: list[type] = [
    CallAutomationClient,
    CallConnectionClient,
    RoomsClient,
    CommunicationIdentityClient,
    AsyncCallAutomationClient,
    AsyncCallConnectionClient,
    AsyncRoomsClient,
    AsyncCommunicationIdentityClient,
]


def operations_of(client: type) -> set[str]:
    return {name for name in dir(client) if not name.startswith("_") and callable(getattr(client, name))}


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__module__ + "." + client.__name__)
def test_every_operation_of_a_client_is_in_the_table(client: type) -> None:
    listed = {row.operation for row in OPERATIONS if row.subject == client.__name__}
    offered = operations_of(client)
    # A client may lack what only a connection needs closed; nothing may be offered that is not listed.
    assert offered - {"close"} <= listed


def test_the_table_lists_nothing_that_no_client_offers() -> None:
    offered = {(client.__name__, name) for client in CLIENTS for name in operations_of(client)}
    assert {(row.subject, row.operation) for row in OPERATIONS} <= offered


def test_every_switch_is_explained_by_a_row() -> None:
    explained = {switch for row in ACS for switch in row.switches}
    assert explained == set(Switches.__struct_fields__)
