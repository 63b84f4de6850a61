/** Moves elements of a list by mouse, finger or pen. */

/**
 * @param {HTMLElement} handle that is pressed and dragged
 * @param {HTMLElement} element that moves
 * @param {(target: HTMLElement) => void} onOver called when it is dragged over another element of the same list
 */
export function makeDraggable(handle, element, onOver) {
  let over = element; // the element under the pointer: it changes places once, until the pointer has left it
  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || (event.target instanceof Element && event.target.closest("button"))) return;
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
    element.classList.add("dragged");
    over = element;
  });
  handle.addEventListener("pointermove", ({ pointerId, clientX, clientY }) => {
    if (!handle.hasPointerCapture(pointerId)) return;
    const found = document.elementsFromPoint(clientX, clientY).map((one) => one.closest("li"));
    const target = found.find((one) => one?.parentElement === element.parentElement) ?? element;
    if (target !== over && target !== element) onOver(target);
    over = target;
  });
  for (const type of ["lostpointercapture", "pointercancel"]) {
    handle.addEventListener(type, () => element.classList.remove("dragged"));
  }
}
