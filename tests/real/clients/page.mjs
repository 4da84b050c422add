// Opens a page of ours in a real browser, as a person and as a program for the blind would, and prints what it saw as one
// line of JSON. PACKAGES, BROWSER and LIBRARIES say where the parts are; SHOTS names a folder for pictures, if any are wanted.
//
//   node page.mjs FILE '{"word": "typed into the filter", "needles": ["a text that must stand in a row"], "judge": true}'
//
// The judge takes minutes over thousands of rows.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { readFileSync } from "node:fs";

const require = createRequire(join(process.env.PACKAGES, "package.json"));
const { chromium } = require("playwright-core");
const judge = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [, , file, wish] = process.argv;
const { word, needles, judge: isJudged } = JSON.parse(wish);
const address = pathToFileURL(file).href;

const quiet = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const libraries = [process.env.LIBRARIES, process.env.LD_LIBRARY_PATH].filter(Boolean).join(":");
const browser = await chromium.launch({
  executablePath: process.env.BROWSER,
  args: quiet,
  env: { ...process.env, LD_LIBRARY_PATH: libraries },
});
const told = { said: [], requests: [], overflow: {}, judged: {} };

/** Opens the page in a context of its own, and notes whatever it says or asks for. */
async function opened(width, colorScheme) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
  context.on("request", (it) => told.requests.push(it.url()));
  const page = await context.newPage();
  page.on("console", (it) => told.said.push(`${it.type()}: ${it.text()}`));
  page.on("pageerror", (it) => told.said.push(`error: ${it.message}`));
  page.on("dialog", (it) => (told.said.push(`dialog: ${it.message()}`), it.dismiss()));
  await page.goto(address);
  return page;
}

const visible = (page) =>
  page.evaluate(() => {
    const count = (part) => part.querySelectorAll("[data-row]:not([hidden])").length;
    const parts = [...document.querySelectorAll("main > section")];
    return Object.fromEntries(parts.map((part) => [part.id, count(part)]));
  });

for (const scheme of ["light", "dark"]) {
  for (const width of [1280, 390]) {
    const page = await opened(width, scheme);
    const beyond = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
    told.overflow[`${scheme} ${width}`] = await page.evaluate(beyond);
    if (process.env.SHOTS) {
      const path = join(process.env.SHOTS, `${scheme}-${width}.png`);
      await page.screenshot({ path, fullPage: true });
    }
    if (isJudged && width === 1280) {
      // What is closed is read as well, and what is not drawn before somebody scrolls to it.
      await page.evaluate(() => {
        const some = [...document.querySelectorAll("#identities details")].slice(0, 60);
        for (const it of some) [it.open, it.style.contentVisibility] = [true, "visible"];
      });
      await page.evaluate(judge);
      const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
      const found = await page.evaluate(
        (values) => globalThis.axe.run(document, { runOnly: { type: "tag", values } }),
        tags,
      );
      told.judged[scheme] = found.violations.map(
        (it) => `${it.id}: ${it.nodes.length} × ${it.nodes[0].html.slice(0, 200)} ${it.nodes[0].failureSummary}`,
      );
      told.passed = found.passes.map((it) => it.id);
    }
    await page.context().close();
  }
}

const page = await opened(1280, "light");
told.title = await page.title();
told.timing = await page.evaluate(
  () => performance.getEntriesByType("navigation")[0].loadEventEnd,
);
told.elements = await page.evaluate(() => {
  const of = (name) => document.getElementsByTagName(name).length;
  return Object.fromEntries(["script", "style", "img", "iframe", "link", "svg"].map((it) => [it, of(it)]));
});
told.policy = await page.evaluate(
  () => document.querySelector("meta[http-equiv='Content-Security-Policy']").content,
);
told.rows = await visible(page);
told.needles = await page.evaluate(
  (needles) => {
    const rows = [...document.querySelectorAll("#identities [data-row]")];
    return needles.map((it) => rows.filter((row) => row.textContent.includes(it)).length);
  },
  needles,
);

/** Goes on with the tab key until what has the focus fits. */
async function tabbed(fits) {
  for (let steps = 1; steps <= 60; steps += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(fits)) return steps;
  }
  return 0;
}
told.toFilter = await tabbed(() => document.activeElement.id === "filter");
await page.keyboard.type(word);
told.filtered = await visible(page);
told.filterSays = await page.textContent("#filter-said");
told.focusIsSeen = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
await page.keyboard.type(" no such thing");
told.nothing = await visible(page);
await page.keyboard.press("Escape");
told.again = await visible(page);
told.toScroll = await tabbed(() => document.activeElement.classList.contains("high"));
await page.keyboard.press("PageDown");
await page.waitForFunction(() => {
  const it = document.activeElement;
  return it.scrollHeight <= it.clientHeight || 0 < it.scrollTop;
});
await page.focus("#identities summary");
await page.keyboard.press("Enter");
told.opens = await page.evaluate(() => document.querySelector("#identities details").open);

await page.emulateMedia({ media: "print" });
told.printed = await page.evaluate(() => ({
  filter: getComputedStyle(document.getElementById("filter-bar")).display,
  cut: [...document.querySelectorAll(".wide")].filter((it) => it.clientHeight < it.scrollHeight).length,
}));
await browser.close();
told.requests = told.requests.filter((it) => it !== address);
process.stdout.write(`${JSON.stringify(told)}\n`);
