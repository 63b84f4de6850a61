/** Requests of the pages, as JSON. */

const TIMEOUT = 5_000; // ms
const PAGE_TIMEOUT = 10_000; // ms
const NO_ANSWER = "The server did not answer. Your change may not have been saved. Please try again.";

/** @typedef {Record<string, string[]>} Errors by field; `__all__`: of no field */
/**
 * @template T
 * @typedef {{answer: T, errors: null} | {answer: null, errors: Errors}} Reply
 */

/**
 * @template T
 * @param {string} url
 * @param {Record<string, string | number>} [query]
 * @returns {Promise<T>} rejects if the server does not answer with JSON
 */
export async function ask(url, query = {}) {
  const parameters = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  const address = parameters.size ? `${url}?${parameters}` : url;
  const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) });
  if (!answer.ok || answer.redirected) throw new Error(`${url} answered ${answer.status}.`);
  return answer.json();
}

/**
 * @template T
 * @param {string} url
 * @param {Record<string, string>} fields
 * @param {string} token of CSRF
 * @returns {Promise<Reply<T>>} never rejects: forms show the errors
 */
export async function order(url, fields, token) {
  try {
    const answer = await fetch(url, {
      method: "POST",
      body: new URLSearchParams(fields),
      headers: { "X-CSRFToken": token },
      signal: AbortSignal.timeout(TIMEOUT),
    });
    if (answer.status === 403 || answer.redirected) return failed("You don't have permission, or you are logged out. Reload the page.");
    const body = await answer.json();
    return answer.ok ? { answer: body, errors: null } : { answer: null, errors: body.errors };
  } catch {
    return failed(NO_ANSWER);
  }
}

/**
 * A request of the JSON API that changes something.
 * @template T
 * @param {string} method
 * @param {string} url
 * @param {object | null} body
 * @param {string} token of CSRF
 * @returns {Promise<Reply<T | null>>} never rejects: forms show the errors. The answer is null if there is nothing to say
 */
export async function change(method, url, body, token) {
  try {
    const answer = await fetch(url, {
      method,
      body: body && JSON.stringify(body),
      headers: { "X-CSRFToken": token, "Content-Type": "application/json" },
      signal: AbortSignal.timeout(TIMEOUT),
    });
    if (answer.status === 204) return { answer: null, errors: null };
    const said = await answer.json();
    if (answer.ok) return { answer: said, errors: null };
    return { answer: null, errors: said.error.fields ?? { __all__: [said.error.message] } };
  } catch {
    return failed(NO_ANSWER);
  }
}

/** Asks for the headers that this page has now. @returns {Promise<Response | null>} null: the network or the server is away */
export function askForHead() {
  const signal = AbortSignal.timeout(PAGE_TIMEOUT);
  return fetch(location.href, { method: "HEAD", cache: "no-store", signal }).catch(() => null);
}

/**
 * @param {string} text
 * @returns {{answer: null, errors: Errors}}
 */
const failed = (text) => ({ answer: null, errors: { __all__: [text] } });
