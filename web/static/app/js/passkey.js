// Passkeys: JSON to WebAuthn and back, with a short fallback for browsers
// older than March 2025, and the plain words for what can go wrong.
import { Lost, Problem } from "./ui.js";

export const supported = () => Boolean(window.PublicKeyCredential && navigator.credentials && window.crypto && crypto.subtle);

export function decode(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
}
export function encode(buffer) {
  let plain = "";
  for (const byte of new Uint8Array(buffer)) plain += String.fromCharCode(byte);
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

const descriptor = (d) => ({ ...d, id: decode(d.id) });

// requestOptions reads PublicKeyCredentialRequestOptions from JSON.
export function requestOptions(json) {
  const o = json.publicKey || json;
  if (PublicKeyCredential.parseRequestOptionsFromJSON) return PublicKeyCredential.parseRequestOptionsFromJSON(o);
  const { hints, extensions, ...rest } = o;
  return { ...rest, challenge: decode(o.challenge), allowCredentials: (o.allowCredentials || []).map(descriptor) };
}

// creationOptions reads PublicKeyCredentialCreationOptions from JSON.
export function creationOptions(json) {
  const o = json.publicKey || json;
  if (PublicKeyCredential.parseCreationOptionsFromJSON) return PublicKeyCredential.parseCreationOptionsFromJSON(o);
  const { hints, ...rest } = o;
  return {
    ...rest, challenge: decode(o.challenge), user: { ...o.user, id: decode(o.user.id) },
    excludeCredentials: (o.excludeCredentials || []).map(descriptor),
  };
}

// toJSON writes what the authenticator answered.
export function toJSON(credential) {
  if (credential.toJSON) {
    try { return credential.toJSON(); } catch { /* some extensions of browsers replace it and fail */ }
  }
  const r = credential.response;
  const out = {
    id: credential.id, rawId: encode(credential.rawId), type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment || undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: { clientDataJSON: encode(r.clientDataJSON) },
  };
  if (r.attestationObject) {
    out.response.attestationObject = encode(r.attestationObject);
    out.response.transports = r.getTransports ? r.getTransports() : [];
  } else {
    out.response.authenticatorData = encode(r.authenticatorData);
    out.response.signature = encode(r.signature);
    if (r.userHandle) out.response.userHandle = encode(r.userHandle);
  }
  return out;
}

// explain returns what to tell: title, text, what is safe, and a way out.
export function explain(error) {
  if (error instanceof Problem && error.status === 401) {
    return { title: "Votre session s’est terminée", text: "Reconnectez-vous\u00a0: vous reviendrez ici.", href: "/connexion?retour=" + encodeURIComponent(location.pathname + location.search), label: "Me reconnecter", again: false };
  }
  if (error instanceof Problem && error.status === 429) return { title: error.title, text: error.message || "Attendez une minute, puis recommencez.", again: true };
  if (error instanceof Problem) return { title: error.title, text: error.message, again: error.status !== 403 && error.status !== 404 };
  if (error instanceof Lost) return { title: "Pas de réseau", text: "La connexion au parapheur est coupée. Réessayez quand elle revient.", again: true };
  switch (error.name) {
    case "NotAllowedError":
      return { title: "Le geste n’a pas eu lieu", text: "Il a été annulé, ou l’appareil n’a pas répondu à temps.", again: true };
    case "InvalidStateError":
      return { title: "Cet appareil a déjà une clé", text: "Il en garde une pour ce parapheur. Utilisez un autre appareil ou une clé USB.", again: true };
    case "SecurityError":
      return { title: "Adresse inattendue", text: "Les clés d’accès ne fonctionnent qu’à l’adresse officielle du parapheur, en connexion sécurisée.", again: false };
    case "NotSupportedError":
      return { title: "Appareil trop ancien", text: "Ce navigateur ne sait pas utiliser de clé d’accès. Essayez un téléphone ou un ordinateur plus récent.", again: false };
    default:
      return { title: "Cela n’a pas marché", text: "Le navigateur a rencontré une difficulté inattendue. Recommencez, ou rechargez la page.", again: true };
  }
}
