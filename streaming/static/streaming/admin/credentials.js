/** Addresses that contain a user name and a password. The same rules as `split_credentials` in cameras/sources.py. */

const HOST = String.raw`(?:\[[^\[\]]*\]|[^:/?#@\[\]]+)(?::[0-9]*)?(?:[/?#].*)?`;
const WITH_CREDENTIALS = /^([a-z]+:\/\/)([^/?#]*)@([^/?#@]*(?:[/?#].*)?)$/i;
// Passwords that contain / ? # and are not encoded: the text before the path is no host with a port.
const NOT_ENCODED = new RegExp(String.raw`^([a-z]+://)([^:/?#@\[]*:(?![0-9]*(?:[/?#]|$)).*?)@(${HOST})$`, "i");

/** @param {string} text */
function decoded(text) {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => {
    try {
      return decodeURIComponent(bytes);
    } catch {
      return bytes;
    }
  });
}

/**
 * Returns the address without credentials, and these. The two are empty if it has none.
 * @param {string} address
 */
export function splitCredentials(address) {
  const [, scheme, credentials, rest] = WITH_CREDENTIALS.exec(address) ?? NOT_ENCODED.exec(address) ?? [];
  if (credentials === undefined) return { url: address, username: "", password: "" };
  const [username] = credentials.split(":", 1);
  return { url: scheme + rest, username: decoded(username), password: decoded(credentials.slice(username.length + 1)) };
}

/**
 * Returns the host of a typed text, which may be an address or only a host; empty if it is neither.
 * @param {string} text
 */
export function hostOf(text) {
  const { url } = splitCredentials(text.trim());
  return /^(?:[a-z]+:\/\/)?(\[[^[\]]*\]|[^:/?#@[\]\s]+)(?=[:/?#]|$)(?!:\/\/)/i.exec(url)?.[1] ?? "";
}
