// Changes the sampling rate of a stream, block by block: a low-pass filter read at the new rate's places.

const HALF_TAPS = 16; // zero crossings on either side: aliases 60 dB down, 16 samples of delay
const PHASES = 512; // places between two input samples: an error 60 dB down

/** Samples at `from` Hz in, samples at `to` Hz out; what does not fill an output sample waits for the next block. */
export class Resampler {
  constructor(from, to) {
    this.step = from / to;
    this._cutoff = Math.min(1, to / from) * 0.94;
    this._half = Math.ceil(HALF_TAPS / this._cutoff);
    this._kernels = new Map();
    this._held = new Float32Array(2 * this._half); // silence before the beginning
    this._place = this._half; // of the next output sample, in samples of `_held`
  }

  push(block) {
    if (this.step === 1) return Float32Array.from(block);
    const input = new Float32Array(this._held.length + block.length);
    input.set(this._held);
    input.set(block, this._held.length);
    const made = [];
    for (; this._place + this._half < input.length; this._place += this.step) made.push(this._at(input));
    const keep = Math.max(0, Math.floor(this._place) - this._half);
    this._held = input.slice(keep);
    this._place -= keep;
    return Float32Array.from(made);
  }

  _at(input) {
    const middle = Math.floor(this._place);
    const weights = this._weights(Math.round((this._place - middle) * PHASES));
    let sum = 0;
    for (let n = 0, at = middle + 1 - this._half; n < weights.length; n += 1, at += 1) sum += input[at] * weights[n];
    return sum;
  }

  /** The filter for an output sample so many phases behind an input sample; there are few, and they recur. */
  _weights(phase) {
    let weights = this._kernels.get(phase);
    if (!weights) {
      weights = Float32Array.from({ length: 2 * this._half }, (_, n) =>
        kernel(n + 1 - this._half - phase / PHASES, this._cutoff, this._half),
      );
      this._kernels.set(phase, weights);
    }
    return weights;
  }
}

function kernel(x, cutoff, half) {
  if (Math.abs(x) >= half) return 0;
  const angle = Math.PI * x * cutoff;
  const sinc = Math.abs(x) < 1e-9 ? 1 : Math.sin(angle) / angle;
  return cutoff * sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / half));
}
