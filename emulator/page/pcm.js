// Converts between the browser's float samples and the room's frames: PCM16, 24 kHz, 20 ms.

export const SAMPLE_RATE = 24_000;
export const FRAME_SAMPLES = 480;
export const FRAME_BYTES = FRAME_SAMPLES * 2;

/** Convert floats between -1 and 1 to PCM16 little-endian, clipped. */
export function toPcm16(samples) {
  const bytes = new ArrayBuffer(samples.length * 2);
  const view = new DataView(bytes);
  for (let i = 0; i < samples.length; i += 1) {
    view.setInt16(i * 2, Math.max(-0x8000, Math.min(0x7fff, Math.round(samples[i] * 0x8000))), true);
  }
  return bytes;
}

/** Convert PCM16 little-endian to floats; an odd last byte is ignored. */
export function fromPcm16(bytes) {
  const view = new DataView(bytes);
  const samples = new Float32Array(bytes.byteLength >> 1);
  for (let i = 0; i < samples.length; i += 1) samples[i] = view.getInt16(i * 2, true) / 0x8000;
  return samples;
}

/** Return the fill of a level meter, 0 to 1: 0 is 60 dB below full scale. */
export function meterFill(samples) {
  let power = 0;
  for (const sample of samples) power += sample * sample;
  if (!power) return 0;
  const decibels = 10 * Math.log10(power / samples.length);
  return Math.max(0, Math.min(1, 1 + decibels / 60));
}

/** Cuts a stream of pieces of any length into frames. */
export class Framer {
  #frame = new Float32Array(FRAME_SAMPLES);
  #filled = 0;

  /** Return the frames that `samples` completes; the rest is kept. */
  push(samples) {
    const frames = [];
    let taken = 0;
    while (taken < samples.length) {
      const piece = samples.subarray(taken, taken + FRAME_SAMPLES - this.#filled);
      this.#frame.set(piece, this.#filled);
      this.#filled += piece.length;
      taken += piece.length;
      if (this.#filled === FRAME_SAMPLES) {
        frames.push(this.#frame.slice());
        this.#filled = 0;
      }
    }
    return frames;
  }
}
