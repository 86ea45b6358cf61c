// Why one is not in the room, in words that say what to do about it.

const BY_STATUS = {
  401: {
    title: "This invitation is not valid",
    advice: "Its token is wrong, expired or revoked. Reload the page for new invitations.",
  },
  403: { title: "You may not enter this room", advice: "" }, // the message says why
  404: {
    title: "There is no such room",
    advice: "It was deleted, or the emulator has been started anew. Reload the page for new invitations.",
  },
};

const BY_CLOSING = {
  replaced: {
    title: "You joined from somewhere else",
    advice: "The same person is in the call in another tab. Join again to come back here.",
  },
  "call ended": { title: "The call has ended", advice: "Everybody was let go. Join again to start a new one." },
};

/** What to show for a refusal before the call: HTTP status, and the message of the error body if there was one. */
export function refusal(status, message = "") {
  const known = BY_STATUS[status];
  if (known) return { title: known.title, advice: known.advice || sentence(message) };
  return { title: "The room cannot be joined", advice: sentence(message) || `The emulator answered ${status}.` };
}

/** What to show when a call ends that one did not leave. */
export function closing(reason, code) {
  return (
    BY_CLOSING[reason] ?? {
      title: "The connection broke off",
      advice: `The emulator may have stopped (code ${code}). Join again once it is back.`,
    }
  );
}

/** What to show for an error event of the socket. */
export function objection(error) {
  return { title: "The room cannot be joined", advice: error?.message || "The emulator gave no reason." };
}

/** What to show when the browser gives no microphone; `error` is what getUserMedia threw. */
export function microphoneRefused(error) {
  switch (error?.name) {
    case "NotAllowedError":
      return { title: "The microphone is blocked", advice: "Allow it in the address bar of the browser, then join again." };
    case "NotFoundError":
      return { title: "There is no microphone", advice: "Connect one, then join again." };
    case "NotReadableError":
      return { title: "The microphone is in use", advice: "Another application holds it. Close that one, then join again." };
    default:
      return { title: "The microphone cannot be used", advice: error?.message || "The browser gave no reason." };
  }
}

/** For when nothing answers at all. */
export const UNREACHABLE = {
  title: "The emulator does not answer",
  advice: "It may have stopped. Start it again with make run, then reload this page.",
};

/** A message from elsewhere as a sentence among others. */
function sentence(message) {
  const text = message.trim();
  if (!text) return "";
  return text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}
