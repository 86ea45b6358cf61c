// Runs on the audio thread: plays frames from the page.

import { JitterBuffer } from "./jitter.js";

class Playout extends AudioWorkletProcessor {
  #buffer = new JitterBuffer();

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this.#buffer.push(data);
  }

  process(_inputs, [output]) {
    this.#buffer.pull(output[0]);
    for (const channel of output.slice(1)) channel.set(output[0]);
    return true;
  }
}

registerProcessor("playout", Playout);
