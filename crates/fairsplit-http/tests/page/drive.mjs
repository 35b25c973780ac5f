// Uses the page as an operator would, in a real browser: creates, starts, sees the bars move, stops.
// Called with the server's address, a token for both scopes, and a folder for screenshots.
import { chromium } from "playwright-core";

const [base, token, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage({ viewport: { width: 1100, height: 900 }, colorScheme: "light" });
page.setDefaultTimeout(15000);

let passed = 0;
const seen = (what) => { passed += 1; console.log("ok " + passed + " " + what); };
const insist = (isTrue, what) => { if (!isTrue) throw new Error(what); };

// Whatever the policy forbids is told on the console.
const problems = [];
page.on("console", (message) => { if (message.type() === "error") problems.push(message.text()); });
page.on("pageerror", (error) => problems.push(String(error)));
page.on("request", (request) => { if (!request.url().startsWith(base) && !request.url().startsWith("data:")) problems.push("asked for " + request.url()); });

await page.goto(base + "/");
await page.getByText("A token is needed").waitFor();
seen("asks for a token");
await page.fill("#token", "wrong");
await page.keyboard.press("Enter");
await page.getByText("This token is not known here.").waitFor();
seen("refuses one that is not known");
await page.fill("#token", token);
await page.keyboard.press("Enter");
await page.locator("main").waitFor();
seen("takes one that is");

await page.click("#new-flag > summary");
await page.fill("#new-flag [name=key]", "page-banner");
await page.fill("#new-flag [name=name]", "Page <b onclick=alert(1)>banner</b>");
await page.fill("#new-flag [name=default_value]", "old");
await page.keyboard.press("Enter");
const flag = page.locator(".flag", { hasText: "page-banner" });
await flag.waitFor();
insist((await flag.locator("b").count()) === 0, "a name became markup");
seen("creates a flag, and shows its name as text");

await flag.locator(".new > summary").click();
const form = flag.locator(".new form");
await form.locator("[name=name]").fill("Banner test");
await form.locator("[name=value]").nth(0).fill("old");
await form.locator("[name=value]").nth(1).fill("new");
await form.locator("[name=percentage]").nth(1).fill("40");
await form.getByText("These are 90 %").waitFor();
await form.getByRole("button", { name: "Create draft" }).click();
insist((await flag.locator(".experiment").count()) === 0, "90 % were sent");
seen("tells while typing that the percentages do not sum");
await form.locator("[name=percentage]").nth(1).fill("50");
await form.locator("[name=environment]").fill(" ");
await form.getByRole("button", { name: "Create draft" }).click();
await form.getByText("environment: must not be blank").waitFor();
seen("shows what the server finds wrong, by path");
await form.locator("[name=environment]").fill("production");
await form.getByRole("button", { name: "Create draft" }).click();
await flag.locator(".badge", { hasText: "draft" }).waitFor();
seen("creates a draft");
await flag.getByRole("button", { name: "Start" }).focus();
await page.keyboard.press("Enter");
await flag.locator(".badge", { hasText: "running" }).waitFor();
seen("starts it by the keyboard");

const headers = { authorization: "Bearer " + token, "content-type": "application/json" };
const all = await (await fetch(base + "/api/v1/flags", { headers })).json();
const id = all.data.find((flag) => flag.key === "page-banner").id;
const post = (what, body) => fetch(base + "/api/v1/flags/" + id + what, { method: "POST", headers, body: JSON.stringify(body) });
for (let user = 0; user < 600; user += 1) {
  const asked = { environment: "production", user_key: "user-" + user };
  await post("/evaluate", asked);
  if (user % 5 === 0) await post("/track", asked);
}
const cells = (name) => flag.locator("tbody ." + name).allInnerTexts();
await page.waitForFunction(() => [...document.querySelectorAll(".rate")].every((rate) => rate.textContent.includes("%")));
const [exposures, conversions] = [await cells("exposures"), await cells("conversions")];
const sum = (texts) => texts.reduce((sum, text) => sum + Number(text), 0);
insist(sum(exposures) === 600 && sum(conversions) === 120, exposures + " and " + conversions);
const widths = await flag.locator(".interval").evaluateAll((bars) => bars.map((bar) => bar.getBoundingClientRect().width));
insist(widths.every((width) => width > 10), "bars of " + widths);
seen("moves the bars by itself: " + (await cells("rate")).join(", "));

await page.screenshot({ path: folder + "/light.png", fullPage: true });
await page.emulateMedia({ colorScheme: "dark" });
await page.screenshot({ path: folder + "/dark.png", fullPage: true });
await page.setViewportSize({ width: 360, height: 740 });
await page.screenshot({ path: folder + "/phone.png", fullPage: true });
insist(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it scrolls sideways");
seen("fits a phone");

await flag.getByRole("button", { name: "Stop" }).click();
await flag.locator(".badge", { hasText: "stopped" }).waitFor();
seen("stops it");
await flag.locator(".default input").fill('{"steps": 3}');
await page.keyboard.press("Enter");
await page.getByText('is {"steps":3}').waitFor();
seen("changes a default");

const stored = await page.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length);
insist(stored === 0, "something was stored");
// The browser tells of every answer that is a refusal; those above were meant.
const unexpected = problems.filter((problem) => !/status of (401|422)/.test(problem));
insist(unexpected.length === 0, unexpected.join("\n"));
seen("stores nothing, asks nobody else, and breaks no policy");
await browser.close();
console.log(passed + " passed, 0 failed");
