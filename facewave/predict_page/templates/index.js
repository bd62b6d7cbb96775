"use strict";
// Sorts and searches the table of videos. Values to sort by stand in data attributes of the rows.
(() => {
  const body = document.querySelector("#videos tbody");
  const heads = [...document.querySelectorAll("#videos thead th")];
  const rows = [...body.rows];
  const numbers = ["order", "probability", "coverage", "trust", "seconds"];

  const compare = (key, way) => (a, b) => {
    const [x, y] = [a.dataset[key], b.dataset[key]];
    let found = numbers.includes(key) ? x - y : x.localeCompare(y);
    // Of equal answers the most certain first, and rows without an answer last, in either order.
    if (key === "answer") {
      if (!x !== !y) return x ? -1 : 1;
      if (!found) return b.dataset.probability - a.dataset.probability;
    }
    return way * found || a.dataset.order - b.dataset.order;
  };

  for (const head of heads) {
    head.querySelector("button").addEventListener("click", () => {
      const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
      body.append(...rows.sort(compare(head.dataset.key, way)));
    });
  }

  const find = document.getElementById("find");
  const found = document.getElementById("found");
  find.addEventListener("input", () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    found.textContent = words.length ? `${shown} of ${rows.length}` : "";
  });
})();
