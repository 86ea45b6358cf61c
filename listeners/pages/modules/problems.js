// What is said to a person when something is refused or lost.

import { has, number, t } from "./i18n.js";

const SAME = { room: "not_found", room_unknown: "not_found", purpose: "forbidden", participant: "forbidden", unauthorized: "forbidden", http_404: "not_found", store_unavailable: "unavailable", draining: "unavailable", http_502: "unavailable", http_503: "unavailable", too_many_sockets: "overloaded" };

/** A sentence for an error of `access.js`, or for the reason a connection stopped. */
export function problemText(problem) {
  const { code, retryAfterMs = 1000 } = typeof problem === "string" ? { code: problem } : problem;
  const key = `problem.${SAME[code] ?? code}`;
  if (has(key)) return t(key, { seconds: number(Math.ceil(retryAfterMs / 1000)) });
  return t("problem.other", { code });
}
