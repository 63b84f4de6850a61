/** The page of a wall, for people. */

import { FullScreen } from "../player/full-screen.js";
import { KeyHelp } from "../player/key-help.js";
import { find } from "../shared/find.js";
import { Arranging } from "./arranging.js";
import { Cycle } from "./cycle.js";
import { PageBar } from "./pages.js";
import { Wall } from "./wall.js";

const root = document.querySelector("[data-wall]");
if (root instanceof HTMLElement) {
  const bar = new PageBar(find(root, "[data-pages]", HTMLElement), (pages) => wall.turn(pages));
  const fullScreen = new FullScreen(root, find(root, "[data-full-screen]", HTMLButtonElement));
  const wall = new Wall(root, { fullScreen, isDisplay: false, onPage: (pages) => bar.show(pages) });
  new Cycle(Number(root.dataset.cycle), find(root, "[data-pause]", HTMLButtonElement), () => wall.cycle());
  new KeyHelp(find(root, "[data-show-keys]", HTMLElement), () => !wall.isArranging);
  if (root.querySelector("[data-arrange]")) new Arranging(root, wall);
  for (const choice of root.querySelectorAll("select[data-choose]")) {
    if (choice instanceof HTMLSelectElement) choice.addEventListener("change", () => location.assign(choice.value));
  }
}
