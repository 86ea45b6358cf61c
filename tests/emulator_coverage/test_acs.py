"""The coverage table against the clients, the tests and the switches it speaks of."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import msgspec
import pytest
from azure.communication.callautomation import CallAutomationClient, CallConnectionClient
from azure.communication.callautomation.aio import CallAutomationClient as AsyncCallAutomationClient
from azure.communication.callautomation.aio import CallConnectionClient as AsyncCallConnectionClient
from azure.communication.identity import CommunicationIdentityClient
from azure.communication.identity.aio import CommunicationIdentityClient as AsyncCommunicationIdentityClient
from azure.communication.rooms import RoomsClient
from azure.communication.rooms.aio import RoomsClient as AsyncRoomsClient

from emulator.config import Switches
from tests.emulator_coverage import BEHAVIOURS, OPERATIONS, ROWS, UNVERIFIED, Row

ROOT = Path(__file__).parents[2]
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


def test_no_row_is_there_twice() -> None:
    keys = [(row.subject, row.operation) for row in ROWS]
    assert len(keys) == len(set(keys))


@functools.cache
def named_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.subject}: {row.operation}")
def test_every_named_test_and_switch_exists(row: Row) -> None:
    assert row.verified_by
    for node in row.verified_by:
        if node != UNVERIFIED:
            path, _, name = node.partition("::")
            assert name.startswith("test_")
            assert name in named_in(path), node
    assert set(row.switches) <= set(Switches.__struct_fields__)
    assert row.state == "served" or row.limits


def test_every_switch_is_explained_by_a_row() -> None:
    told = {switch for row in ROWS for switch in row.switches}
    assert told == set(Switches.__struct_fields__)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises((AttributeError, TypeError)):
        OPERATIONS[0].state = "not"  # type: ignore[misc] # that it cannot be is the point
    assert isinstance(BEHAVIOURS, tuple)
    assert msgspec.to_builtins(ROWS[0])["subject"] == ROWS[0].subject
