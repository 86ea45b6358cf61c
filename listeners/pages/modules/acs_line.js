// Being in the call of an ACS room, by the client with the Calling SDK, where the page is served with it.

import { post } from "./access.js";

/** The address of the client for a room and a microphone; null where one speaks and hears through the audio socket. */
export const acsClientFor = (room, microphone, address) => (room?.media === "acs" && microphone && address ? address : null);

/**
 * A call one is in: everybody in it is heard, the interpreter too. Use `AcsLine.join`.
 *
 * `onMuted(muted)` is told what ACS says of the microphone, which others may mute too; `onEnded()` that the call is over.
 */
export class AcsLine {
  /** Joins muted, within 20 s. Raises what the service or the SDK refuses. */
  static async join({ client, access, microphone, load = (address) => import(address), send = post }) {
    const { joinRoom } = await load(client);
    const headers = { Authorization: `Bearer ${await access.ticket("speak")}` };
    const seat = await send(`/api/join/${encodeURIComponent(access.joinCode)}/acs`, undefined, headers);
    const line = new AcsLine();
    line._call = await joinRoom({
      token: seat.token,
      roomId: seat.acs_room_id,
      displayName: access.person?.display_name,
      microphone: microphone.stream,
      onMuted: (muted) => line._mutedIs(muted),
      onEnded: () => line.onEnded(),
    });
    return line;
  }

  constructor({ onMuted = () => {}, onEnded = () => {} } = {}) {
    Object.assign(this, { onMuted, onEnded });
    this._muted = this._wanted = true;
    this._settling = false;
  }

  /** Mutes or unmutes, one after the other: of quick changes, the last one holds. */
  async mute(muted) {
    this._wanted = muted;
    if (this._settling) return;
    this._settling = true;
    try {
      for (let asked = null; asked !== this._wanted; ) await this._call.setMuted((asked = this._wanted));
    } catch {
      this.onMuted((this._wanted = this._muted)); // refused
    } finally {
      this._settling = false;
    }
  }

  close() {
    return this._call.leave().catch(() => {}); // it is over already
  }

  _mutedIs(muted) {
    this._muted = muted;
    if (!this._settling) this.onMuted((this._wanted = muted));
  }
}
