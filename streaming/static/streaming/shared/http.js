/** Requests of the administration's pages, as JSON. */

const TIMEOUT = 5_000; // ms

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
    return failed("The server did not answer. Your change may not have been saved. Please try again.");
  }
}

/**
 * @param {string} text
 * @returns {{answer: null, errors: Errors}}
 */
const failed = (text) => ({ answer: null, errors: { __all__: [text] } });
