// Jitter buffer of a listener: takes frames as the network delivers them, and gives samples as the loudspeaker needs.

import { SAMPLE_RATE } from "./pcm.js";

const samplesOf = (milliseconds) => (milliseconds * SAMPLE_RATE) / 1000;

// Samples buffered before playback (three frames): bridges pauses of a browser tab without audible delay.
const START = samplesOf(60);
// Maximum of buffered samples. More means a fast sender's clock or a suspended tab: the oldest are dropped, down to START.
const MOST = samplesOf(240);

export class JitterBuffer {
  #pieces = [];
  #held = 0;
  #offset = 0; // samples of the first piece that have been played
  #playing = false;
  /** Number of underruns during playback, and of samples dropped above the maximum. */
  underruns = 0;
  dropped = 0;

  /** Return the number of buffered samples. */
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

  /** Fill `output` with samples, then silence. */
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
