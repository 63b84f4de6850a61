const SHOWN_FOR = 8_000; // ms

/**
 * Shows a message above everything else. An open dialog and full screen hide the rest of the page.
 * @param {string} title
 * @param {string} [text]
 */
export function showToast(title, text = "") {
  document.querySelector(".toast")?.remove();
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.setAttribute("role", "alert");
  const strong = document.createElement("strong");
  strong.textContent = title;
  toast.append(strong, " ", text);
  const host = document.fullscreenElement ?? document.querySelector("dialog[open]") ?? document.body;
  host.append(toast);
  setTimeout(() => toast.remove(), SHOWN_FOR);
}
