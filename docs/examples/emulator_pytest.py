from azure.communication.identity.aio import CommunicationIdentityClient
from azure.communication.rooms import RoomParticipant
from azure.communication.rooms.aio import RoomsClient
from azure.core.credentials import AzureKeyCredential

from emulator.client import Participant


async def test_somebody_is_heard(acs_emulator):
    acs = acs_emulator.acs_url, AzureKeyCredential(acs_emulator.access_key)
    async with CommunicationIdentityClient(*acs) as identities, RoomsClient(*acs) as rooms:
        people = [await identities.create_user_and_token(["voip"]) for _ in range(2)]
        room = await rooms.create_room(
            participants=[RoomParticipant(communication_identifier=who) for who, _ in people]
        )
    tokens = [token.token for _, token in people]
    # Your bot would start here, with acs_emulator.connection_string and acs_emulator.realtime_url.
    acs_emulator.set_faults({"media": {"drop_after_frames": 100, "times": 1}})
    async with (
        Participant.join(acs_emulator.acs_url, room.id, tokens[0], "Ana") as ana,
        Participant.join(acs_emulator.acs_url, room.id, tokens[1], "Luis") as luis,
    ):
        await ana.speak(b"\x00\x10" * 24_000)
    assert luis.heard.count(b"\x00\x10") > 20_000
    assert [entry["reason"] for entry in acs_emulator.journal("call.left")] == ["left", "left"]
