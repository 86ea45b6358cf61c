import pytest
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.communication.rooms import RoomParticipant
from azure.communication.rooms.aio import RoomsClient
from azure.core.credentials import AzureKeyCredential

from emulator.app import Emulator
from emulator.client import Participant
from emulator.config import Config

KEY = "c2VjcmV0"


@pytest.fixture
async def emulator():
    config = Config(acs_port=0, realtime_port=0, access_key=KEY, realtime_key="key", engine="scripted", seed=1)
    async with Emulator(config) as running:
        yield running


async def test_somebody_is_heard(emulator):
    acs = emulator.acs_url, AzureKeyCredential(KEY)
    async with CommunicationIdentityClient(*acs) as identities, RoomsClient(*acs) as rooms:
        people = [await identities.create_user_and_token(["voip"]) for _ in range(2)]
        room = await rooms.create_room(
            participants=[RoomParticipant(communication_identifier=who) for who, _ in people]
        )
    tokens = [token.token for _, token in people]
    # Here your bot would start, with emulator.acs_url and emulator.realtime_url; how it learns of calls: "Event Grid".
    emulator.faults.replace({"media": {"drop_after_frames": 100, "times": 1}})
    async with (
        Participant.join(emulator.acs_url, room.id, tokens[0], "Ana") as ana,
        Participant.join(emulator.acs_url, room.id, tokens[1], "Luis") as luis,
    ):
        await ana.speak(b"\x00\x10" * 24_000)
    assert luis.heard.count(b"\x00\x10") > 20_000
    assert [entry["reason"] for entry in emulator.journal.entries("call.left")] == ["left", "left"]
