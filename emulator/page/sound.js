// Microphone and loudspeaker at the room's 24 kHz, so that no resampling is needed here.

import { SAMPLE_RATE } from "./pcm.js";

export class Sound {
  #context;
  #stream;
  #playout;
  #capture;

  /**
   * Request the microphone and open both devices; must be called from a click. `unaltered` sends the voice unprocessed,
   * which is recognised better; otherwise the browser removes echo. Throws what getUserMedia throws.
   */
  static async open({ unaltered, onFrame }) {
    const sound = new Sound();
    try {
      await sound.#open(unaltered, onFrame);
    } catch (error) {
      await sound.close();
      throw error;
    }
    return sound;
  }

  async #open(unaltered, onFrame) {
    this.#context = new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: "interactive" });
    const worklets = ["capture", "playout"].map((name) =>
      this.#context.audioWorklet.addModule(new URL(`./${name}.worklet.js`, import.meta.url)),
    );
    this.#stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: !unaltered, noiseSuppression: false, autoGainControl: false },
    });
    await Promise.all([...worklets, this.#context.resume()]);

    this.#playout = new AudioWorkletNode(this.#context, "playout", { numberOfInputs: 0, outputChannelCount: [1] });
    this.#playout.connect(this.#context.destination);

    this.#capture = new AudioWorkletNode(this.#context, "capture", { outputChannelCount: [1] });
    this.#capture.port.onmessage = ({ data }) => onFrame(data);
    // Connected to the loudspeaker through silence, because browsers need not run a node without an output.
    const silence = new GainNode(this.#context, { gain: 0 });
    this.#context.createMediaStreamSource(this.#stream).connect(this.#capture).connect(silence);
    silence.connect(this.#context.destination);
  }

  /** Queue samples for playback. */
  play(samples) {
    this.#playout.port.postMessage(samples, [samples.buffer]);
  }

  /** Switch the microphone off or on; while off, it delivers silence. */
  set muted(muted) {
    for (const track of this.#stream.getAudioTracks()) track.enabled = !muted;
  }

  async close() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    if (this.#context && this.#context.state !== "closed") await this.#context.close();
  }
}
