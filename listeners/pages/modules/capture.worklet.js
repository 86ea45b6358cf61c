// Cuts what the microphone hears into frames of 20 ms at the rate asked for, each with its loudness.

import { Resampler } from "./resampler.js";

class Capture extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate, frameMs } }) {
    super();
    this._resampler = new Resampler(sampleRate, rate);
    this._length = (rate * frameMs) / 1000;
    this._frame = new Float32Array(this._length);
    this._filled = 0;
  }

  process([[input]]) {
    if (!input) return true; // not connected yet
    for (const sample of this._resampler.push(input)) {
      this._frame[this._filled++] = sample;
      if (this._filled < this._length) continue;
      const samples = this._frame;
      let energy = 0;
      for (const one of samples) energy += one * one;
      this.port.postMessage({ samples, rms: Math.sqrt(energy / this._length), atS: currentTime }, [samples.buffer]);
      this._frame = new Float32Array(this._length); // the other has been given away
      this._filled = 0;
    }
    return true;
  }
}

registerProcessor("capture", Capture);
