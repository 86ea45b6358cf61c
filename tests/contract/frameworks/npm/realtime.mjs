// A conversation by the npm package openai: over TLS with a header, then as a browser with a client secret in a subprotocol.
import { readFileSync } from 'node:fs';
import OpenAI from 'openai';
import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { WebSocket } from 'ws';

globalThis.WebSocket ??= WebSocket; // Node has one of its own from 22 on

const [address, apiKey, speechFile] = process.argv.slice(2);
const client = new OpenAI({ apiKey, baseURL: `${address}/v1` });
const COUNTING = {
  type: 'function',
  name: 'count_utterances',
  description: 'Count the utterances.',
  parameters: { type: 'object', properties: { number: { type: 'integer' } }, required: ['number'] },
};

// The next event of this type.
const next = (socket, type) =>
  new Promise((resolve, reject) => {
    socket.on('error', reject);
    const found = (event) => {
      socket.off(type, found);
      resolve(event);
    };
    socket.on(type, found);
  });

async function talk(socket, result) {
  await next(socket, 'session.created');
  const answer = async () => {
    const done = next(socket, 'response.done');
    socket.send({ type: 'response.create' });
    return (await done).response.output[0];
  };
  socket.send({
    type: 'session.update',
    session: {
      type: 'realtime',
      instructions: 'You are a friendly assistant.',
      tools: [COUNTING],
      audio: { input: { turn_detection: null } },
    },
  });
  await next(socket, 'session.updated');
  socket.on('response.output_audio.delta', (event) => result.audio.push(Buffer.from(event.delta, 'base64')));
  socket.send({ type: 'input_audio_buffer.append', audio: readFileSync(speechFile).toString('base64') });
  socket.send({ type: 'input_audio_buffer.commit' });
  result.said.push((await answer()).content[0].transcript);
  const content = [{ type: 'input_text', text: 'Please count 17 utterances.' }];
  socket.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } });
  const call = await answer();
  const { number } = JSON.parse(call.arguments);
  result.called.push(number);
  const output = `There are ${number} utterances.`;
  socket.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: call.call_id, output } });
  result.said.push((await answer()).content[0].transcript);
  socket.close();
}

const result = { said: [], called: [], audio: [] };
await talk(new OpenAIRealtimeWS({ model: 'gpt-realtime-2.1' }, client), result);
const secret = await client.realtime.clientSecrets.create({ session: { type: 'realtime', model: 'gpt-realtime-2.1' } });
const browser = new OpenAI({ apiKey: secret.value, baseURL: `${address}/v1`, dangerouslyAllowBrowser: true });
await talk(new OpenAIRealtimeWebSocket({ model: 'gpt-realtime-2.1' }, browser), result);
console.log(JSON.stringify({ ...result, audio: Buffer.concat(result.audio).toString('base64') }));
