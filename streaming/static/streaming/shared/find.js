/**
 * Returns the first match of a selector.
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} type
 * @returns {T}
 * @throws {TypeError} if there is no match, or one of another type
 */
export function find(root, selector, type) {
  const element = root.querySelector(selector);
  if (element instanceof type) return element;
  throw new TypeError(`${selector} should be a ${type.name}, and is ${element}.`);
}
