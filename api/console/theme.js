// Runs before the first paint, so that the page does not flash in the other theme. No module: those run later.
"use strict";
try {
  const theme = localStorage.getItem("patterns-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage can be forbidden; the browser's own preference counts then.
}
