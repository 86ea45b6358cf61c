// The listener's jitter buffer: frames come when the network brings them, samples leave when the loudspeaker asks.

import { SAMPLE_RATE } from "./pcm.js";

const samplesOf = (milliseconds) => (milliseconds * SAMPLE_RATE) / 1000;

// Three frames: rides out the hiccups of a browser tab; more would be heard as delay.
const START = samplesOf(60);
// Beyond this the sender's clock is ahead of ours, or the tab slept: the oldest goes, down to START.
const MOST = samplesOf(240);

export class JitterBuffer {
  #pieces = [];
  #held = 0;
  #offset = 0; // samples of the first piece that are gone already
  #playing = false;
  /** Times it ran dry while playing, and samples given up because too many were held. */
  underruns = 0;
  dropped = 0;

  /** Samples held. */
  get held() {
    return this.#held;
  }

  push(samples) {
    this.#pieces.push(samples);
    this.#held += samples.length;
    if (this.#held > MOST) {
      const excess = this.#held - START;
      this.dropped += excess;
      this.#take(new Float32Array(excess));
    }
  }

  /** Fill `output`, with silence where there is nothing to play. */
  pull(output) {
    if (!this.#playing) {
      if (this.#held < START) {
        output.fill(0);
        return;
      }
      this.#playing = true;
    }
    const got = this.#take(output);
    if (got < output.length) {
      output.fill(0, got);
      this.#playing = false;
      this.underruns += 1;
    }
  }

  #take(output) {
    let filled = 0;
    while (filled < output.length && this.#pieces.length) {
      const piece = this.#pieces[0].subarray(this.#offset, this.#offset + output.length - filled);
      output.set(piece, filled);
      filled += piece.length;
      this.#offset += piece.length;
      if (this.#offset === this.#pieces[0].length) {
        this.#pieces.shift();
        this.#offset = 0;
      }
    }
    this.#held -= filled;
    return filled;
  }
}
