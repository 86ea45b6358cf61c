// Texts for failures to join or stay in a room, with advice.

const BY_STATUS = {
  401: {
    title: "This invitation is not valid",
    advice: "Its token is wrong, expired or revoked. Reload the page for new invitations.",
  },
  403: { title: "You may not enter this room", advice: "" }, // the response has the reason
  404: {
    title: "This room does not exist",
    advice: "It was deleted, or the emulator was restarted. Reload the page for new invitations.",
  },
};

const BY_CLOSING = {
  replaced: {
    title: "You joined from another tab",
    advice: "The same person is in the call in another tab. Join again to continue here.",
  },
  "call ended": { title: "The call has ended", advice: "All participants were disconnected. Join again to start a new call." },
};

/** Return the text for a refusal before the call, from the HTTP status and the message of the error body, if any. */
export function refusal(status, message = "") {
  const known = BY_STATUS[status];
  if (known) return { title: known.title, advice: known.advice || sentence(message) };
  return { title: "The room cannot be joined", advice: sentence(message) || `The emulator answered ${status}.` };
}

/** Return the text for a call that ended unexpectedly. */
export function closing(reason, code) {
  return (
    BY_CLOSING[reason] ?? {
      title: "The connection was lost",
      advice: `The emulator may have stopped (code ${code}). Join again once it is running.`,
    }
  );
}

/** Return the text for an error event of the socket. */
export function objection(error) {
  return { title: "The room cannot be joined", advice: error?.message || "The emulator gave no reason." };
}

/** Return the text for a missing microphone; `error` is what getUserMedia threw. */
export function microphoneRefused(error) {
  switch (error?.name) {
    case "NotAllowedError":
      return { title: "The microphone is blocked", advice: "Allow it in the address bar of the browser, then join again." };
    case "NotFoundError":
      return { title: "No microphone was found", advice: "Connect one, then join again." };
    case "NotReadableError":
      return { title: "The microphone is in use", advice: "Close the application that uses it, then join again." };
    default:
      return { title: "The microphone cannot be used", advice: error?.message || "The browser gave no reason." };
  }
}

/** Text for an emulator that does not answer. */
export const UNREACHABLE = {
  title: "The emulator does not answer",
  advice: "It may have stopped. Start it again with make run, then reload this page.",
};

/** Turn a message into a sentence with a capital and a full stop. */
function sentence(message) {
  const text = message.trim();
  if (!text) return "";
  return text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}
