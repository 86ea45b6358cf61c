// Runs on the audio thread: sends frames of the microphone to the page. A muted microphone sends nothing.

import { Framer } from "./pcm.js";

class Capture extends AudioWorkletProcessor {
  #framer = new Framer();

  process([input]) {
    // A disconnected microphone has no channels.
    for (const frame of input.length ? this.#framer.push(input[0]) : []) {
      this.port.postMessage(frame, [frame.buffer]);
    }
    return true;
  }
}

registerProcessor("capture", Capture);
