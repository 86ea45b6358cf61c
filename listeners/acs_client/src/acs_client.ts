// What the page needs of the ACS Calling SDK: to be in the call of a room with a microphone that can be muted.

import { CallClient, LocalAudioStream, type Call } from "@azure/communication-calling";
import { AzureCommunicationTokenCredential } from "@azure/communication-common";

const CONNECTED_WITHIN_MS = 20_000; // with a slow network; the page then goes on without the SDK

export interface Seat {
  /** Of the participant's ACS user, with the scope `voip`. */
  token: string;
  /** Of the ACS room. */
  roomId: string;
  displayName?: string | undefined;
  /** Of the microphone; it stays the page's own. */
  microphone: MediaStream;
  /** Is told whenever the microphone was muted or unmuted, by whomever. */
  onMuted(muted: boolean): void;
  /** Is told once when the call is over, unless it was left. */
  onEnded(): void;
}

/** A call one is in. Everybody in it is heard, the interpreter too: ACS sends one mixed stream. */
export interface RoomCall {
  setMuted(muted: boolean): Promise<void>;
  leave(): Promise<void>;
}

/** Joins the call, muted; rejects if it is not connected in time. */
export async function joinRoom({ token, roomId, displayName, microphone, onMuted, onEnded }: Seat): Promise<RoomCall> {
  const agent = await new CallClient().createCallAgent(
    new AzureCommunicationTokenCredential(token),
    displayName ? { displayName } : {},
  );
  const audioOptions = { muted: true, localAudioStreams: [new LocalAudioStream(microphone)] };
  let call: Call | undefined;
  try {
    const joined = (call = agent.join({ roomId }, { audioOptions }));
    await connected(joined);
    let left = false;
    joined.on("isMutedChanged", () => onMuted(joined.isMuted));
    joined.on("stateChanged", () => {
      if (joined.state !== "Disconnected" || left) return;
      void agent.dispose();
      onEnded();
    });
    return {
      setMuted: (muted) => (muted ? joined.mute() : joined.unmute()),
      async leave() {
        left = true;
        await joined.hangUp().finally(() => agent.dispose());
      },
    };
  } catch (error) {
    await call?.hangUp().catch(() => {}); // it may be over already
    await agent.dispose();
    throw error;
  }
}

function connected(call: Call): Promise<void> {
  return new Promise((resolve, reject) => {
    const changed = (): void => {
      if (call.state === "Connected") settle(resolve);
      if (call.state === "Disconnected") settle(() => reject(new Error(`the call ended: ${call.callEndReason?.code}`)));
    };
    const timer = setTimeout(() => settle(() => reject(new Error("the call was not connected in time"))), CONNECTED_WITHIN_MS);
    const settle = (done: () => void): void => {
      clearTimeout(timer);
      call.off("stateChanged", changed);
      done();
    };
    call.on("stateChanged", changed);
    changed();
  });
}
