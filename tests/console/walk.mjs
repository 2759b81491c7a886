// Walks through the console in a browser, as a person would, and looks at each page on a phone and on a desktop, light
// and dark: walk.mjs ADDRESS MODULE FOLDER. Ends with a line that says how much was looked at, or with what is wrong.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { chromium } from "playwright-core";

const [address, module, folder] = process.argv.slice(2);
const executablePath = process.env.FLEETSTEP_CHROMIUM ?? "/usr/bin/chromium";
const args = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({ executablePath, args });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const page = await context.newPage();
page.setDefaultTimeout(20_000);
const wrong = [];
page.on("pageerror", (error) => wrong.push(`a script failed: ${error.message}`));
// What is refused on purpose is told there, too.
const refused = /status of (400|422)/;
page.on("console", (message) => {
  if (message.type() === "error" && !refused.test(message.text())) wrong.push(`the console said: ${message.text()}`);
});
page.on("request", (request) => {
  if (!request.url().startsWith(address)) wrong.push(`asked elsewhere: ${request.url()}`);
});

const definition = {
  Comment: "Waits, calls a function, or refuses",
  StartAt: "Is it right?",
  States: {
    "Is it right?": {
      Type: "Choice",
      Choices: [{ Variable: "$.right", BooleanEquals: true, Next: "Wait a moment" }],
      Default: "Refuse",
    },
    "Wait a moment": { Type: "Wait", Seconds: 2, Next: "Call" },
    Call: { Type: "Task", Resource: "arn:aws:lambda:us-east-1:000000000000:function:walk", End: true },
    Refuse: { Type: "Fail", Error: "Walk.Refused", Cause: "The input is not right" },
  },
};

/** The status that a page of an execution tells. */
const status = () => page.locator("#summary .status").innerText();
const state = (name) => page.locator(`#diagram g[data-state="${name}"]`);

async function upload() {
  await page.goto(`${address}/console/functions`);
  await page.fill("#function", "walk");
  const bytes = readFileSync(module).toString("base64");
  const dropped = await page.evaluateHandle(([bytes, name]) => {
    const transfer = new DataTransfer();
    const content = Uint8Array.from(atob(bytes), (byte) => byte.charCodeAt(0));
    transfer.items.add(new File([content], name, { type: "application/wasm" }));
    return transfer;
  }, [bytes, basename(module)]);
  await page.dispatchEvent("form[data-upload]", "drop", { dataTransfer: dropped });
  await page.waitForURL("**/console/functions/walk");
  assert.match(await page.locator("#about").innerText(), /SHA-256\s+[0-9a-f]{64}/);
}

async function refusedUpload() {
  await page.goto(`${address}/console/functions`);
  await page.setInputFiles("#module", { name: "no.wasm", mimeType: "application/wasm", buffer: Buffer.from("no") });
  await page.waitForSelector("#upload-state.bad");
  assert.match(await page.locator("#upload-state").innerText(), /InvalidModule/);
}

async function deploy() {
  await page.goto(`${address}/console/deploy`);
  await page.fill("#name", "walked");
  await page.fill("#definition", JSON.stringify({ ...definition, StartAt: "Nowhere" }));
  await page.click("text=Deploy >> nth=-1");
  assert.match(await page.locator("[role=alert]").innerText(), /Nowhere/);
  await page.fill("#definition", JSON.stringify(definition, null, 2));
  await page.click("button.primary");
  await page.waitForURL("**/console/workflows/walked");
  assert.equal(await page.locator("#diagram g[data-state]").count(), 4);
}

async function start(input) {
  await page.goto(`${address}/console/workflows/walked`);
  await page.fill("#input", JSON.stringify(input));
  await page.click("button.primary");
  await page.waitForURL("**/console/executions/**");
}

async function watch() {
  await start({ right: true });
  assert.equal(await status(), "Running");
  await state("Wait a moment").and(page.locator("[data-status=running]")).waitFor();
  // The page changes by itself.
  await page.locator("#summary .status[data-status=succeeded]").waitFor();
  await state("Call").and(page.locator("[data-status=succeeded]")).waitFor();
}

async function failed() {
  await start({ right: false });
  await page.goto(`${address}/console/executions?status=FAILED&workflow=walked`);
  await page.click("td .name");
  assert.equal(await status(), "Failed");
  await state("Refuse").and(page.locator("[data-status=failed]")).waitFor();
  const summary = await page.locator("#summary").innerText();
  assert.match(summary, /Walk\.Refused/);
  assert.match(summary, /The input is not right/);
  const red = await state("Refuse").locator(".fs-box").first().evaluate((box) => getComputedStyle(box).stroke);
  const [r, g, b] = red.match(/\d+/g).map(Number);
  assert.ok(r > 150 && r > 2 * g && r > 2 * b, `it is red: ${red}`);
  const first = page.url();
  await page.click("text=Run again with this input");
  await page.waitForURL((url) => url.href !== first);
  assert.equal(await status(), "Failed");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Download as a replay file")]);
  const replay = JSON.parse(readFileSync(await download.path(), "utf8"));
  assert.equal(replay.execution.error, "Walk.Refused");
  assert.ok(replay.history.events.length >= 4);
  return first;
}

/** With the keyboard alone: to the content, and on to the first workflow. */
async function keyboard() {
  await page.goto(`${address}/console`);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  for (let tabs = 0; tabs < 20; tabs += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement.textContent === "walked")) break;
  }
  await page.keyboard.press("Enter");
  await page.waitForURL("**/console/workflows/walked");
}

/** Texts that lie on each other, and what is wider than the page. */
function laidOut() {
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth) found.push(`wider than the page by ${document.documentElement.scrollWidth - innerWidth} px`);
  const boxes = [];
  /** Clipped to nothing, it is there for those who listen. */
  const isClipped = (element) => element && (getComputedStyle(element).clipPath !== "none" || isClipped(element.parentElement));
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest(".skip, [hidden], script, title") || isClipped(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.width > 1 && box.height > 1) boxes.push({ box, text: node.textContent.trim().slice(0, 40), element });
    }
    const own = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    if (style.overflow === "hidden" && element.scrollWidth > own.width + 1) found.push(`cut off: ${node.textContent.trim()}`);
  }
  for (let one = 0; one < boxes.length; one += 1) {
    for (let other = one + 1; other < boxes.length; other += 1) {
      const [a, b] = [boxes[one], boxes[other]];
      // What scrolls apart may lie under another part of the page.
      if (a.element.closest(".diagram, .scroll, pre") !== b.element.closest(".diagram, .scroll, pre")) continue;
      const wide = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
      const high = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
      // The line boxes of two lines may share some pixels where no letter is.
      if (wide > 2 && high > 0.4 * Math.min(a.box.height, b.box.height)) found.push(`"${a.text}" lies on "${b.text}"`);
    }
  }
  return found;
}

const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };

async function look(pages) {
  let looked = 0;
  for (const colorScheme of ["light", "dark"]) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      const other = await browser.newContext({ colorScheme, viewport, bypassCSP: true });
      const seen = await other.newPage();
      for (const [name, url] of Object.entries(pages)) {
        await seen.goto(url);
        await seen.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
        await seen.screenshot({ path: `${folder}/${name}-${size}-${colorScheme}.png`, fullPage: true });
        const where = `${name}, ${size}, ${colorScheme}`;
        wrong.push(...(await seen.evaluate(laidOut)).map((what) => `${where}: ${what}`));
        await seen.evaluate(axe);
        const { violations } = await seen.evaluate(() => window.axe.run());
        const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
        wrong.push(...serious.map(({ id, nodes }) => `${where}: ${id}: ${nodes[0].html.slice(0, 200)}`));
        looked += 1;
      }
      await other.close();
    }
  }
  return looked;
}

try {
  await upload();
  await refusedUpload();
  await deploy();
  await watch();
  const ofFailure = await failed();
  await keyboard();
  const looked = await look({
    workflows: `${address}/console`,
    workflow: `${address}/console/workflows/walked`,
    deploy: `${address}/console/deploy?name=walked`,
    executions: `${address}/console/executions`,
    execution: ofFailure,
    functions: `${address}/console/functions`,
    function: `${address}/console/functions/walk`,
    system: `${address}/console/system`,
    missing: `${address}/console/nothing`,
  });
  assert.deepEqual(wrong, []);
  console.log(`walked; ${looked} pages looked at`);
} finally {
  await browser.close();
}
