import { BROKERS, type Cluster, NODES } from "../fixtures/cluster.ts";
import { accessible, chip, expect, live, type Page, reaches, revisionOf, row, staleness, test, watchForStale } from "../fixtures/test.ts";

const SLOW = { timeout: 60_000 };

/** What the contract allows before a node without its quorum says so, and a second for measuring it. */
const STALE_MS = 3_000;
const MEASURED_MS = 1_000;

test("a killed broker is fenced, its leaders move, the verdict says so, and all is well again when it returns", async ({ cluster, open }) => {
  await cluster.create({ name: "critical.data", partitions: 6, replication_factor: 3, configs: { "min.insync.replicas": "2" } });
  const [overview, brokers, topic] = [await open(1, "/"), await open(2, "/brokers"), await open(3, "/topics/critical.data")];
  const led = topic.getByRole("row").getByRole("link", { name: "Broker 102", exact: true });
  const verdict = overview.getByRole("heading", { level: 1 });
  await expect(led).not.toHaveCount(0);
  await expect(verdict).toContainText("in sync");
  await expect(row(brokers, "Broker 102")).toContainText("Online");

  await cluster.kill("broker-102");
  await expect(row(brokers, "Broker 102")).toContainText("Fenced", SLOW);
  await expect(led).toHaveCount(0);
  for (const partition of ["0", "1", "2", "3", "4", "5"]) await expect(row(topic, partition)).toContainText("2 of 3");
  await expect(verdict).toContainText("Broker 102 is fenced");
  await expect(overview).toHaveTitle(/^Degraded/);
  for (const page of [overview, brokers, topic]) {
    await expect(chip(page)).toContainText("Live");
    await accessible(page, `degraded ${page.url()}`);
    await page.emulateMedia({ colorScheme: "dark" });
    await accessible(page, `degraded ${page.url()}, dark`);
  }

  cluster.startBroker(102);
  await expect(row(brokers, "Broker 102")).toContainText("Online", SLOW);
  for (const partition of ["0", "1", "2", "3", "4", "5"]) await expect(row(topic, partition)).toContainText("3 of 3", SLOW);
  await expect(verdict).toContainText("in sync");
  await expect(overview).not.toHaveTitle(/Degraded/);
});

/** Quorum, reached within the page so that its replica is the one that lived through it all: all digests are one. */
async function expectSameDigests(page: Page, cluster: Cluster): Promise<void> {
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: /^Quorum/ }).filter({ visible: true }).click();
  await expect(page).toHaveURL(/\/quorum$/);
  await expect(page.getByText(/^equal at #/)).toHaveCount(NODES.length);
  await expect(page.getByText(/^differs at #/)).toHaveCount(0);
  const { digest } = await cluster.digest(1, await revisionOf(page));
  const shown = () => page.getByRole("table").locator("code[title]").evaluateAll((codes) => codes.map((code) => code.getAttribute("title")));
  await expect(row(page, "This browser").locator("code[title]")).toHaveAttribute("title", digest);
  await expect.poll(shown).toEqual([digest, digest, digest, digest]);
}

test("a page on a killed leader says that it is stale; the others go on; it comes back by itself and has missed nothing", async ({ cluster, open, complaints }) => {
  complaints.nodesMayDie();
  await cluster.create({ name: "before.the.kill" });
  const leader = await cluster.leader();
  const others = NODES.filter((id) => id !== leader);
  const [page, form] = [await open(leader, "/topics"), await open(leader, "/create-topic")];
  const elsewhere = await Promise.all(others.map((id) => open(id, "/topics")));
  await page.evaluate(() => Object.assign(window, { neverReloaded: true }));

  await cluster.kill(`node-${leader}`);
  await expect(chip(page)).toContainText("Stale");
  await expect(page.getByRole("alert").filter({ hasText: "Not live" })).toBeVisible();
  // Nothing is asked of a cluster whose state is not known.
  await expect(form.getByRole("button", { name: "Create topic" })).toBeDisabled();
  await accessible(page, "stale");

  const missed = ["missed.one", "missed.two", "missed.three"];
  await cluster.leader();
  for (const name of missed) await cluster.create({ name, partitions: 3 });
  await cluster.delete("before.the.kill");
  for (const other of elsewhere) {
    for (const name of missed) await expect(row(other, name)).toBeVisible();
    await expect(chip(other)).toContainText("Live");
  }
  await expect(row(page, "missed.one")).toBeHidden();
  await expect(chip(page)).toContainText("Stale");

  cluster.startNode(leader);
  await live(page);
  await expect(page.getByRole("alert").filter({ hasText: "Not live" })).toBeHidden();
  for (const name of missed) await expect(row(page, name)).toBeVisible();
  await expect(row(page, "before.the.kill")).toBeHidden();
  expect(await page.evaluate(() => "neverReloaded" in window)).toBe(true);
  await expectSameDigests(page, cluster);
});

test("a node without its quorum says so, though it still answers", async ({ cluster, open, complaints }) => {
  complaints.nodesMayDie();
  const last = 1;
  const page = await open(last, "/brokers");
  await cluster.kill("node-2");
  await cluster.kill("node-3");
  await expect(chip(page)).toContainText("Stale", SLOW);

  // A page that is loaded only now must not look live for a moment either.
  const late = await page.context().newPage();
  complaints.watch(late);
  await late.goto(cluster.url(last, "/brokers"));
  await expect(late.locator("body")).toHaveAttribute("data-connection", "stale");
  for (const id of BROKERS) await expect(row(late, `Broker ${id}`)).toBeVisible();

  cluster.startNode(2);
  cluster.startNode(3);
  for (const each of [page, late]) await live(each);
});

test("cut_off_node_is_stale: a page on a node whose peers stand still says so within three seconds, and is live again when they go on", async ({ cluster, open, complaints }) => {
  complaints.nodesMayDie();
  const leader = await cluster.leader();
  // As a follower, then as the leader: either loses its quorum.
  for (const alone of [NODES.find((id) => id !== leader)!, leader]) {
    await cluster.ready();
    const page = await open(alone, "/topics");
    const others = NODES.filter((id) => id !== alone);
    await watchForStale(page);
    const cut = Date.now();
    others.forEach((id) => cluster.pause(`node-${id}`));
    await expect(chip(page)).toContainText("Stale", SLOW);
    const { staleAt, lateMs } = await staleness(page);
    test.info().annotations.push({ type: "stale", description: `on node ${alone} after ${staleAt - cut} ms` });
    expect(staleAt - cut, `timers were ${lateMs} ms late`).toBeLessThanOrEqual(STALE_MS + MEASURED_MS + lateMs);
    await expect(page.getByRole("alert").filter({ hasText: "Not live" })).toBeVisible();
    others.forEach((id) => cluster.resume(`node-${id}`));
    await live(page);
    await expect(page.getByRole("alert").filter({ hasText: "Not live" })).toBeHidden();
  }
});

test("divergence_is_caught: one flipped bit in this browser's replica is found at that commit, never shown, and mended from the node", async ({ cluster, open, complaints }) => {
  complaints.replicaMayBeDropped();
  const taken: string[] = [];
  let flipped = 0;
  const page = await open(2, "/topics", {}, async (page) => {
    page.on("console", (message) => taken.push(message.text()));
    await page.routeWebSocket(/\/feed/, (client) => {
      const server = client.connectToServer();
      server.onMessage((message) => {
        const frame = typeof message === "string" ? Buffer.from(message) : message;
        const at = frame.indexOf("flip.me");
        if (at >= 0 && flipped === 0) {
          flipped += 1;
          // "flip.md": as good a name as the right one, so that nothing but the digest can tell.
          for (let each = at; each >= 0; each = frame.indexOf("flip.me", each)) frame[each + 6]! ^= 1;
        }
        client.send(message);
      });
    });
  });
  await page.evaluate(() => {
    Object.assign(window, { sawWrong: false });
    new MutationObserver(() => {
      if (document.body.innerText.includes("flip.md")) Object.assign(window, { sawWrong: true });
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  const { revision } = await cluster.create({ name: "flip.me" });
  await expect(row(page, "flip.me")).toBeVisible();
  await reaches(page, revision);
  await live(page);
  expect(flipped).toBe(1);
  expect(taken.filter((text) => text.includes(`at index ${revision} the digest is`))).toHaveLength(1);
  expect(await page.evaluate(() => (window as unknown as { sawWrong: boolean }).sawWrong)).toBe(false);

  // The new replica follows as the old one did.
  await cluster.create({ name: "flip.next" });
  await expect(row(page, "flip.next")).toBeVisible();
  await cluster.delete("flip.me");
  await expect(row(page, "flip.me")).toBeHidden();
});
