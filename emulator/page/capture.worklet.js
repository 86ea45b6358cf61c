// Runs on the audio thread: the microphone in, frames out to the page. A muted microphone yields nothing.

import { Framer } from "./pcm.js";

class Capture extends AudioWorkletProcessor {
  #framer = new Framer();

  process([input]) {
    // A microphone that has gone away has no channels.
    for (const frame of input.length ? this.#framer.push(input[0]) : []) {
      this.port.postMessage(frame, [frame.buffer]);
    }
    return true;
  }
}

registerProcessor("capture", Capture);
