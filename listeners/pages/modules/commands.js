// What is written in the message box: a message, or a command.

/** `{kind: "message" | "username" | "join" | "unknown" | "nothing", value}`. Two slashes begin a message with one. */
export function parseEntry(text) {
  const entry = text.trim();
  if (!entry) return { kind: "nothing", value: "" };
  if (!entry.startsWith("/")) return { kind: "message", value: entry };
  if (entry.startsWith("//")) return { kind: "message", value: entry.slice(1) };
  const [, word, rest] = /^\/(\S*)\s*(.*)$/s.exec(entry);
  if (word.toLowerCase() === "username" && rest) return { kind: "username", value: rest };
  const digits = rest.normalize("NFKC").replace(/[\s-]/g, "");
  if (word.toLowerCase() === "join" && /^\d{6}$/.test(digits)) return { kind: "join", value: digits };
  return { kind: "unknown", value: word };
}
