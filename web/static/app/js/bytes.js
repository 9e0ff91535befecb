// The bytes of documents, fetched once and kept: what is hashed for a
// decision is what the viewer was given.
import { Lost, Problem } from "./ui.js";

const kept = new Map();

// bytesOf returns the bytes at url as an ArrayBuffer that nobody may transfer.
export function bytesOf(url) {
  if (!kept.has(url)) {
    const promise = load(url);
    promise.catch(() => kept.delete(url));
    kept.set(url, promise);
  }
  return kept.get(url);
}

async function load(url) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin" });
  } catch {
    throw new Lost();
  }
  if (response.redirected) throw new Problem(401, {});
  if (response.status === 409) throw new Problem(409, { title: "Ce n’est plus la lettre que vous avez lue", detail: "Une autre version est arrivée. Rechargez la page pour la lire." });
  if (!response.ok) throw new Problem(response.status, { title: "Le document n’a pas pu être chargé", detail: "Réessayez dans un instant." });
  return response.arrayBuffer();
}

export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
export const hex = (bytes) => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
