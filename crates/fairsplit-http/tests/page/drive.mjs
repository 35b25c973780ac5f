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

// Who is meant, in words: of the flag, of another experiment, and of what they share.
const json = (method, what, body) => fetch(base + "/api/v1" + what, { method, headers, body: JSON.stringify(body) }).then((answer) => answer.json()).then((answer) => { insist(answer.data, what + ": " + JSON.stringify(answer)); return answer.data; });
const staff = await json("POST", "/segments", { name: "Staff <i>", match_type: "any", rules: [{ key: "email", operator: "ends_with", value: "@example.com" }, { key: "staff", operator: "is_set" }] });
const layer = await json("POST", "/layers", { name: "checkout", bucket_by: "company_id" });
await json("POST", "/flags/" + id + "/rules", { value: "new", segment_id: staff.id, percentage: 12.5, conditions: [{ attribute: "plan", operator: "in", value: ["beta"], negate: true }] });
await json("POST", "/flags/" + id + "/rules", { environment: "staging", value: "old", enabled: false });
await json("PATCH", "/flags/" + id, { flag_type: "string", enabled: false });
const next = await json("POST", "/flags/" + id + "/experiments", { name: "Next test", environment: "staging", variants: [{ key: "only", value: "x", percentage: 100 }] });
const targeting = "/flags/" + id + "/experiments/" + next.id + "/targeting";
await json("PUT", targeting, { audience: { conditions: [{ attribute: "country", operator: "equals", value: "DE" }], not_segments: [staff.id] }, coverage: 1.5, bucket_by: "company_id", layer: { id: layer.id, ranges: [{ from: 0, to: 30 }, { from: 50, to: 60 }] }, holdouts: false });
await flag.getByText("production: \"new\" for 12.5 % of users in “Staff <i>” and not (plan in [\"beta\"])", { exact: true }).waitFor();
await flag.getByText("staging: \"old\" for all users (not used)", { exact: true }).waitFor();
await flag.locator(".state", { hasText: "disabled" }).waitFor();
await flag.getByText("Its values are of the type string.").waitFor();
seen("shows a flag's rules in words, its type, and that it is disabled");
await flag.getByText("For all users.", { exact: true }).waitFor();
await flag.getByText("For 1.5 % of users not in “Staff <i>” and country equals \"DE\"; split by company_id; in layer “checkout” from 0 to 30 % and from 50 to 60 %; holdouts do not apply.", { exact: true }).waitFor();
await json("POST", "/holdouts", { name: "2026", percentage: 5 });
await json("PUT", targeting, { coverage: 1.5 });
await post("/experiments/" + next.id + "/start", {});
await flag.getByText("For 1.5 % of all users; without holdout “2026”.", { exact: true }).waitFor();
await post("/experiments/" + next.id + "/stop", {});
seen("shows audience, coverage, unit, layer and holdouts of an experiment in words");
await page.click("#segments > summary");
await page.locator("#segments li").getByText("Staff <i>: email ends with \"@example.com\" or staff is set", { exact: true }).waitFor();
seen("lists segments in words");

await page.screenshot({ path: folder + "/light.png", fullPage: true });
await page.emulateMedia({ colorScheme: "dark" });
await page.screenshot({ path: folder + "/dark.png", fullPage: true });
await page.setViewportSize({ width: 360, height: 740 });
await page.screenshot({ path: folder + "/phone.png", fullPage: true });
insist(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it scrolls sideways");
seen("fits a phone");

const first = flag.locator(".experiment", { hasText: "Banner test" });
await first.getByRole("button", { name: "Stop" }).click();
await first.locator(".badge", { hasText: "stopped" }).waitFor();
seen("stops it");
await json("PATCH", "/flags/" + id, { flag_type: null, enabled: true });
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
