import { createForm } from "../fixtures/topic-form.ts";
import { accessible, chip, expect, live, noSidewaysScroll, nothingCollides, type Page, revisionOf, row, test, wholePast } from "../fixtures/test.ts";

const PHONE = { width: 390, height: 844 };

/** What the cluster went through: the index of each change. */
interface Story {
  created: number;
  fenced: number;
  back: number;
  second: number;
  /** Right before the second topic came, in milliseconds. */
  betweenMs: number;
}

let story: Story;

test.beforeEach(async ({ cluster }) => {
  if (story) return;
  const { revision: created } = await cluster.create({ name: "past.first", partitions: 6, replication_factor: 3 });
  const { revision: fenced } = await cluster.fence(103);
  await cluster.unfence(103);
  await cluster.healthy();
  const { revision: back } = await cluster.view(1);
  const betweenMs = Date.now();
  // The next change is of a later millisecond.
  while (Date.now() === betweenMs);
  const { revision: second } = await cluster.create({ name: "past.second", partitions: 2, replication_factor: 2 });
  story = { created, fenced, back, second, betweenMs };
});

const banner = (page: Page) => page.getByRole("region", { name: "Past" });
const step = (page: Page, name: "Previous change" | "Next change" | "Back to live") => banner(page).getByRole("link", { name });
const grouped = (index: number) => String(index).replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** Does what leads to another point in time, and waits until that is there. */
async function travels(page: Page, how: () => Promise<void>): Promise<void> {
  const there = wholePast(page);
  await how();
  await there;
}

async function shows(page: Page, index: number): Promise<void> {
  await expect(page).toHaveURL((url) => url.searchParams.get("as_of") === String(index));
  await expect(banner(page)).toContainText(`Cluster as of #${grouped(index)}`);
  await expect(chip(page)).toContainText(`#${grouped(index)}`);
  await expect(page.locator("body")).toHaveAttribute("data-connection", "as-of");
}

test("an address shows the cluster as of an index, on every page, and leads within it", async ({ open }) => {
  const page = await open(2, `/?as_of=${story.fenced}`);
  await shows(page, story.fenced);
  await expect(page).toHaveTitle(`As of #${grouped(story.fenced)} · Overview · Quorate`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Broker 103");
  await expect(page.getByRole("main")).not.toContainText("past.second");
  await page.evaluate(() => Object.assign(window, { neverReloaded: true }));
  const navigation = page.getByRole("navigation", { name: "Main" }).filter({ visible: true });
  await navigation.getByRole("link", { name: /^Brokers/ }).click();
  await expect(row(page, "Broker 103")).toContainText("held by an operator");
  await shows(page, story.fenced);
  await row(page, "Broker 103").getByRole("link", { name: "Broker 103" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Broker 103");
  await shows(page, story.fenced);
  await navigation.getByRole("link", { name: /^Topics/ }).click();
  await expect(row(page, "past.first")).toBeVisible();
  await expect(page.getByRole("main")).not.toContainText("past.second");
  await page.getByLabel("Search topics").fill("past");
  await expect(page).toHaveURL((url) => url.searchParams.get("search") === "past");
  await shows(page, story.fenced);
  await page.getByRole("link", { name: "past.first" }).click();
  await page.getByRole("link", { name: "Placement" }).click();
  await shows(page, story.fenced);
  await navigation.getByRole("link", { name: /^Quorum/ }).click();
  await expect(row(page, "Node 3")).toContainText("voter");
  await page.keyboard.press("g");
  await page.keyboard.press("o");
  await expect(page).toHaveURL((url) => url.pathname === "/");
  await shows(page, story.fenced);
  expect(await page.evaluate(() => "neverReloaded" in window)).toBe(true);
});

/** Marks the document, and counts the whole states that it asks for. */
async function marked(page: Page): Promise<{ isTheSame: () => Promise<boolean>; states: () => number }> {
  let states = 0;
  page.on("request", (request) => /\/api\/v1\/state/.test(request.url()) && states++);
  await page.evaluate(() => Object.assign(window, { sameDocument: true }));
  return { isTheSame: () => page.evaluate(() => "sameDocument" in window), states: () => states };
}

test("steps lead to the changes before and after, with the keys too, and the way back to live", async ({ open }) => {
  const page = await open(1, `/topics?search=past&as_of=${story.second}`);
  const document = await marked(page);
  await expect(row(page, "past.second")).toBeVisible();
  await step(page, "Previous change").click();
  await expect(row(page, "past.second")).toBeHidden();
  await expect(row(page, "past.first")).toBeVisible();
  const before = await revisionOf(page);
  expect(before).toBeLessThan(story.second);
  await shows(page, before);
  // Nothing else of the address is lost.
  await expect(page).toHaveURL((url) => url.searchParams.get("search") === "past");
  await page.keyboard.press("]");
  await shows(page, story.second);
  await expect(row(page, "past.second")).toBeVisible();
  await page.keyboard.press("[");
  await shows(page, before);
  await page.goBack();
  await shows(page, story.second);
  await expect(row(page, "past.second")).toBeVisible();
  await page.goForward();
  await shows(page, before);
  await expect(row(page, "past.second")).toBeHidden();
  // After Back and Forward a step has an address too, also one to where the page has been.
  await page.goBack();
  await shows(page, story.second);
  await page.goForward();
  await shows(page, before);
  await page.keyboard.press("]");
  await shows(page, story.second);
  await page.goBack();
  await shows(page, before);
  expect(await document.isTheSame()).toBe(true);
  await step(page, "Back to live").click();
  await live(page);
  await expect(page).toHaveURL((url) => url.pathname === "/topics" && !url.searchParams.has("as_of"));
  await expect(banner(page)).toBeHidden();
});

test("steps are taken within the document: forwards by the commit alone, backwards to what was shown", async ({ open }) => {
  const page = await open(2, `/?as_of=${story.created}`);
  const document = await marked(page);
  const next = step(page, "Next change");
  await next.focus();
  let revision = story.created;
  const passed = [revision];
  while (revision < story.second) {
    await page.keyboard.press("Enter");
    await expect.poll(() => revisionOf(page), { message: `a step from ${revision}` }).toBeGreaterThan(revision);
    revision = await revisionOf(page);
    passed.push(revision);
    await shows(page, revision);
    // The banner is another one by now, and the hand still on the step.
    if (revision < story.second) await expect(next).toBeFocused();
    if (revision === story.fenced) {
      await expect(page.getByRole("heading", { level: 1 })).toContainText("Broker 103");
      await expect(page).toHaveTitle(`As of #${grouped(revision)} · Overview · Quorate`);
    }
  }
  expect(revision).toBe(story.second);
  await expect(page.getByRole("main")).toContainText("past.second");
  expect(document.states(), "states that were asked for on the way forwards").toBe(0);
  for (const earlier of passed.toReversed().slice(1)) {
    await page.keyboard.press("[");
    await shows(page, earlier);
  }
  await expect(page.getByRole("main")).not.toContainText("past.second");
  expect(document.states(), "states that were asked for on the way back").toBe(0);
  // What was never shown is asked for, once.
  await page.keyboard.press("[");
  await expect.poll(() => revisionOf(page)).toBeLessThan(story.created);
  await shows(page, await revisionOf(page));
  expect(document.states()).toBe(1);
  await page.keyboard.press("]");
  await shows(page, story.created);
  // Every link leads on from where the page is by now.
  const links = await page.locator("aside a, nav a, main a").evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).href));
  const within = links.filter((href) => !/\/(accounts?|audit|sign-out|set-up)\b|#main$/.test(href));
  expect(within.length).toBeGreaterThan(8);
  const outside = within.filter((href) => !href.includes(`as_of=${story.created}`));
  expect(outside.filter((href) => href.includes("as_of=")).length, "only the banner's own steps lead elsewhere").toBe(2);
  await page.getByRole("navigation", { name: "Main" }).filter({ visible: true }).getByRole("link", { name: /^Topics/ }).click();
  await expect(row(page, "past.first")).toBeVisible();
  await shows(page, story.created);
  await step(page, "Next change").click();
  await expect.poll(() => revisionOf(page)).toBeGreaterThan(story.created);
  await page.goBack();
  await shows(page, story.created);
  await page.goBack();
  await expect(page).toHaveURL((url) => url.pathname === "/");
  await shows(page, story.created);
  expect(await document.isTheSame()).toBe(true);
});

test("what a page shows may not have been there yet, and may come with a step", async ({ open, complaints }) => {
  complaints.pagesMayBeUnknown();
  const page = await open(3, `/topics/past.second?as_of=${story.second}`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("past.second");
  const document = await marked(page);
  await step(page, "Previous change").click();
  await expect(page.getByRole("main")).toContainText("no topic named past.second");
  await shows(page, await revisionOf(page));
  await accessible(page, "a topic that was not there yet");
  await step(page, "Next change").click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("past.second");
  expect(await document.isTheSame()).toBe(true);
  // Where a step cannot be taken here, the browser follows its link.
  await page.route(/step_to/, (route) => route.abort());
  complaints.callsMayFail();
  await travels(page, () => step(page, "Previous change").click());
  await expect(page.getByRole("main")).toContainText("no topic named past.second");
  expect(await document.isTheSame()).toBe(false);
});

test("the history as of an index ends there, on its page, a topic's and a broker's", async ({ open }) => {
  for (const path of ["/history", "/topics/past.first?tab=history", "/brokers/103", "/history?since=1h&by=automatic"]) {
    const page = await open(1, `${path}${path.includes("?") ? "&" : "?"}as_of=${story.back}`);
    const entries = page.locator("table.hist tbody tr th");
    const indexes = async () => (await entries.allTextContents()).map((text) => Number(text.replace(/\D/g, "")));
    await expect(entries.first()).toBeVisible();
    for (const index of await indexes()) expect(index, path).toBeLessThanOrEqual(story.back);
    expect(await page.locator("tr .ibtn[href*='undo=']").count(), `${path}: what could be undone`).toBe(0);
    await page.close();
  }
  const page = await open(2, `/history?as_of=${story.back}`);
  const document = await marked(page);
  // The log goes on; what came later than the page is dimmed.
  const handle = page.getByRole("slider", { name: "Log index" });
  await expect(handle).toHaveAttribute("aria-valuenow", String(story.back));
  expect(Number(await handle.getAttribute("aria-valuemax"))).toBeGreaterThanOrEqual(story.second);
  await expect(page.locator(".scrub-later")).toBeVisible();
  await expect(page.locator(".page-head .actions a"), "the page is as of there already").toHaveCount(0);
  while ((await revisionOf(page)) < story.second) {
    const before = await revisionOf(page);
    await page.keyboard.press("]");
    await expect.poll(() => revisionOf(page)).toBeGreaterThan(before);
  }
  await shows(page, story.second);
  await expect(row(page, `#${grouped(story.second)}`)).toContainText("past.second");
  await page.keyboard.press("[");
  await expect(row(page, `#${grouped(story.second)}`)).toBeHidden();
  expect(await document.isTheSame()).toBe(true);
});

test("steps on a phone, with what was typed, scrolled and chosen", async ({ open }) => {
  const page = await open(1, `/topics?as_of=${story.second}`, { viewport: PHONE });
  await page.getByLabel("Search topics").fill("past");
  await expect(page).toHaveURL((url) => url.searchParams.get("search") === "past");
  await step(page, "Previous change").click();
  await expect(row(page, "past.second")).toBeHidden();
  await expect(page.getByLabel("Search topics")).toHaveValue("past");
  await expect(page).toHaveURL((url) => url.searchParams.get("search") === "past");
  await shows(page, await revisionOf(page));
  await noSidewaysScroll(page, "after a step");
  await accessible(page, "after a step");
});

test("nothing can be done, and every action says why", async ({ open }) => {
  const why = `This is the cluster as of #${grouped(story.second)}.`;
  const page = await open(1, `/create-topic?as_of=${story.second}`);
  await expect(createForm(page).submit).toBeDisabled();
  await expect(page.getByText(why).first()).toBeVisible();
  await createForm(page).name.fill("never");
  await createForm(page).name.press("Enter");
  for (const [path, name] of [
    ["/brokers/101", "Fence broker 101"],
    ["/topics/past.first?tab=settings", "Delete topic"],
    ["/operations", "Show what it would do"],
    ["/operations", "Let controller 1 lead"],
    ["/operations?action=drain&target=101", "Remove controller 1"],
  ] as const) {
    await travels(page, () => page.goto(new URL(`${path}${path.includes("?") ? "&" : "?"}as_of=${story.second}`, page.url()).href).then(() => {}));
    const all = page.getByRole("main").getByRole("button", { name: name.startsWith("Let") ? /^Let/ : name });
    for (const button of await all.all()) await expect(button).toBeDisabled();
    expect(await all.count(), name).toBeGreaterThanOrEqual(name.startsWith("Let") ? 0 : 1);
    expect(await page.locator("form[method=post] button:enabled").count(), `${path}: enabled`).toBe(0);
    await expect(page.getByText(why).or(page.locator(`[title="${why}"]`)).first()).toBeAttached();
  }
});

test("a time leads to the index that stood then", async ({ open }) => {
  const page = await open(3, `/topics?as_of=${story.betweenMs}`);
  const index = await revisionOf(page);
  expect(index).toBeLessThan(story.second);
  expect(index).toBeGreaterThanOrEqual(story.back);
  await shows(page, index);
  await expect(row(page, "past.second")).toBeHidden();
  const at = new Date(story.betweenMs).toISOString();
  await travels(page, () => page.goto(new URL(`/brokers?as_of=${at}`, page.url()).href).then(() => {}));
  await shows(page, index);
});

test("what is not kept, not yet or no point in time is said, and no other state is shown for it", async ({ open, complaints, cluster }) => {
  complaints.pastMayBeMissing();
  const page = await open(1, "/");
  for (const [asOf, status, title] of [
    ["999999", 400, /is still to come/],
    ["2001-01-01T00:00:00Z", 404, /Nothing is kept/],
    ["2999-01-01T00:00:00Z", 400, /Not yet/],
    ["yesterday", 400, /no point in time/],
  ] as const) {
    const answer = await page.goto(cluster.url(1, `/topics?as_of=${asOf}&search=past`));
    expect(answer!.status(), asOf).toBe(status);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(title);
    await expect(page.getByRole("alert")).toContainText("This node keeps what was from the first change to #");
    await expect(page.getByText("past.first")).toBeHidden();
    await accessible(page, asOf);
  }
  await page.getByRole("link", { name: "Back to live" }).click();
  await live(page);
  await expect(page).toHaveURL((url) => url.pathname === "/topics" && url.search === "?search=past");
  // What a browser would take for another host leads nowhere else.
  const led = await page.request.get(cluster.url(1, `//elsewhere.example/?as_of=${story.betweenMs}`), { maxRedirects: 0 });
  expect([led.status(), led.headers().location?.replace(/\d+$/, "N")]).toEqual([303, "/?as_of=N"]);
});

test("it reads the same without JavaScript", async ({ open, complaints }) => {
  // Before it was created there is no page of the topic.
  complaints.pagesMayBeUnknown();
  const page = await open(2, `/?as_of=${story.created}`, { javaScriptEnabled: false });
  await shows(page, story.created);
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: /^Topics/ }).filter({ visible: true }).click();
  await shows(page, story.created);
  await expect(row(page, "past.first")).toBeVisible();
  await page.getByLabel("Search topics").fill("past.f");
  await page.getByLabel("Search topics").press("Enter");
  await shows(page, story.created);
  await page.getByRole("columnheader", { name: "Name" }).getByRole("button").click();
  await shows(page, story.created);
  await page.getByRole("link", { name: "past.first" }).click();
  await shows(page, story.created);
  await step(page, "Previous change").click();
  await expect(page.getByRole("main")).toContainText(`no topic named past.first`);
  await page.goto(new URL(`/brokers/101?as_of=${story.created}`, page.url()).href);
  for (const button of await page.locator("form[method=post] button").all()) await expect(button).toBeDisabled();
  await step(page, "Back to live").click();
  await expect(page).toHaveURL((url) => url.pathname === "/brokers/101" && url.search === "");
  await expect(chip(page)).not.toContainText("As of");
});

test("it looks as it should in both themes and on a phone", async ({ open }) => {
  for (const path of ["/", "/topics", "/topics/past.first", "/topics/past.first?tab=settings", "/brokers", "/brokers/103", "/quorum", "/operations", "/create-topic", "/history", "/topics/past.first?tab=history"]) {
    const page = await open(1, `${path}${path.includes("?") ? "&" : "?"}as_of=${story.second}`);
    const frame = await page.evaluate(() => getComputedStyle(document.body, "::after").borderTopWidth);
    expect(frame, path).toBe("4px");
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await accessible(page, `${path}, ${colorScheme}`);
    }
    await nothingCollides(page, path);
    await page.setViewportSize(PHONE);
    await noSidewaysScroll(page, path);
    await accessible(page, `${path}, phone`);
    await page.close();
  }
});

test("a live page stays live while others look back, and a link leads from it into the past", async ({ open, cluster }) => {
  const page = await open(1, "/topics");
  await expect(banner(page)).toBeHidden();
  // As a page of the history links to it: another document, though the router would take it.
  await page.evaluate((index) => document.querySelector("main h1")!.insertAdjacentHTML("afterend", `<a href="/brokers?as_of=${index}">then</a>`), story.fenced);
  await travels(page, () => page.getByRole("link", { name: "then" }).click());
  await shows(page, story.fenced);
  await expect(row(page, "Broker 103")).toContainText("held by an operator");
  // What is committed meanwhile changes nothing of it.
  await cluster.create({ name: "past.later" });
  await page.goBack();
  await live(page);
  await expect(row(page, "past.later")).toBeVisible();
});
