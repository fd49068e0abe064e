import { chip, expect, live, test } from "../fixtures/test.ts";

test("a page is alive before what it does not show has come", async ({ browser, cluster, complaints }) => {
  const page = await browser.newPage();
  complaints.watch(page);
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const packs: string[] = [];
  await page.route(/\.pack$/, async (route) => {
    const pack = route.request().url().split(".").at(-2) ?? "";
    packs.push(pack);
    if (pack === "later") await released;
    await route.continue();
  });
  await page.goto(cluster.url(1, "/quorum"));
  const theme = page.getByRole("button", { name: /theme$/ });
  const before = await theme.getAttribute("aria-label");
  await expect(async () => {
    await theme.click();
    expect(await theme.getAttribute("aria-label")).not.toBe(before);
  }).toPass();
  await expect(chip(page)).toContainText("Connecting");
  // The page's own, and the one that is held up; those of other pages come after it.
  expect(new Set(packs)).toEqual(new Set(["brokers", "later"]));
  // A dialog that was asked for too early comes when it can.
  await page.getByRole("button", { name: /^Keys/ }).click();
  release();
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await live(page);
  const all = ["broker", "brokers", "create_topic", "history", "later", "operations", "overview", "topic", "topics"];
  await expect.poll(() => [...new Set(packs)].sort()).toEqual(all);
  await page.close();
});

test("a page whose pack is gone is loaded as if its address were typed", async ({ browser, cluster, complaints }) => {
  complaints.filesMayBeGone();
  const page = await browser.newPage();
  complaints.watch(page);
  let gone = true;
  await page.route(/\.topics\.pack$/, (route) => (gone ? route.fulfill({ status: 404 }) : route.continue()));
  await page.goto(cluster.url(1, "/"));
  await live(page);
  page.on("request", (request) => {
    if (request.isNavigationRequest()) gone = false;
  });
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: /^Topics/ }).filter({ visible: true }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Topics");
  await live(page);
  expect(gone).toBe(false);
  await page.close();
});

test("paths that are written unusually come alive too", async ({ open, complaints }) => {
  complaints.pagesMayBeUnknown();
  for (const path of ["/topics/", "/topics//", "//brokers", "/brokers/x", "/brokers//", "/quorum/", "/topics/a%2Fb"]) await open(1, path);
});
