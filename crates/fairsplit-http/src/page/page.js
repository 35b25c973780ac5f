"use strict";
// Everything is built by DOM calls, never from markup: what a flag is called cannot become code.
const API = "/api/v1";
const REFRESH_MS = 5000;
// The 97.5 % quantile of the normal distribution.
const Z = 1.959963984540054;

const $ = (id) => document.getElementById(id);
const stamp = (id) => $(id).content.firstElementChild.cloneNode(true);
const flags = new Map();
/** What flags share, by kind and id. */
const shared = { segments: new Map(), layers: new Map(), holdouts: new Map() };
let token = "";

class Refused extends Error {
  constructor(status, body) {
    super(body && body.error ? body.error : "The server answered " + status + ".");
    this.status = status;
    this.details = (body && body.details) || {};
  }
}

async function call(method, path, body) {
  const headers = {};
  if (token) headers.Authorization = "Bearer " + token;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(API + path, { method, headers, cache: "no-store", body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Refused(0, { error: "The server does not answer." });
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(response.status, answer);
  return answer.data;
}

function say(text, isBad) {
  const status = $("status");
  status.textContent = text;
  status.classList.toggle("bad", Boolean(isBad));
}

function complain(error) {
  if (!(error instanceof Refused)) throw error;
  if (error.status === 401) {
    document.querySelector("main").hidden = true;
    say(token ? "This token is not known here." : "A token is needed to look at this server.", Boolean(token));
    $("token").focus();
  } else if (error.status === 403) {
    say("This token does not allow that.", true);
  } else {
    say(error.message, true);
  }
}

/** JSON, or else the text itself: people write old, and mean "old". */
function value(text) {
  try { return JSON.parse(text); } catch { return text; }
}

function show(faults, error) {
  const lines = Object.entries(error.details).flatMap(([path, messages]) => messages.map((message) => (path ? path + ": " : "") + message));
  list(faults, lines.length ? lines : [error.message]);
}

/** Sends a form once, and shows what is wrong with it where it stands. */
function onSubmit(form, send) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector(":scope > button");
    const faults = form.querySelector(".faults");
    faults.replaceChildren();
    button.disabled = true;
    try {
      await send(new FormData(form));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.status === 401 || error.status === 403) complain(error);
      else show(faults, error);
    } finally {
      button.disabled = false;
    }
  });
}

/** Wilson's interval of a rate. */
function interval(converted, exposed) {
  const rate = converted / exposed;
  const square = Z * Z;
  const middle = (rate + square / (2 * exposed)) / (1 + square / exposed);
  const half = (Z / (1 + square / exposed)) * Math.sqrt((rate * (1 - rate)) / exposed + square / (4 * exposed * exposed));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

const percent = (share) => (100 * share).toFixed(share < 0.1 ? 2 : 1) + " %";
const count = (number) => number.toLocaleString("en");

const named = (kind, id) => (shared[kind].has(id) ? "“" + shared[kind].get(id).name + "”" : id);

/** A list of items that are texts. */
function list(root, texts) {
  root.replaceChildren(...texts.map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
}

function condition({ attribute, key, operator, value, negate, ignore_case }) {
  const asked = (attribute || key) + " " + operator.replaceAll("_", " ") + (value === undefined ? "" : " " + JSON.stringify(value)) + (ignore_case ? " in any case" : "");
  return negate ? "not (" + asked + ")" : asked;
}

function rule({ environment, enabled, segment_id, percentage, value, conditions }) {
  const all = [...(segment_id ? ["in " + named("segments", segment_id)] : []), ...conditions.map(condition)];
  return environment + ": " + JSON.stringify(value) + (percentage === null ? " for " : " for " + percentage + " % of ") + (all.length ? "users " + all.join(" and ") : "all users") + (enabled ? "" : " (not used)");
}

const segment = ({ name, match_type, rules }) => name + ": " + rules.map(condition).join(match_type === "any" ? " or " : " and ");

/** Who is in an experiment. */
function meant({ audience = {}, coverage = 100, bucket_by, layer, holdouts = true, held_out_by = [] }) {
  const all = [
    ...(audience.segments || []).map((id) => "in " + named("segments", id)),
    ...(audience.not_segments || []).map((id) => "not in " + named("segments", id)),
    ...(audience.conditions || []).map(condition),
  ];
  const parts = [(coverage === 100 ? "For " : "For " + coverage + " % of ") + (all.length ? "users " + all.join(" and ") : "all users")];
  if (bucket_by) parts.push("split by " + bucket_by);
  if (layer) parts.push("in layer " + named("layers", layer.id) + " from " + layer.ranges.map(({ from, to }) => from + " to " + to + " %").join(" and from "));
  if (!holdouts) parts.push("holdouts do not apply");
  else if (held_out_by.length) parts.push("without holdout " + held_out_by.map((id) => named("holdouts", id)).join(" and "));
  return parts.join("; ") + ".";
}

class ExperimentView {
  constructor(flag, experiment) {
    this.path = "/flags/" + flag.id + "/experiments/" + experiment.id;
    this.flag = flag;
    this.root = stamp("experiment");
    this.rows = experiment.variants.map((variant) => {
      const row = stamp("row");
      row.querySelector(".key").textContent = variant.key;
      row.querySelector(".value").textContent = JSON.stringify(variant.value);
      row.querySelector(".share").textContent = variant.percentage + " %";
      return row;
    });
    this.root.querySelector("tbody").append(...this.rows);
    for (const verb of ["start", "stop"]) {
      this.root.querySelector("." + verb).addEventListener("click", () => this.transition(verb));
    }
  }

  async transition(verb) {
    try {
      const experiment = await call("POST", this.path + "/" + verb);
      say("“" + experiment.name + "” is " + experiment.status + ".");
      await this.flag.load();
    } catch (error) {
      complain(error);
    }
  }

  update(experiment, counts, targeting) {
    const find = (name) => this.root.querySelector("." + name);
    find("name").textContent = experiment.name;
    const badge = find("badge");
    badge.textContent = experiment.status;
    badge.className = "badge " + experiment.status;
    const since = counts.since ? "since the start at " + counts.since : "never started";
    find("about").textContent = experiment.environment + ", " + since + ", " + experiment.id;
    find("meant").textContent = meant(targeting);
    find("start").hidden = !["draft", "stopped"].includes(experiment.status);
    find("stop").hidden = experiment.status !== "running";

    const intervals = counts.variants.map((variant) =>
      variant.exposures > 0 && variant.conversions <= variant.exposures ? interval(variant.conversions, variant.exposures) : null);
    // All bars of an experiment are drawn to one scale, which ends at a round figure.
    const highest = Math.max(0.01, ...intervals.filter(Boolean).map((ends) => ends[1]));
    const scale = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find((end) => end >= highest);
    find("scale").textContent = intervals.some(Boolean) ? "(0 to " + 100 * scale + " %)" : "";
    counts.variants.forEach((variant, at) => {
      const row = this.rows[at];
      row.querySelector(".exposures").textContent = count(variant.exposures);
      row.querySelector(".conversions").textContent = count(variant.conversions);
      const ends = intervals[at];
      const track = row.querySelector(".track");
      for (const part of track.children) part.hidden = !ends;
      if (!ends) {
        row.querySelector(".rate").textContent = "–";
        track.setAttribute("aria-label", "no rate");
        return;
      }
      const rate = variant.conversions / variant.exposures;
      row.querySelector(".rate").textContent = percent(rate);
      track.setAttribute("aria-label", percent(ends[0]) + " to " + percent(ends[1]));
      track.title = percent(ends[0]) + " to " + percent(ends[1]);
      const [box, point] = track.children;
      box.style.left = (100 * ends[0]) / scale + "%";
      box.style.width = (100 * (ends[1] - ends[0])) / scale + "%";
      point.style.left = (100 * rate) / scale + "%";
    });
    const excess = counts.variants.some((variant) => variant.conversions > variant.exposures);
    find("note").textContent = excess
      ? "More conversions than exposures: some users convert more than once, or are exposed elsewhere. No rate is shown for that."
      : "";
  }
}

class FlagView {
  constructor(flag) {
    this.id = flag.id;
    this.experiments = new Map();
    this.root = stamp("flag");
    this.input = this.root.querySelector(".default input");
    this.root.addEventListener("toggle", () => { if (this.root.open) this.load().catch(complain); });
    onSubmit(this.root.querySelector(".default"), async (data) => {
      const flag = await call("PATCH", "/flags/" + this.id, { default_value: value(data.get("default_value")) });
      this.shown = undefined;
      this.update(flag);
      say("The default of “" + flag.key + "” is " + JSON.stringify(flag.default_value) + ".");
    });
    this.form = this.root.querySelector(".new form");
    this.variants = this.form.querySelector(".variants");
    this.form.querySelector(".add").addEventListener("click", () => this.add().querySelector("input").focus());
    this.form.addEventListener("input", () => this.validate());
    this.fill();
    onSubmit(this.form, async (data) => {
      const experiment = await call("POST", "/flags/" + this.id + "/experiments", {
        name: data.get("name"), environment: data.get("environment"), variants: this.described(),
      });
      this.form.reset();
      this.fill();
      this.root.querySelector(".new").open = false;
      say("“" + experiment.name + "” is a draft.");
      await this.load();
    });
  }

  fill() {
    this.variants.replaceChildren();
    this.add("control", "", 50);
    this.add("treatment", "", 50);
  }

  add(key, text, percentage) {
    const row = stamp("variant");
    const [first, second, third] = row.querySelectorAll("input");
    first.value = key || "";
    second.value = text || "";
    third.value = percentage === undefined ? 0 : percentage;
    row.querySelector(".remove").addEventListener("click", () => { row.remove(); this.validate(); });
    this.variants.append(row);
    this.validate();
    return row;
  }

  described() {
    return [...this.variants.children].map((row) => {
      const [key, text, percentage] = [...row.querySelectorAll("input")].map((input) => input.value);
      return { key, value: value(text), percentage: Number(percentage) };
    });
  }

  /** Faults that can be found before sending; the server decides. */
  validate() {
    const rows = [...this.variants.children];
    const keys = rows.map((row) => row.querySelector("[name=key]").value.trim());
    rows.forEach((row, at) => {
      const isTwice = keys[at] !== "" && keys.indexOf(keys[at]) !== at;
      const input = row.querySelector("[name=key]");
      input.setAttribute("aria-invalid", String(isTwice));
      input.setCustomValidity(isTwice ? "Another variant has this key." : "");
    });
    const sum = rows.reduce((sum, row) => sum + Number(row.querySelector("[name=percentage]").value), 0);
    const output = this.form.querySelector(".sum");
    output.textContent = sum === 100 ? "100 %" : "These are " + sum + " %: they have to be 100 %.";
    output.classList.toggle("bad", sum !== 100);
    const last = rows.length && rows[rows.length - 1].querySelector("[name=percentage]");
    if (last) last.setCustomValidity(sum === 100 ? "" : "The percentages have to sum to 100.");
    for (const row of rows.slice(0, -1)) row.querySelector("[name=percentage]").setCustomValidity("");
  }

  update(flag) {
    this.key = flag.key;
    this.name = flag.name;
    this.root.querySelector(".name").textContent = flag.name;
    const key = this.root.querySelector(".key");
    key.textContent = flag.key;
    key.hidden = flag.key === flag.name;
    this.root.querySelector(".state").textContent = flag.archived ? "archived" : flag.enabled === false ? "disabled" : "";
    this.root.querySelector(".type").textContent = flag.flag_type ? "Its values are of the type " + flag.flag_type + "." : "";
    // Not while the operator types in it.
    const text = JSON.stringify(flag.default_value);
    if (this.shown !== text) this.input.value = text;
    this.shown = text;
  }

  async load() {
    const [experiments, rules] = await Promise.all(["experiments", "rules"].map((what) => call("GET", "/flags/" + this.id + "/" + what)));
    const ask = (what) => Promise.all(experiments.map((experiment) => call("GET", "/flags/" + this.id + "/experiments/" + experiment.id + "/" + what)));
    const [results, targeting] = await Promise.all(["results", "targeting"].map(ask));
    list(this.root.querySelector(".rules"), rules.map(rule));
    const running = experiments.filter((experiment) => experiment.status === "running").length;
    this.root.querySelector(".counts").textContent = experiments.length + (experiments.length === 1 ? " experiment" : " experiments") + (running ? ", " + running + " running" : "");
    const seen = new Set();
    experiments.forEach((experiment, at) => {
      seen.add(experiment.id);
      let view = this.experiments.get(experiment.id);
      if (!view) {
        view = new ExperimentView(this, experiment);
        this.experiments.set(experiment.id, view);
        this.root.querySelector(".experiments").append(view.root);
      }
      view.update(experiment, results[at].counts, targeting[at]);
    });
    for (const [id, view] of this.experiments) {
      if (!seen.has(id)) { view.root.remove(); this.experiments.delete(id); }
    }
  }
}

function filter() {
  const wanted = $("filter").value.trim().toLowerCase();
  let shown = 0;
  for (const view of flags.values()) {
    const isShown = (view.key + "\n" + view.name).toLowerCase().includes(wanted);
    view.root.hidden = !isShown;
    shown += isShown;
  }
  $("none").hidden = shown > 0 || flags.size === 0;
}

async function refresh() {
  const kinds = Object.keys(shared);
  const [all, ...known] = await Promise.all(["flags", ...kinds].map((kind) => call("GET", "/" + kind)));
  kinds.forEach((kind, at) => { shared[kind] = new Map(known[at].map((one) => [one.id, one])); });
  $("segments").hidden = shared.segments.size === 0;
  list($("segments").querySelector("ul"), [...shared.segments.values()].map(segment));
  document.querySelector("main").hidden = false;
  const seen = new Set();
  for (const flag of all) {
    seen.add(flag.id);
    let view = flags.get(flag.id);
    if (!view) {
      view = new FlagView(flag);
      flags.set(flag.id, view);
      $("flags").append(view.root);
    }
    view.update(flag);
  }
  for (const [id, view] of flags) {
    if (!seen.has(id)) { view.root.remove(); flags.delete(id); }
  }
  filter();
  await Promise.all([...flags.values()].filter((view) => view.root.open).map((view) => view.load()));
  return all.length;
}

async function begin() {
  try {
    const found = await refresh();
    say(found === 0 ? "There are no flags yet." : "");
  } catch (error) {
    complain(error);
  }
}

$("access").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  $("token").value = "";
  say("");
  begin();
});
$("filter").addEventListener("input", filter);
$("refresh").addEventListener("click", begin);
onSubmit(document.querySelector("#new-flag form"), async (data) => {
  const body = { key: data.get("key"), default_value: value(data.get("default_value")) };
  if (data.get("name")) body.name = data.get("name");
  const flag = await call("POST", "/flags", body);
  document.querySelector("#new-flag form").reset();
  $("new-flag").open = false;
  await refresh();
  flags.get(flag.id).root.open = true;
  say("“" + flag.key + "” is there.");
});
setInterval(() => {
  if ($("follow").checked && !document.hidden && !document.querySelector("main").hidden) refresh().catch(complain);
}, REFRESH_MS);
begin();
