// History: what was committed, found, viewed, compared and taken back, with JavaScript and without.
import { accessible, expect, live, noSidewaysScroll, type Page, test } from "../fixtures/test.ts";
import type { Cluster } from "../fixtures/cluster.ts";

const list = (page: Page) => page.getByRole("region", { name: "What was committed" });
const entries = (page: Page) => list(page).getByRole("row").filter({ has: page.getByRole("rowheader") });
const entry = (page: Page, text: string | RegExp) => entries(page).filter({ hasText: text });
const numbers = async (page: Page) => (await entries(page).getByRole("rowheader").allTextContents()).map((text) => Number(text.replace(/\D/g, "")));

async function configure(cluster: Cluster, topic: string, value: string): Promise<number> {
  const ops = [{ key: "retention.ms", op: "set", value }];
  return (await cluster.call<{ revision: number }>(1, "PATCH", `/topics/${topic}/configs`, { ops })).revision;
}

async function topic(cluster: Cluster, name: string, partitions = 2): Promise<void> {
  await cluster.topic(name).catch(() => cluster.create({ name, partitions, replication_factor: 2 }));
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with JavaScript" : "without JavaScript";
  const apply = async (page: Page) => {
    if (!javaScriptEnabled) await page.getByRole("button", { name: "Apply" }).click();
  };

  test(`${how}: entries are found by who asked, by kind, and by words`, async ({ cluster, open }) => {
    const name = `found-${javaScriptEnabled}`;
    await topic(cluster, name);
    await configure(cluster, name, "3600000");
    const page = await open(1, "/history", { javaScriptEnabled });
    await expect(entry(page, `${name} retention.ms set to 1 h`)).toHaveCount(1);
    await expect(entry(page, `${name} retention.ms set to 1 h`).locator(".diff")).toContainText(/retention\.ms 7 d.*1 h/);

    await page.getByRole("radio", { name: "Automatic" }).check({ force: true });
    await apply(page);
    await expect(page).toHaveURL(/by=automatic/);
    await expect(entry(page, name).filter({ hasText: "anonymous" })).toHaveCount(0);
    await expect(entry(page, /broker|controller/).first()).toBeVisible();

    await page.getByRole("radio", { name: "All" }).check({ force: true });
    await page.getByLabel("By whom").selectOption({ label: "anonymous" });
    await apply(page);
    await expect(page).toHaveURL(/who=user/);
    await expect(entry(page, `${name} retention.ms set to 1 h`)).toHaveCount(1);
    await expect(entry(page, "registered")).toHaveCount(0);

    await page.getByLabel("Filter entries").fill("retention");
    await page.getByLabel("Filter entries").press("Enter");
    await expect(page).toHaveURL(/search=retention/);
    await expect(entry(page, "created")).toHaveCount(0);
    await expect(entry(page, `${name} retention.ms`)).toHaveCount(1);

    await page.getByLabel("Filter entries").fill("no-such-thing");
    await page.getByLabel("Filter entries").press("Enter");
    await expect(page.getByRole("heading", { name: "No entry matches" })).toBeVisible();
    await page.getByRole("link", { name: "Clear filters" }).click();
    await expect(entry(page, `${name} retention.ms set to 1 h`)).toHaveCount(1);
  });

  test(`${how}: older entries follow, each once`, async ({ cluster, open }) => {
    const busy = `busy-${javaScriptEnabled}`;
    await topic(cluster, busy);
    for (let hours = 1; hours <= 60; hours++) await configure(cluster, busy, `${hours * 3_600_000}`);
    const page = await open(2, `/history?topic=${busy}`, { javaScriptEnabled });
    await expect(entries(page)).toHaveCount(50);
    const first = await numbers(page);
    expect(first).toEqual([...first].sort((one, other) => other - one));
    await page.getByRole("link", { name: "Older" }).click();
    await expect(page).toHaveURL(new RegExp(`before=${first.at(-1)}$`));
    await expect(entry(page, "created")).toHaveCount(1);
    const second = await numbers(page);
    expect(second[0]).toBeLessThan(first.at(-1)!);
    await page.getByRole("link", { name: "Newest" }).click();
    await expect.poll(() => numbers(page)).toEqual(first);
  });

  test(`${how}: a change of a configuration is undone, and not a second time`, async ({ cluster, open }) => {
    const name = `undone-${javaScriptEnabled}`;
    await topic(cluster, name);
    const at = await configure(cluster, name, "7200000");
    const page = await open(1, `/topics/${name}?tab=history`, { javaScriptEnabled });
    const undo = page.getByRole("link", { name: new RegExp(`^Undo #${at}`.replace(/(\d)(?=(\d{3})+$)/g, "$1.")) });
    await undo.click();
    const dialog = page.getByRole("dialog");
    await expect(dialog).toContainText(`${name} retention.ms set to 2 h`);
    await expect(dialog).toContainText("retention.ms goes back to its default.");
    if (javaScriptEnabled) await accessible(page, "the question");
    await dialog.getByRole("button", { name: /^Undo #/ }).click();
    await expect(entry(page, /which undoes #/)).toHaveCount(1);
    await expect(page.getByText(javaScriptEnabled ? /^Undid #.* at #/ : /^Committed at #/)).toBeVisible();
    expect((await cluster.topic(name)).topic).not.toMatchObject({ configs: { "retention.ms": "7200000" } });

    await page.goto(cluster.url(1, `/history?undo=${at}`));
    await expect(page.getByRole("dialog")).toContainText("It cannot be undone");
    await expect(page.getByRole("dialog")).toContainText(`Topic ${name} changed since index ${at}`);
    await expect(page.getByRole("dialog").getByRole("button", { name: /^Undo/ })).toHaveCount(0);
  });

  test(`${how}: a deleted topic is taken back under a new id, and what is lost is said`, async ({ cluster, open }) => {
    const name = `back-${javaScriptEnabled}`;
    await topic(cluster, name, 3);
    const before = (await cluster.topic(name)).topic as unknown as { id: string };
    await cluster.delete(name);
    const page = await open(3, `/history?search=${name}`, { javaScriptEnabled });
    await entry(page, "deleted").getByRole("link", { name: /^Undo #/ }).click();
    const dialog = page.getByRole("dialog");
    await expect(dialog).toContainText(`${name} is created again with 3 partitions`);
    await expect(dialog).toContainText("Its records are gone");
    await expect(dialog).toContainText("new topic id");
    await dialog.getByRole("button", { name: /^Undo #/ }).click();
    await expect(page.getByText(javaScriptEnabled ? /^Undid #.* at #/ : /^Committed at #/)).toBeVisible();
    const { topic: again } = await cluster.topic(name);
    expect(again.partitions).toHaveLength(3);
    expect((again as unknown as { id: string }).id).not.toBe(before.id);
  });

  test(`${how}: two entries are compared`, async ({ cluster, open }) => {
    const name = `compared-${javaScriptEnabled}`;
    const { revision: from } = await cluster.view(1);
    await topic(cluster, name, 4);
    const to = await configure(cluster, name, "3600000");
    const page = await open(1, "/history", { javaScriptEnabled });
    await page.getByLabel("Compare #").fill(`${from}`);
    await page.getByLabel("with #").fill(`${to}`);
    await page.getByRole("button", { name: "Compare" }).click();
    const card = page.getByRole("region", { name: /^From #/ });
    await expect(card).toContainText(/\d+ differences/);
    await expect(card.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) })).toContainText("retention.ms");
    await expect(card.getByRole("link", { name: `${name}-3` })).toBeVisible();
    await card.getByRole("link", { name: "Close" }).click();
    await expect(card).toHaveCount(0);
  });
}

test("what is committed comes in at the top by itself", async ({ cluster, open }) => {
  await topic(cluster, "lively");
  const page = await open(1, "/history?by=people");
  await page.evaluate(() => Object.assign(window, { same: true }));
  await configure(cluster, "lively", "10800000");
  await expect(entries(page).first()).toContainText("lively retention.ms set to 3 h");
  await expect(entry(page, "lively retention.ms set to 3 h")).toHaveCount(1);
  expect(await page.evaluate(() => (window as unknown as { same?: boolean }).same)).toBe(true);
});

test("the handle goes by keys, and the way to that entry goes with it", async ({ cluster, open }) => {
  await topic(cluster, "scrubbed");
  await configure(cluster, "scrubbed", "3600000");
  const page = await open(1, "/history");
  const slider = page.getByRole("slider", { name: "Log index" });
  const now = async () => Number(await slider.getAttribute("aria-valuenow"));
  const [least, most] = [Number(await slider.getAttribute("aria-valuemin")), Number(await slider.getAttribute("aria-valuemax"))];
  expect(await now()).toBe(most);
  await slider.focus();
  await page.keyboard.press("ArrowLeft");
  const before = await now();
  expect(before).toBeLessThan(most);
  const view = page.getByRole("link", { name: /^View cluster as of #/ }).filter({ hasText: "View" });
  await expect(view).toHaveAttribute("href", `/?as_of=${before}`);
  await page.keyboard.press("Home");
  expect(await now()).toBe(least);
  await page.keyboard.press("PageUp");
  expect(await now()).toBeGreaterThan(least);
  await page.keyboard.press("End");
  expect(await now()).toBe(Number(await slider.getAttribute("aria-valuemax")));
  await expect(entries(page).first().getByRole("link", { name: /^View cluster as of #/ })).toHaveAttribute("href", /\/\?as_of=\d+$/);
});

test("history is reached by keys, and from anywhere without a load", async ({ cluster, open }) => {
  await topic(cluster, "reached");
  const page = await open(2, "/brokers");
  await page.keyboard.press("g");
  await page.keyboard.press("h");
  await expect(page).toHaveURL(/\/history$/);
  await expect(entries(page).first()).toBeVisible();
  await page.keyboard.press("/");
  await expect(page.getByLabel("Filter entries")).toBeFocused();
  await page.goBack();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Brokers");
});

test("a fence offers its undo for a while, and the broker's page lists it", async ({ cluster, open }) => {
  const page = await open(1, "/brokers/103");
  await page.getByRole("button", { name: "Fence broker 103" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Fence broker 103" }).click();
  await expect(entry(page, "fenced by an operator").first()).toBeVisible();
  await page.locator(".toast").getByRole("link", { name: "Undo" }).click();
  await expect(page.getByRole("dialog")).toContainText("operator's fence of broker 103 is taken off");
  await page.getByRole("dialog").getByRole("button", { name: /^Undo #/ }).click();
  await expect(page.getByText(/^Undid #/)).toBeVisible();
  await cluster.healthy();
});

test("the page is accessible and fits on a phone, with a question and a comparison open", async ({ cluster, open }) => {
  await topic(cluster, "shown", 6);
  const at = await configure(cluster, "shown", "3600000");
  for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
    for (const path of ["/history", `/history?diff=1..${at}`, `/history?undo=${at}`, "/topics/shown?tab=history"]) {
      const page = await open(1, path, { viewport });
      await live(page);
      await accessible(page, `${path}, ${viewport.width} px`);
      await noSidewaysScroll(page, `${path}, ${viewport.width} px`);
      await page.close();
    }
  }
});
