import { type Cluster, NODES, type NodeId } from "../fixtures/cluster.ts";
import { accessible, chip, expect, live, noSidewaysScroll, nothingCollides, type Page, test } from "../fixtures/test.ts";

const SLOW = { timeout: 60_000 };
/** From how long on a silence is drawn as missed heartbeats. */
const MISSED_FROM_MS = 5_500;
const HEARTBEAT_MS = 2_000;

type Level = "ok" | "warn" | "crit";
/** A colour that only the icon of this level has. */
const ICONS: Record<Level, string> = { ok: "%233652d6", warn: "%23d98a00", crit: "%23d92d2d" };

interface Said {
  level: Level;
  headline: RegExp;
  title: RegExp;
  sidebar: RegExp;
  quorum: string;
}

/** Every surface of the overview says the same: headline, tint, sidebar, title and icon of the tab. */
async function says(page: Page, { level, headline, title, sidebar, quorum }: Said): Promise<void> {
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(headline, SLOW);
  await expect(page.locator(".verdict")).toHaveAttribute("data-level", level);
  await expect(page.locator(".cluster")).toHaveAttribute("data-level", level);
  await expect(page.locator(".cluster")).toContainText(sidebar);
  await expect(page).toHaveTitle(title);
  await expect.poll(() => page.locator("link[rel=icon]").getAttribute("href")).toContain(ICONS[level]);
  await expect(page.locator(".side").getByRole("link", { name: /^Quorum/ })).toContainText(quorum);
}

const FENCED: Said = { level: "warn", headline: /^Broker 103 is fenced: /, title: /^Degraded · Overview · Quorate$/, sidebar: /Degraded since/, quorum: "3 / 3" };

async function degraded(cluster: Cluster): Promise<void> {
  await cluster.topic("orders.placed").catch(() => cluster.create({ name: "orders.placed", partitions: 6, replication_factor: 3, configs: { "min.insync.replicas": "2" } }));
  await cluster.healthy();
  await cluster.fence(103);
}

test("verdict_is_the_worst_truth: with fewer and fewer controllers the headline speaks of them, and no longer of a fenced broker", async ({ cluster, open, complaints }) => {
  test.setTimeout(360_000);
  complaints.nodesMayDie();
  await degraded(cluster);
  const leader = await cluster.leader();
  // As a follower, which no leader tells any more who is there, and as the leader.
  for (const last of [NODES.find((id) => id !== leader)!, leader]) {
    await cluster.ready();
    const page = await open(last, "/");
    const [first, second] = NODES.filter((id) => id !== last) as [NodeId, NodeId];
    await says(page, FENCED);

    await cluster.kill(`node-${first}`);
    const atMinimum = {
      level: "warn" as const,
      headline: new RegExp(`^Controller ${first} is unreachable: one more failure stops all decisions$`),
      title: /^Controller down · /,
      sidebar: /Controller down/,
      quorum: "2 / 3",
    };
    await says(page, atMinimum);
    await expect(chip(page)).toContainText("Live");
    await expect(page.locator(".verdict p")).toContainText("Also: broker 103 is fenced");
    await expect(page.locator(".verdict").getByRole("link", { name: "Open quorum" })).toHaveAttribute("href", "/quorum");

    await cluster.kill(`node-${second}`);
    const lost = {
      level: "crit" as const,
      headline: new RegExp(`^Node ${last} reaches 1 of 3 controllers: nothing can be decided$`),
      title: /^No quorum · Overview · Quorate$/,
      sidebar: /No quorum since/,
      quorum: "1 / 3",
    };
    await says(page, lost);
    // It is stale, as everything else that it shows may be; the verdict is what it knows.
    await expect(chip(page)).toContainText("Stale");
    await expect(page.locator(".verdict p")).toContainText("Topics keep serving what they have");
    await expect(page.getByRole("alert")).toContainText("The node has no contact with its quorum.");
    await accessible(page, "without a quorum");

    // The same from the first paint on, and without JavaScript for ever.
    const bare = await open(last, "/", { javaScriptEnabled: false });
    await says(bare, lost);
    // Without JavaScript nothing that was preloaded is used, and Chromium says so after a while.
    await bare.close();
    const late = await page.context().newPage();
    complaints.watch(late);
    await late.goto(cluster.url(last, "/topics"));
    await expect(late).toHaveTitle(/^No quorum · Topics/);

    cluster.startNode(second);
    await live(page);
    await says(page, atMinimum);
    cluster.startNode(first);
    await says(page, FENCED);
  }
});

test("a page whose node is gone says what it knew last, and never that all is well", async ({ cluster, open, complaints }) => {
  complaints.nodesMayDie();
  await cluster.healthy();
  const page = await open(2, "/");
  const headline = page.getByRole("heading", { level: 1 });
  await expect(page.locator(".verdict")).toHaveAttribute("data-level", /ok|none/);
  const before = (await headline.textContent())!;
  await cluster.kill("node-2");
  await expect(headline).toHaveText(`Last known: ${before[0]!.toLowerCase()}${before.slice(1)}`, SLOW);
  await expect(page).toHaveTitle(/^Not live · Overview · Quorate$/);
  await expect(page.locator(".verdict")).toHaveAttribute("data-level", "warn");
  await expect(page.locator(".cluster")).toContainText("Not live since");
  await expect(page.locator(".verdict p")).toContainText("Node 2 is not heard any more, so this may have changed.");
  expect(await page.locator("link[rel=icon]").getAttribute("href")).toContain(ICONS.warn);
  cluster.startNode(2);
  await live(page);
  await expect(headline).toHaveText(before, SLOW);
  await expect(page).toHaveTitle("Overview · Quorate");
});

test("a node that stands still is not taken for one without its quorum", async ({ cluster, open, complaints }) => {
  complaints.nodesMayDie();
  const page = await open(2, "/");
  cluster.pause("node-2");
  await expect(page).toHaveTitle(/^Not live · /, SLOW);
  await expect(page.getByRole("alert")).not.toContainText("no contact with its quorum");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(/^Last known: /);
  cluster.resume("node-2");
  await live(page);
});

const SIZES = [1440, 1181, 1024, 390];
const FAR = "datacentre-eu-central-1-availability-zone-c-row-17";

/** A broker of this id in a rack with a long name: it registers, and is heard no more. */
async function farBroker(cluster: Cluster, id: number): Promise<void> {
  const endpoints = [{ name: "PLAINTEXT", host: `storage-with-a-rather-long-host-name-${id}.example.internal`, port: 9092 }];
  const body = { id, incarnation_id: crypto.randomUUID(), rack: FAR, endpoints };
  const { broker_epoch } = await cluster.call<{ broker_epoch: number }>(1, "POST", "/brokers", body);
  const beat = { broker_epoch, metadata_index: broker_epoch, want_fence: false, want_shut_down: false };
  await cluster.call(1, "POST", `/brokers/${id}/heartbeat`, beat);
}

test("long words and large numbers run into nothing, whatever the width, with a controller that is unreachable", async ({ cluster, open, complaints }) => {
  test.setTimeout(360_000);
  complaints.nodesMayDie();
  const brokers = [2_147_483_646, 2_147_483_647];
  const dead = NODES.find((id) => id !== 1)!;
  try {
    for (const id of brokers) await farBroker(cluster, id);
    await cluster.create({ name: "many", partitions: 1_200, replication_factor: 2 });
    await cluster.fence(101);
    await cluster.kill(`node-${dead}`);
    for (const path of ["/", "/brokers", `/brokers/${brokers[0]}`, "/quorum", "/topics"]) {
      const page = await open(1, path);
      await expect(page.locator(".side")).toContainText("2 / 3", SLOW);
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        for (const width of SIZES) {
          await page.setViewportSize({ width, height: 1_000 });
          await nothingCollides(page, `${path} at ${width}, ${colorScheme}`);
          await noSidewaysScroll(page, `${path} at ${width}, ${colorScheme}`);
        }
      }
    }
    await expect((await open(1, "/")).locator(".voter", { hasText: `Node ${dead}` })).toContainText(/unreachable.*no answer/);
  } finally {
    cluster.startNode(dead);
    await cluster.ready();
    await cluster.unfence(101);
    await cluster.delete("many");
    for (const id of brokers) await cluster.call(1, "DELETE", `/brokers/${id}`);
  }
});

/** The ticks of a strip: received and missed, and whether the newest one was received. */
async function ticks(page: Page, id: number): Promise<{ received: number; missed: number; newest: boolean }> {
  const strip = page.getByRole("img", { name: new RegExp(`^Heartbeats of broker ${id}\\b`) }).first();
  const drawn = async (kind: string) => (await strip.locator(`path.${kind}`).getAttribute("d")) ?? "";
  const [received, missed] = [await drawn("ok"), await drawn("miss")];
  const count = (path: string) => path.split("M").length - 1;
  return { received: count(received), missed: count(missed), newest: received.includes("M116 ") };
}

test("a strip begins at what was heard: nothing was missed before there was a broker", async ({ cluster, open }) => {
  const id = 104;
  const endpoints = [{ name: "PLAINTEXT", host: "127.0.0.1", port: 9092 }];
  const page = await open(1, "/brokers");
  await cluster.call(1, "POST", "/brokers", { id, incarnation_id: crypto.randomUUID(), rack: "d", endpoints });
  const began = Date.now();
  try {
    const strip = page.getByRole("img", { name: new RegExp(`^Heartbeats of broker ${id}\\b`) });
    await expect(strip).toBeVisible();
    // Registered and fenced, as every broker is before its first heartbeat: so far nothing is missed, and that is said.
    const first = { label: await strip.getAttribute("aria-label"), ...(await ticks(page, id)) };
    const early = Date.now() - began < MISSED_FROM_MS;
    if (early) expect(first).toEqual({ label: `Heartbeats of broker ${id}: none heard yet`, received: 0, missed: 0, newest: false });
    // After a while it is: an interval for each that has passed, and none for the time before.
    await expect.poll(async () => (await ticks(page, id)).missed, SLOW).toBeGreaterThan(1);
    const { received, missed } = await ticks(page, id);
    expect(received).toBe(0);
    expect(missed).toBeLessThanOrEqual(Math.ceil((Date.now() - began) / HEARTBEAT_MS) + 1);
    // A page that is painted only now knows no more.
    const late = await open(2, "/brokers");
    expect((await ticks(late, id)).missed).toBeLessThanOrEqual(Math.ceil((Date.now() - began) / HEARTBEAT_MS) + 1);
  } finally {
    await cluster.call(1, "DELETE", `/brokers/${id}`);
  }
});

test("another leader has not heard anybody yet: what was heard stays, and nothing is called missed that was not", async ({ cluster, open, complaints }) => {
  complaints.nodesMayDie();
  const leader = await cluster.leader();
  const stays = NODES.find((id) => id !== leader)!;
  await cluster.fence(102);
  const page = await open(stays, "/");
  // It is held by an operator and goes on sending: it is heard.
  await expect.poll(async () => (await ticks(page, 102)).newest, SLOW).toBe(true);
  const before = await Promise.all([101, 102, 103].map((id) => ticks(page, id)));
  const killed = Date.now();
  await cluster.kill(`node-${leader}`);
  const next = await cluster.leader();
  await expect(page.locator(".qhead")).toContainText(`leader ${next}`, SLOW);
  for (const [at, id] of [101, 102, 103].entries()) {
    await expect.poll(async () => (await ticks(page, id)).newest, { ...SLOW, message: `broker ${id} is heard by the new leader` }).toBe(true);
    const now = await ticks(page, id);
    // Only a machine that is so busy that nothing was heard for long has missed anything.
    const silentMs = Date.now() - killed;
    const missed = silentMs > MISSED_FROM_MS ? Math.ceil(silentMs / HEARTBEAT_MS) : 0;
    expect(now.missed, `broker ${id}`).toBeLessThanOrEqual(before[at]!.missed + missed);
    expect(now.received, `broker ${id}`).toBeGreaterThan(0);
  }
});
