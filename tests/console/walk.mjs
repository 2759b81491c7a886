// Walks through the console in a browser, as a person would, and looks at each page on a phone and on a desktop, light
// and dark: walk.mjs ADDRESS MODULE FAILING FOLDER, the second of two modules being one that fails. Ends with a line that says how much was looked at, or with what is wrong.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { chromium } from "playwright-core";

const [address, module, failing, folder] = process.argv.slice(2);
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

/** Branches, and iterations of which one fails. */
const branched = {
  StartAt: "Both",
  States: {
    Both: {
      Type: "Parallel",
      Branches: [
        { StartAt: "Calls", States: { Calls: { Type: "Task", Resource: "arn:aws:lambda:us-east-1:000000000000:function:walk", End: true } } },
        { StartAt: "Passes", States: { Passes: { Type: "Pass", Result: { passed: true }, End: true } } },
      ],
      ResultPath: "$.both",
      Next: "Each",
    },
    Each: {
      Type: "Map",
      ItemsPath: "$.items",
      MaxConcurrency: 1,
      ItemProcessor: {
        StartAt: "Is it good?",
        States: {
          "Is it good?": {
            Type: "Choice",
            Choices: [{ Variable: "$", NumericLessThan: 3, Next: "Good" }],
            Default: "Bad",
          },
          Good: { Type: "Succeed" },
          Bad: { Type: "Fail", Error: "Walk.Bad", Cause: "It is not good" },
        },
      },
      Catch: [{ ErrorEquals: ["States.ALL"], ResultPath: "$.problem", Next: "Told" }],
      Next: "Told",
    },
    Told: { Type: "Pass", End: true },
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

/** A call of the AWS protocol, by someone else. */
async function aws(operation, body) {
  const headers = { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AWSStepFunctions.${operation}` };
  const answer = await page.request.post(address, { headers, data: JSON.stringify(body) });
  assert.ok(answer.ok(), `${operation}: ${await answer.text()}`);
  return answer.json();
}

/** A start by someone else: the execution's ARN. */
async function startElsewhere(workflow, input) {
  const answer = await page.request.post(`${address}/v1/workflows/${workflow}/run`, {
    headers: { "content-type": "application/json" }, data: JSON.stringify(input),
  });
  return answer.headers()["fleetstep-execution-arn"];
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
  assert.match(await page.locator("#timeline").innerText(), /Is it right\?[^]*Refuse/);
  assert.match(await page.locator("#cost").innerText(), /AWS Express would cost\s+\$0\.0000011/i);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Download as a replay file")]);
  await download.saveAs(`${folder}/failed.replay.json`);
  const replay = JSON.parse(readFileSync(`${folder}/failed.replay.json`, "utf8"));
  assert.deepEqual([replay.fleetstepReplay, replay.status], [1, "FAILED"]);
  assert.equal(replay.events.at(-1).error, "Walk.Refused");
  return first;
}

/** Branches and iterations: each has its own line with what came in and went out. */
async function branches() {
  await page.goto(`${address}/console/deploy`);
  await page.fill("#name", "branched");
  await page.fill("#definition", JSON.stringify(branched));
  await page.click("button.primary");
  await page.waitForURL("**/console/workflows/branched");
  await page.fill("#input", JSON.stringify({ items: [1, 2, 3] }));
  await page.click("button.primary");
  await page.waitForURL("**/console/executions/**");
  await page.locator("#summary .status[data-status=succeeded]").waitFor();
  const states = await page.locator("#states summary").allInnerTexts();
  for (const told of [/Calls/, /Passes/, /Is it good\?.*0/, /Is it good\?.*2/, /Bad.*2/]) {
    assert.ok(states.some((state) => told.test(state)), `${told}: ${states.join("; ")}`);
  }
  await state("Each").and(page.locator("[data-status=caught]")).waitFor();
  const bad = page.locator("#states details", { has: page.locator("summary strong", { hasText: "Bad" }) });
  await bad.locator("summary").click();
  assert.match(await bad.innerText(), /failed Bad #2[^]*Input\s+3/);
  const each = page.locator("#states details", { has: page.locator("summary strong", { hasText: "Each" }) });
  await each.locator("summary").click();
  assert.match(await each.innerText(), /caught Each[^]*It is not good[^]*Walk\.Bad/);
  return page.url();
}

/** New executions appear by themselves, and only those that are wanted. */
async function tail() {
  const listed = page.locator("#executions tbody tr");
  await page.goto(`${address}/console/executions?workflow=walked&error=Walk.Refused&since=2020-01-01T00:00:00Z`);
  const before = await listed.count();
  assert.ok(before >= 2, `${before} are listed`);
  await startElsewhere("walked", { right: false });
  await listed.nth(before).waitFor();
  await page.goto(`${address}/console/executions?until=2020-01-01T00:00:00Z`);
  assert.equal(await listed.count(), 0);
}

async function published() {
  const arn = "arn:aws:states:us-east-1:000000000000:stateMachine:walked";
  const { stateMachineVersionArn } = await aws("PublishStateMachineVersion", { stateMachineArn: arn, description: "The first" });
  await aws("CreateStateMachineAlias", { name: "live", routingConfiguration: [{ stateMachineVersionArn, weight: 100 }] });
  await page.goto(`${address}/console/workflows/walked`);
  assert.match(await page.locator("#versions").innerText(), /live[^]*100 % to 1[^]*The first/);
  assert.match(await page.locator("#cost").innerText(), /AWS Express would cost/);
  await page.click("#versions >> text=live");
  await page.waitForURL("**/console/workflows/walked%3Alive");
  assert.equal(await page.locator("#diagram g[data-state]").count(), 4);
}

/** A module that fails: its function's page tells how. */
async function failures() {
  await page.goto(`${address}/console/functions`);
  await page.fill("#function", "failing");
  await page.setInputFiles("#module", failing);
  await page.waitForURL("**/console/functions/failing");
  const headers = { "content-type": "application/json" };
  await page.request.post(`${address}/v1/functions/failing/invoke`, { headers, data: "{}" });
  // The page is told of it by itself.
  await page.locator("#failures td strong", { hasText: "NotConfigured" }).waitFor();
  assert.match(await page.locator("#failures").innerText(), /the variable BEHAVIOUR is/);
  await page.goto(`${address}/console/functions/walk`);
  assert.match(await page.locator("#about").innerText(), /Memory, at most[^]*Timeout[^]*Concurrency/i);
  assert.match(await page.locator("#figures").innerText(), /Calls\/s[^]*p99[^]*Memory, most/i);
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
  const ofBranches = await branches();
  await tail();
  await published();
  await failures();
  await keyboard();
  const looked = await look({
    workflows: `${address}/console`,
    workflow: `${address}/console/workflows/walked`,
    deploy: `${address}/console/deploy?name=walked`,
    executions: `${address}/console/executions`,
    execution: ofFailure,
    branches: ofBranches,
    functions: `${address}/console/functions`,
    function: `${address}/console/functions/walk`,
    failing: `${address}/console/functions/failing`,
    system: `${address}/console/system`,
    missing: `${address}/console/nothing`,
  });
  assert.deepEqual(wrong, []);
  console.log(`walked; ${looked} pages looked at`);
} finally {
  await browser.close();
}
