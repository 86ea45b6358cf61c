// The binary frames of the audio socket (docs/sockets.md): 16 bytes big-endian, then 20 ms of mono sound.

export const HEADER_BYTES = 16;
export const VERSION = 1;
export const PCM16 = 1;
export const OPUS = 2;
export const OWN_VOICES_ONLY = 1; // flag: no interpretation in it
export const AFTER_PAUSE = 2; // flag: first frame after a pause or flush
export const FRAME_MS = 20;

/** A frame; `timestampMs` is Unix time in ms, may have a fraction. */
export function encodeFrame({ format = PCM16, flags = 0, sequence, timestampMs }, payload) {
  const frame = new Uint8Array(HEADER_BYTES + payload.byteLength);
  const view = new DataView(frame.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, format);
  view.setUint16(2, flags);
  view.setUint32(4, sequence);
  view.setBigUint64(8, BigInt(Math.round(timestampMs * 1000)));
  frame.set(new Uint8Array(payload.buffer ?? payload, payload.byteOffset ?? 0, payload.byteLength), HEADER_BYTES);
  return frame.buffer;
}

/** The parts of a frame; null if it is none of ours. */
export function decodeFrame(buffer) {
  if (buffer.byteLength <= HEADER_BYTES) return null;
  const view = new DataView(buffer);
  if (view.getUint8(0) !== VERSION) return null;
  return {
    format: view.getUint8(1),
    flags: view.getUint16(2),
    sequence: view.getUint32(4),
    timestampMs: Number(view.getBigUint64(8)) / 1000,
    payload: new Uint8Array(buffer, HEADER_BYTES),
  };
}

/** Little-endian 16-bit samples to floats in -1…1. */
export function samplesOf(payload) {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const samples = new Float32Array(payload.byteLength >> 1);
  for (let n = 0; n < samples.length; n += 1) samples[n] = view.getInt16(2 * n, true) / 32768;
  return samples;
}

/** Floats to little-endian 16-bit samples. */
export function pcmOf(samples) {
  const view = new DataView(new ArrayBuffer(2 * samples.length));
  for (let n = 0; n < samples.length; n += 1) {
    view.setInt16(2 * n, Math.round(Math.max(-1, Math.min(1, samples[n])) * 32767), true);
  }
  return new Uint8Array(view.buffer);
}
