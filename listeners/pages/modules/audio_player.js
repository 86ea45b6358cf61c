// Plays channels of the audio socket: `Loudspeaker` is the page's sound, each `Channel` one stream with a gain.

import { AFTER_PAUSE, FRAME_MS, OPUS, PCM16, decodeFrame, samplesOf } from "./frames.js";
import { Resampler } from "./resampler.js";

const END_AFTER_MS = 120; // nothing came for so long: a pause, in which nothing is sent
const OPUS_RATE = 48_000;
const PCM_RATE = 24_000;

/** "opus" where the browser can decode it, else "pcm16". */
export async function bestFormat(decoder = globalThis.AudioDecoder) {
  try {
    const config = { codec: "opus", sampleRate: OPUS_RATE, numberOfChannels: 1 };
    return (await decoder.isConfigSupported(config)).supported ? "opus" : "pcm16";
  } catch {
    return "pcm16";
  }
}

/** The sound of the page. Make it in the handler of a click, or browsers keep it silent. */
export class Loudspeaker {
  constructor(format) {
    this.format = format;
    this.context = new AudioContext({ sampleRate: format === "opus" ? OPUS_RATE : PCM_RATE, latencyHint: "interactive" });
    this.master = new GainNode(this.context);
    this._ready = this.context.audioWorklet.addModule(new URL("./playout.worklet.js", import.meta.url));
    // Phones stop an AudioContext when they are locked, but go on with an element that plays.
    this._stream = new MediaStreamAudioDestinationNode(this.context, { channelCount: 1 });
    this.element = new Audio();
    this.element.srcObject = this._stream.stream;
    this.master.connect(this._stream);
  }

  async start() {
    await Promise.all([this._ready, this.context.resume(), this.element.play()]);
  }

  async pause() {
    this.element.pause();
    await this.context.suspend();
  }

  /** Shows on the locked screen what is heard, with play and pause. */
  showOnLockScreen({ title, artist, onPlay, onPause }) {
    if (!("mediaSession" in navigator)) return;
    navigator.mediaSession.metadata = new MediaMetadata({ title, artist });
    navigator.mediaSession.setActionHandler("play", onPlay);
    navigator.mediaSession.setActionHandler("pause", onPause);
    navigator.mediaSession.setActionHandler("stop", onPause);
  }

  setPlaying(playing) {
    if ("mediaSession" in navigator) navigator.mediaSession.playbackState = playing ? "playing" : "paused";
  }

  async close() {
    this.element.pause();
    this.element.srcObject = null;
    if (this.context.state !== "closed") await this.context.close();
  }
}

/** How many frames are missing before this one; a number that went back begins a new count. */
export function missingBefore(previous, sequence) {
  return previous === null || sequence <= previous ? 0 : sequence - previous - 1;
}

/**
 * One stream of frames, heard with `gain`. `output` is its last node: connect an analyser there to see it.
 *
 * `accepts(frame)` may refuse frames: `{flags, timestampMs}`. Delay: `delayMs(nowMs)`.
 */
export class Channel {
  constructor(loudspeaker, { gain = 1, accepts = () => true, onSound = () => {} } = {}) {
    this.accepts = accepts;
    this.onSound = onSound;
    this.lost = 0; // frames
    this.heldMs = 0;
    this.sounding = false;
    this.latestMs = null; // timestamp of the newest frame
    this._context = loudspeaker.context;
    this._node = new AudioWorkletNode(this._context, "playout", { numberOfInputs: 0, outputChannelCount: [1] });
    this.output = new GainNode(this._context, { gain });
    this._gain = gain; // where the last ramp leads
    this._node.connect(this.output).connect(loudspeaker.master);
    this._node.port.onmessage = ({ data }) => {
      this.heldMs = data.heldMs;
      if (data.sounding !== this.sounding) this.onSound((this.sounding = data.sounding));
    };
    this._sequence = null;
    this._decoder = null;
  }

  /** Takes a binary message of the socket. */
  push(buffer) {
    const frame = decodeFrame(buffer);
    if (!frame) return;
    const missing = missingBefore(this._sequence, frame.sequence);
    this.lost += missing;
    this._sequence = frame.sequence;
    if (!this.accepts(frame)) return;
    this.latestMs = frame.timestampMs;
    this._arrivedMs = performance.now();
    if (missing || frame.flags & AFTER_PAUSE) this._call("gap");
    if (frame.format === PCM16) this._playPcm(samplesOf(frame.payload));
    else if (frame.format === OPUS) this._decode(frame);
    clearTimeout(this._pause);
    this._pause = setTimeout(() => this._call("end"), END_AFTER_MS);
  }

  /** Forgets what has not been heard. */
  flush() {
    if (this._decoder?.state === "configured") this._decoder.close();
    this._decoder = null;
    this._call("flush");
  }

  /** Reaches a gain within `ms`, from `inMs` on. */
  rampTo(value, ms = 200, inMs = 0) {
    const { gain } = this.output;
    const start = this._context.currentTime + inMs / 1000;
    const from = inMs ? this._gain : gain.value;
    gain.cancelScheduledValues(start);
    gain.setValueAtTime(from, start).linearRampToValueAtTime(value, start + ms / 1000);
    this._gain = value;
  }

  /** From when the newest frame was due to when it is heard, in ms; null before the first. `offsetMs`: server's clock less ours. */
  delayMs(offsetMs) {
    if (this.latestMs === null || offsetMs === null) return null;
    const arrived = performance.timeOrigin + this._arrivedMs + offsetMs;
    const device = 1000 * ((this._context.outputLatency || this._context.baseLatency) ?? 0);
    return Math.max(0, arrived - this.latestMs + this.heldMs + device);
  }

  close() {
    clearTimeout(this._pause);
    if (this._decoder && this._decoder.state !== "closed") this._decoder.close();
    this._node.disconnect();
    this.output.disconnect();
  }

  _call(call) {
    this._node.port.postMessage({ call });
  }

  /** Sound at another rate than this page plays at, as from a service that has no Opus, is brought to it. */
  _playPcm(samples) {
    const rate = (samples.length * 1000) / FRAME_MS;
    if (rate === this._context.sampleRate) return this._play(samples);
    if (this._resampler?.rate !== rate) {
      this._resampler = Object.assign(new Resampler(rate, this._context.sampleRate), { rate });
    }
    return this._play(this._resampler.push(samples));
  }

  _play(samples) {
    this._node.port.postMessage({ samples }, [samples.buffer]);
  }

  _decode({ payload, timestampMs }) {
    this._decoder ??= this._newDecoder();
    this._decoder.decode(
      new EncodedAudioChunk({ type: "key", timestamp: Math.round(timestampMs * 1000), duration: FRAME_MS * 1000, data: payload }),
    );
  }

  _newDecoder() {
    const decoder = new AudioDecoder({
      output: (sound) => {
        const samples = new Float32Array(sound.numberOfFrames);
        sound.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
        sound.close();
        this._play(samples);
      },
      error: () => (this._decoder = null), // a broken packet: the next frame begins anew
    });
    decoder.configure({ codec: "opus", sampleRate: OPUS_RATE, numberOfChannels: 1 });
    return decoder;
  }
}
