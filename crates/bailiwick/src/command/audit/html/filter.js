"use strict";
// Hides the rows that lack a word that was typed. Without it, all of the page is there.
(() => {
  const bar = document.getElementById("filter-bar");
  const box = document.getElementById("filter");
  const said = document.getElementById("filter-said");
  const parts = [...document.querySelectorAll("main > section")].map((part) => ({
    part,
    rows: [...part.querySelectorAll("[data-row]")],
  }));
  let texts;
  const look = () => {
    texts ??= new Map(
      parts.flatMap(({ rows }) => rows.map((row) => [row, row.textContent.toLowerCase()])),
    );
    const words = box.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
    let shown = 0;
    for (const { part, rows } of parts) {
      let here = 0;
      for (const row of rows) {
        const fits = words.every((word) => texts.get(row).includes(word));
        if (row.hidden === fits) row.hidden = !fits;
        here += fits;
      }
      part.classList.toggle("emptied", words.length > 0 && here === 0);
      shown += here;
    }
    said.textContent = words.length > 0 ? `${shown} of ${texts.size} rows` : "";
  };
  box.addEventListener("input", look);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      box.value = "";
      look();
    }
  });
  bar.hidden = false;
  // A browser may remember what was typed.
  if (box.value !== "") look();
})();
