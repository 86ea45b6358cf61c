// The microphone: frames of 20 ms for the audio socket, and how loud they are.

import { FRAME_MS, PCM16, encodeFrame, pcmOf } from "./frames.js";

const QUIETEST_DB = -60;
const LOUDEST_DB = -6;

/** How far a meter goes, 0…1, for a root mean square: by loudness, as ears hear it. */
export function meterOf(rms) {
  const level = 20 * Math.log10(Math.max(rms, 1e-6));
  return Math.max(0, Math.min(1, (level - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB)));
}

/** Why there is no microphone: "denied", "none", "busy" or "insecure". */
export function microphoneProblem(error) {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return "denied";
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return "none";
  if (error.name === "TypeError") return "insecure"; // no mediaDevices: the page came neither by https nor from here
  return "busy";
}

/** Frames with a rising sequence number; begin anew with each connection. */
export class FrameNumbers {
  constructor() {
    this.next = 0;
  }

  restart() {
    this.next = 0;
  }

  frame(samples, timestampMs) {
    return encodeFrame({ format: PCM16, sequence: this.next++, timestampMs }, pcmOf(samples));
  }
}

/**
 * An open microphone. `onFrame(buffer)` gets frames while it is not muted, `onLevel(0…1)` every 20 ms in any case, and
 * `onLost()` is told when the device is gone.
 * Use `Microphone.open`; it raises what `getUserMedia` raises.
 */
export class Microphone {
  static async open({ rate = 24_000, deviceId, onFrame = () => {}, onLevel = () => {}, onLost = () => {} } = {}) {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        channelCount: 1,
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
      },
    });
    const microphone = new Microphone(stream, { rate, onFrame, onLevel, onLost });
    try {
      await microphone._start();
    } catch (error) {
      microphone.close();
      throw error;
    }
    return microphone;
  }

  constructor(stream, { rate, onFrame, onLevel, onLost }) {
    Object.assign(this, { stream, rate, onFrame, onLevel, onLost });
    this.muted = true;
    this.numbers = new FrameNumbers();
    this._context = new AudioContext(); // at the device's own rate: not all browsers convert
    for (const track of stream.getTracks()) track.addEventListener("ended", () => this.onLost());
  }

  get deviceId() {
    return this.stream.getAudioTracks()[0]?.getSettings().deviceId;
  }

  async _start() {
    await this._context.audioWorklet.addModule(new URL("./capture.worklet.js", import.meta.url));
    const node = new AudioWorkletNode(this._context, "capture", {
      channelCount: 1,
      channelCountMode: "explicit",
      processorOptions: { rate: this.rate, frameMs: FRAME_MS },
    });
    this._context.createMediaStreamSource(this.stream).connect(node);
    node.connect(new GainNode(this._context, { gain: 0 })).connect(this._context.destination); // or it is not run
    await this._context.resume();
    this._zeroMs = Date.now() - 1000 * this._context.currentTime;
    node.port.onmessage = ({ data }) => {
      this.onLevel(meterOf(data.rms));
      if (!this.muted) this.onFrame(this.numbers.frame(data.samples, this._zeroMs + 1000 * data.atS - FRAME_MS));
    };
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
    if (this._context.state !== "closed") this._context.close();
  }
}

/** The microphones that may be chosen: `{deviceId, label}`. Labels are there once one has been opened. */
export async function microphones() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind, label }) => kind === "audioinput" && label);
}
