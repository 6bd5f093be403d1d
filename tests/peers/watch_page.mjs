// Looks at the status page in headless Chromium: light, dark, and as narrow as a phone. Counts what
// axe finds, what does not fit, and whether the page keeps up by itself. Exit code 1 if anything is
// wrong. Usage: node watch_page.mjs URL FOLDER; wants puppeteer-core and axe-core beside it or in
// NODE_PATH, and chromium in the path.
import { createRequire } from "node:module";
import { execFileSync } from "node:child_process";
import { join } from "node:path";

const require = createRequire(join(process.env.NODE_MODULES ?? process.cwd(), "x.js"));
const puppeteer = require("puppeteer-core");
const axe = require("axe-core").source;

const [url, folder] = process.argv.slice(2);
const chromium = execFileSync("sh", ["-c", "command -v chromium chromium-browser google-chrome | head -1"]).toString().trim();
const views = [
  { name: "light", scheme: "light", width: 1280 },
  { name: "dark", scheme: "dark", width: 1280 },
  { name: "narrow", scheme: "light", width: 360 },
  { name: "narrow-dark", scheme: "dark", width: 360 },
];
let wrong = 0;
const complain = (view, words) => {
  wrong += 1;
  console.log(`${view}: ${words}`);
};

const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox"] });
try {
  for (const { name, scheme, width } of views) {
    const page = await browser.newPage();
    page.on("console", (line) => line.type() === "error" && complain(name, `console: ${line.text()}`));
    page.on("pageerror", (error) => complain(name, `script: ${error}`));
    page.on("request", (asked) => {
      const to = new URL(asked.url());
      if (to.protocol !== "data:" && to.host !== new URL(url).host) complain(name, `asks ${to.host}`);
    });
    await page.setViewport({ width, height: 900, isMobile: width < 500 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.goto(url);
    // What the policy forbids the page, the protocol may.
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    for (const { id, help, nodes } of violations) complain(name, `axe: ${id}: ${help}: ${nodes[0].html}`);
    const over = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      const sticksOut = (one) => !one.closest(".wide") && one.getBoundingClientRect().right > clientWidth;
      const found = [...document.querySelectorAll("body *")].filter(sticksOut);
      return scrollWidth > clientWidth ? `${scrollWidth - clientWidth} pixels too wide: ${found.at(-1)?.outerHTML}` : null;
    });
    if (over) complain(name, over);
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
    if (name === "light" && (await page.$("#live"))) {
      const before = await page.$eval(".now", (one) => one.textContent);
      await page.waitForFunction((was) => document.querySelector(".now").textContent !== was, { timeout: 20_000 }, before);
      await page.keyboard.press("Tab");
      const focused = await page.evaluate(() => document.activeElement.textContent);
      if (focused !== "Refresh") complain(name, `the first tab reaches ${focused}`);
    }
    await page.close();
  }
} finally {
  await browser.close();
}
console.log(wrong === 0 ? `${views.length} views, nothing wrong` : `${wrong} faults`);
process.exit(wrong === 0 ? 0 : 1);
