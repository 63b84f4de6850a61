const QUALITY = 0.95; // of the JPEG

/**
 * Downloads a canvas as a JPEG, named after the camera and the local time of the picture.
 * @param {HTMLCanvasElement} canvas
 * @param {string} name
 * @param {number} age of the picture, seconds
 */
export function savePicture(canvas, name, age) {
  const file = fileName(name, new Date(Date.now() - age * 1000));
  canvas.toBlob((blob) => blob && download(blob, file), "image/jpeg", QUALITY);
}

/**
 * @param {string} name
 * @param {Date} time
 * @returns {string} such as "Front door 2026-01-31 07.05.09.jpg", without characters that file systems refuse
 */
export function fileName(name, time) {
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(".");
  const safe = name.replace(/[\p{Cc}\\/:*?"<>|]+/gu, "_").trim();
  return `${safe} ${date} ${clock}.jpg`;
}

/** @param {Blob} blob @param {string} file */
function download(blob, file) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000); // Safari reads it later
}
