import { NODES } from "../fixtures/cluster.ts";
import { Proxy } from "../fixtures/proxy.ts";
import { accessible, chip, expect, live, noSidewaysScroll, type Page, row, staleness, test, watchForStale } from "../fixtures/test.ts";

const NOTE = "refuses WebSockets: this page follows by an event stream";

/** The page counts its frames by itself: reloading would begin anew. */
async function neverReloaded(page: Page): Promise<void> {
  expect(await page.evaluate(() => "neverReloaded" in window)).toBe(true);
}

test.describe("no_websocket", () => {
  for (const [how, prepare] of Object.entries<(page: Page, proxy: Proxy) => Promise<unknown>>({
    "a proxy refuses the upgrade": async (_, proxy) => (proxy.sockets = false),
    "the browser has none": (page) => page.addInitScript(() => Object.defineProperty(globalThis, "WebSocket", { value: () => { throw new Error("blocked"); } })),
  })) {
    test(`${how}: the page says so and follows by an event stream`, async ({ browser, cluster, complaints }) => {
      complaints.nodesMayDie();
      const proxy = await Proxy.before(cluster.url(1, "/"));
      const context = await browser.newContext();
      const page = await context.newPage();
      complaints.watch(page);
      await prepare(page, proxy);
      await page.goto(`${proxy.origin}/topics`);
      await live(page);
      await expect(chip(page)).toContainText(NOTE);
      await page.evaluate(() => Object.assign(window, { neverReloaded: true }));
      const name = `by.stream.${how.length}`;
      await cluster.create({ name, partitions: 3 });
      await expect(row(page, name)).toBeVisible();
      await accessible(page, "by event stream");
      await page.setViewportSize({ width: 390, height: 844 });
      await noSidewaysScroll(page, "by event stream, on a phone");
      await page.setViewportSize({ width: 1440, height: 900 });

      // Cut, it resumes where it was and has missed nothing.
      proxy.cut();
      await cluster.create({ name: `${name}.cut` });
      await expect(row(page, `${name}.cut`)).toBeVisible();
      await live(page);
      await cluster.delete(name);
      await expect(row(page, name)).toBeHidden();
      await neverReloaded(page);
      // The same commits make the same state.
      await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: /^Quorum/ }).filter({ visible: true }).click();
      await expect(page.getByText(/^equal at #/)).toHaveCount(NODES.length);
      await context.close();
      await proxy.stop();
    });
  }

  test("once the upgrade works it is taken again, and the page stays live meanwhile", async ({ browser, cluster, complaints }) => {
    complaints.nodesMayDie();
    const proxy = await Proxy.before(cluster.url(2, "/"));
    const page = await browser.newPage();
    complaints.watch(page);
    proxy.sockets = false;
    await page.goto(`${proxy.origin}/brokers`);
    await live(page);
    await expect(chip(page)).toContainText(NOTE);
    await watchForStale(page);
    proxy.sockets = true;
    await expect(chip(page)).not.toContainText(NOTE, { timeout: 90_000 });
    const { revision } = await cluster.create({ name: "by.socket.again" });
    await expect.poll(async () => Number(await page.locator("body").getAttribute("data-revision"))).toBeGreaterThanOrEqual(revision);
    const { staleAt, lateMs } = await staleness(page);
    expect(staleAt === 0 || lateMs > 1_000, `stale, with timers ${lateMs} ms late`).toBe(true);
    await expect(chip(page)).toContainText("Live");
    await page.close();
    await proxy.stop();
  });

  test("where neither gets through the page is stale and says why", async ({ browser, cluster, complaints }) => {
    complaints.nodesMayDie();
    complaints.filesMayBeGone();
    const proxy = await Proxy.before(cluster.url(3, "/"));
    const page = await browser.newPage();
    [proxy.sockets, proxy.streams] = [false, false];
    await page.goto(`${proxy.origin}/topics`);
    const banner = page.getByRole("alert").filter({ hasText: "Not live" });
    await expect(banner).toContainText("neither a WebSocket nor an event stream opens");
    await expect(chip(page)).toContainText("Stale");
    [proxy.sockets, proxy.streams] = [true, true];
    await live(page);
    await expect(banner).toBeHidden();
    // A node that is gone is another reason.
    await proxy.stop();
    await expect(banner).toContainText("The node does not answer");
    await page.close();
  });
});
