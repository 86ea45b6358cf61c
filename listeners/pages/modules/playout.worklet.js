// Plays what it is sent, from a jitter buffer; tells how much it holds.

import { JitterBuffer } from "./jitter.js";

const REPORT_BLOCKS = 40; // about five times a second

class Playout extends AudioWorkletProcessor {
  constructor() {
    super();
    this._buffer = new JitterBuffer({ rate: sampleRate });
    this._blocks = 0;
    this.port.onmessage = ({ data }) => {
      if (data.samples) this._buffer.push(data.samples);
      else this._buffer[data.call](); // gap, end or flush
    };
  }

  process(_inputs, [[output]]) {
    const sounding = this._buffer.pull(output);
    this._blocks += 1;
    if (this._blocks % REPORT_BLOCKS === 0 || sounding !== this._sounding) {
      this._sounding = sounding;
      const { heldMs, dry, left_out } = this._buffer;
      this.port.postMessage({ heldMs, dry, leftOutMs: (1000 * left_out) / sampleRate, sounding });
    }
    return true;
  }
}

registerProcessor("playout", Playout);
