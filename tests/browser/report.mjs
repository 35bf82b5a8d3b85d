// SPDX-License-Identifier: MIT
// The report of `estab trace --html` in a real browser, through playwright-core: it loads without
// asking anybody and without an error, replays, zooms, answers keys and taps, speaks both languages,
// and scrolls over 100,000 segments while it draws no more of them than are seen.
//
//   report.mjs PLAYWRIGHT CHROMIUM SMALL.html BIG.html SAID SHOTS
//
// SAID: the output of tests/trace/verdicts_test.
//
// One line a check, `ok NAME` or `not ok NAME: what`; the exit status is 0 when all hold.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , playwright, executablePath, small, big, said, shots] = process.argv;
const { chromium } = (await import(pathToFileURL(playwright))).default;
let failed = 0;
const check = (name, holds, what = "") => { if (!holds) failed++; console.log((holds ? "ok " : "not ok ") + name + (holds ? "" : ": " + what)); };

const browser = await chromium.launch({
  executablePath, headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const asked = [], wrong = [];
async function open(file, options) {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-US", colorScheme: "light", ...options })).newPage();
  page.on("console", m => { if (m.type() === "error" || m.type() === "warning") wrong.push(m.text()); });
  page.on("pageerror", e => wrong.push(e.message));
  page.on("request", r => { if (!r.url().startsWith("file:")) asked.push(r.url()); });
  await page.goto(pathToFileURL(file).href);
  return page;
}
const text = (page, id) => page.locator(id).innerText();
const shot = (page, name) => shots ? page.screenshot({ path: `${shots}/${name}.png`, fullPage: true }) : null;

let page = await open(small);
check("the list", (await page.locator("#rows tr").count()) === 1);
check("the first segment", /^1 of \d+$/.test(await text(page, "#where")), await text(page, "#where"));
check("both ends and their variables", /SYN-SENT/.test(await text(page, "#hostA")) && /SND.NXT\s+1/.test(await text(page, "#hostA")) && /SYN-RECEIVED/.test(await text(page, "#hostB")), await text(page, "#hostA"));
check("why, verdict and rule", /open: our ISN.*\[RFC 9293/s.test(await text(page, "#detail")), await text(page, "#detail"));
check("four plots", (await page.locator(".plot canvas").count()) === 4);

// keys
for (let i = 0; i < 2; i++) await page.keyboard.press("ArrowDown");
check("arrows step", (await text(page, "#where")).startsWith("3 of") && /ESTABLISHED/.test(await text(page, "#hostB")), await text(page, "#where"));
await page.keyboard.press("End");
check("the path that was walked", (await page.locator("#machineA g.walked").allTextContents()).join() !== "" && /TIME-WAIT/.test(await page.locator("#machineA g.now").innerText().catch(() => page.locator("#machineA g.now").textContent())), await text(page, "#hostA"));
check("CLOSE-WAIT and LAST-ACK of the other", /CLOSE-WAIT/.test((await page.locator("#machineB g.walked").allTextContents()).join()) && /LAST-ACK/.test((await page.locator("#machineB g.walked").allTextContents()).join()));
await page.keyboard.press("Home");

// replay
await page.selectOption("#speed", "16");
await page.keyboard.press("Space");
await page.waitForFunction(() => Number(document.getElementById("where").textContent.split(" ")[0]) >= 4, null, { timeout: 15000 });
check("it plays", true);
await page.waitForFunction(() => document.getElementById("play").textContent === "▶", null, { timeout: 15000 });
check("and ends at the last segment", await page.evaluate(() => at === steps.length - 1));
await page.click("#back");
check("a step back", await page.evaluate(() => at === steps.length - 2));

// a tap on the ladder, the evidence of a verdict
await page.keyboard.press("Home");
await page.locator("#ladder").click({ position: { x: 300, y: 20 + 46 * 3 } });
check("a tap chooses the segment", (await text(page, "#where")).startsWith("4 of"), await text(page, "#where"));

await page.evaluate(() => { location.hash = "#7"; });
check("an address names a packet", (await text(page, "#where")).startsWith("7 of"), await text(page, "#where"));

// zoom of the ladder and of the plots
const high = await page.evaluate(() => rowH);
await page.click("#in");
check("the ladder zooms", await page.evaluate(() => rowH) > high);
const plot = page.locator("#seq .u-over");
await plot.scrollIntoViewIfNeeded();
const box = await plot.boundingBox();
await page.mouse.move(box.x + 40, box.y + 40);
await page.mouse.down();
await page.mouse.move(box.x + box.width / 2, box.y + 60, { steps: 4 });
await page.mouse.up();
const zoomed = await page.evaluate(() => drawn.map(u => u.scales.x.max - u.scales.x.min));
const whole = await page.evaluate(() => drawn[0].data[0].at(-1) - drawn[0].data[0][0]);
check("a plot zooms, and the others with it", zoomed.every(x => Math.abs(x - zoomed[0]) < 1e-9) && zoomed[0] < whole * 0.7, `${zoomed} of ${whole}`);
await page.click("#whole");
await shot(page, "light-en");

// language, dark, print
await page.keyboard.press("l");
check("Chinese", (await page.locator("html").getAttribute("lang")) === "zh-CN" && /服务器/.test(await text(page, "#hostB")) && /重传/.test(await page.locator("thead").innerText()));
check("no English left where there is Chinese", !/[a-z]{3}/.test((await text(page, "#detail")).replace(/\[RFC.*?\]|^.* seq .*$/gm, "")), await text(page, "#detail"));
// every verdict, as the tests of it have heard it, and every reason and verdict of TCP
const sentences = [...readFileSync(said, "utf8").matchAll(/^says ([a-z-]+): (.*)$/gm)].map(([, id, text]) => ({ id, text }));
const left = await page.evaluate(all => all.filter(v => !/\p{Script=Han}/u.test(saying(v)) || /\b(client|server|undefined)\b|\$/.test(saying(v))).map(v => v.id + ": " + saying(v)), sentences);
const ids = [...readFileSync("trace/verdicts.h", "utf8").matchAll(/X\(\w+, +\d, "([a-z-]+)"\)/g)].map(m => m[1]);
const missing = ids.filter(id => !sentences.some(v => v.id === id));
check("Chinese for every verdict", ids.length >= 45 && left.length === 0 && missing.length === 0, left.concat(missing).join("; "));
const names = await page.evaluate(() => { const upTo = (kind, last) => D[kind].slice(0, D[kind].findIndex(x => x[0] === last) + 1).map(x => x[0]).filter(n => n !== "NONE" && !ZH[kind][n]); return upTo("reasons", "RST_LIMIT").concat(upTo("verdicts", "DROP_PORT_ZERO")); });
check("Chinese for every reason and verdict of TCP", names.length === 0, names.join(" "));
await page.keyboard.press("t");
check("dark", (await page.evaluate(() => getComputedStyle(document.body).backgroundColor)) === "rgb(13, 17, 23)");
await shot(page, "dark-zh");
await page.emulateMedia({ media: "print" });
check("on paper: a table of segments", await page.locator("#printed tr").first().isVisible() && !(await page.locator("#scroll").isVisible()));
await page.waitForFunction(() => document.documentElement.dataset.theme === "light", null, { timeout: 5000 }).catch(() => {});
check("paper is white", (await page.evaluate(() => getComputedStyle(document.body).backgroundColor)) === "rgb(255, 255, 255)");
await shot(page, "print");
await page.emulateMedia({ media: "screen" });
await page.waitForFunction(() => document.documentElement.dataset.theme === "dark", null, { timeout: 5000 }).catch(() => {});
check("and the screen as it was", (await page.evaluate(() => document.documentElement.dataset.theme)) === "dark");

// a telephone, and a browser that speaks Chinese and wants it dark
page = await open(small, { viewport: { width: 390, height: 800 }, locale: "zh-CN", colorScheme: "dark", hasTouch: true });
check("begins in the language of the browser", (await page.locator("html").getAttribute("lang")) === "zh-CN");
check("fits a telephone", await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
await shot(page, "telephone");

// 100,000 segments
page = await open(big);
const n = await page.evaluate(() => steps.length);
check("100,000 segments", n === 100000, String(n));
const seen = await page.evaluate(async () => {
  const proto = CanvasRenderingContext2D.prototype, fill = proto.fillText;
  let words = 0, most = 0, frames = 0;
  proto.fillText = function (...a) { words++; return fill.apply(this, a); };
  const s = document.getElementById("scroll");
  for (let i = 0; i < 40; i++) {
    words = 0;
    s.scrollTop = (s.scrollHeight - s.clientHeight) * i / 39;
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    most = Math.max(most, words);
    frames++;
  }
  proto.fillText = fill;
  return { most, frames, top: s.scrollTop };
});
check("scrolling draws only what is seen", seen.most > 0 && seen.most < 400 && seen.top > 1e6, JSON.stringify(seen));
await page.keyboard.press("End");
check("the last of them", (await text(page, "#where")) === "100000 of 100000", await text(page, "#where"));
check("the plots show where it stands", await page.evaluate(() => drawn.every(u => Math.abs(parseFloat(u.now.style.left) - u.over.clientWidth) < 30)), await page.evaluate(() => drawn.map(u => u.now.style.left + " of " + u.over.clientWidth).join()));
await shot(page, "big");

check("nothing is asked of anybody", asked.length === 0, asked.join(" "));
check("no error on the console", wrong.length === 0, wrong.join("; "));
await browser.close();
process.exit(failed > 0 ? 1 : 0);
