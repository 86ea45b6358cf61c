// A meeting by the npm packages of ACS: two users, a room, a bot that hears one of them by id and then speaks to both.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { CallAutomationClient, parseCallAutomationEvent, StreamingData } from '@azure/communication-call-automation';
import { CommunicationIdentityClient } from '@azure/communication-identity';
import { RoomsClient } from '@azure/communication-rooms';
import { WebSocket, WebSocketServer } from 'ws';

const [connectionString, emulator, speechFile] = process.argv.slice(2);
const FRAME = 960; // 20 ms at 24 kHz
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const identities = new CommunicationIdentityClient(connectionString);
const people = [await identities.createUserAndToken(['voip']), await identities.createUserAndToken(['voip'])];
const rooms = new RoomsClient(connectionString);
const room = await rooms.createRoom({ participants: people.map(({ user }) => ({ id: user, role: 'Attendee' })) });

// The bot: callbacks and a media socket.
const events = [];
const heard = new Map(); // raw id -> bytes that are not silent
const server = createServer(async (request, answer) => {
  let body = '';
  for await (const part of request) body += part;
  events.push(...JSON.parse(body).map((event) => parseCallAutomationEvent(event).kind));
  answer.end();
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();
const media = new WebSocketServer({ server });
const dialled = once(media, 'connection');
media.on('connection', (socket) =>
  socket.on('message', (data) => {
    const message = StreamingData.parse(data.toString());
    if (!('data' in message) || message.isSilent) return;
    const who = message.participant?.rawId ?? message.participant?.communicationUserId;
    heard.set(who, (heard.get(who) ?? 0) + Buffer.from(message.data, 'base64').length);
  }),
);

const join = async ({ token }, name) => {
  const socket = new WebSocket(`${emulator.replace('http', 'ws')}/emulator/rooms/${room.id}/join?token=${token}`);
  const person = { socket, audio: [] };
  socket.on('message', (data, binary) => binary && person.audio.push(data));
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'hello', display_name: name }));
  await once(socket, 'message');
  return person;
};
const [ana, luis] = [await join(people[0], 'Ana'), await join(people[1], 'Luis')];

const calls = new CallAutomationClient(connectionString);
const { callConnection } = await calls.connectCall({ kind: 'roomCallLocator', id: room.id }, `http://127.0.0.1:${port}/callbacks`, {
  mediaStreamingOptions: {
    transportUrl: `ws://127.0.0.1:${port}/media`,
    transportType: 'websocket',
    contentType: 'audio',
    audioChannelType: 'unmixed',
    startMediaStreaming: true,
    enableBidirectional: true,
    audioFormat: 'pcm24KMono',
  },
});
const [socket] = await dialled;
const speech = readFileSync(speechFile).subarray(0, FRAME * 60);
for (let start = 0; start < speech.length; start += FRAME) {
  const frame = speech.subarray(start, start + FRAME);
  ana.socket.send(frame);
  await pause(20);
}
for (let start = 0; start < speech.length; start += FRAME) {
  const data = speech.subarray(start, start + FRAME).toString('base64');
  socket.send(JSON.stringify({ kind: 'AudioData', audioData: { data } }));
}
await pause((speech.length / FRAME) * 20 + 500);
const { values: participants = [] } = await callConnection.listParticipants();
await callConnection.hangUp(false);
while (!events.includes('CallDisconnected')) await pause(50);
for (const { socket } of [ana, luis]) socket.close();
media.close();
server.close();
await rooms.deleteRoom(room.id);
console.log(
  JSON.stringify({
    speaker: people[0].user.communicationUserId,
    heard: Object.fromEntries(heard),
    events: [...new Set(events)].sort(),
    participants: participants.length,
    luis: Buffer.concat(luis.audio).toString('base64'),
  }),
);
