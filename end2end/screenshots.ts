// Pictures of every page. `npm run screenshots` writes docs/overview.png; with SHOTS_DIR also a whole set into that directory.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { NewTopic } from "./fixtures/cluster.ts";
import { fillCreateForm, shownPlacement } from "./fixtures/topic-form.ts";
import { chip, expect, type Page, test } from "./fixtures/test.ts";

const DOCS = join(import.meta.dirname, "../docs");
const SHOTS = process.env.SHOTS_DIR;
const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
const THEMES = ["light", "dark"] as const;

const DAY = 86_400_000;
const TOPICS: NewTopic[] = [
  { name: "orders.placed", partitions: 24, configs: { "min.insync.replicas": "2", "retention.ms": `${30 * DAY}` } },
  { name: "orders.cancelled", partitions: 12, configs: { "min.insync.replicas": "2" } },
  { name: "payments.authorized", partitions: 18, configs: { "min.insync.replicas": "2", "deletion.protection": "true" } },
  { name: "payments.captured", partitions: 18, configs: { "min.insync.replicas": "2" } },
  { name: "customers.profile", partitions: 12, configs: { "cleanup.policy": "compact", "min.insync.replicas": "2" } },
  { name: "inventory.levels", partitions: 16, configs: { "cleanup.policy": "compact" } },
  { name: "inventory.movements", partitions: 16 },
  { name: "clickstream.raw", partitions: 48, replication_factor: 2, configs: { "retention.ms": `${DAY}` } },
  { name: "clickstream.sessions", partitions: 24, replication_factor: 2 },
  { name: "search.queries", partitions: 12, replication_factor: 2, configs: { "retention.ms": `${3 * DAY}` } },
  { name: "notifications.email", partitions: 6 },
  { name: "notifications.push", partitions: 6 },
  { name: "fraud.scores", partitions: 8, configs: { "min.insync.replicas": "2" } },
  { name: "audit.log", partitions: 3, configs: { "retention.ms": "-1", "min.insync.replicas": "2" } },
];

const PAGES: Record<string, { path: string; fill?: (page: Page) => Promise<unknown> }> = {
  overview: { path: "/" },
  topics: { path: "/topics" },
  "create-topic": {
    path: "/create-topic",
    fill: async (page) => {
      await fillCreateForm(page, { name: "shipments.tracking", partitions: 12, replicationFactor: 3 });
      await page.getByLabel("min.insync.replicas", { exact: true }).fill("2");
      await expect.poll(async () => (await shownPlacement(page)).length).toBe(12);
    },
  },
  "topic-partitions": { path: "/topics/orders.placed" },
  "topic-placement": { path: "/topics/orders.placed?tab=placement" },
  "topic-configuration": { path: "/topics/orders.placed?tab=configuration" },
  "topic-settings": { path: "/topics/orders.placed?tab=settings" },
  brokers: { path: "/brokers" },
  broker: { path: "/brokers/101" },
  quorum: { path: "/quorum" },
  operations: { path: "/operations?action=factor&target=clickstream.raw&value=3&more=" },
  "unknown-topic": { path: "/topics/orders.lost" },
};

async function shoot(page: Page, file: string): Promise<void> {
  // No picture of something halfway, and none of a pointer or a caret.
  await page.waitForTimeout(400);
  await page.screenshot({ path: file, caret: "hide" });
}

/** A page that is open already, in both themes and sizes. */
async function shootAll(page: Page, name: string): Promise<void> {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of THEMES) {
      await page.emulateMedia({ colorScheme });
      await shoot(page, join(SHOTS!, `${name}-${size}-${colorScheme}.png`));
    }
  }
}

test("screenshots", async ({ cluster, open, complaints }) => {
  complaints.nodesMayDie();
  complaints.pagesMayBeUnknown();
  for (const topic of TOPICS) await cluster.create({ replication_factor: 3, ...topic });
  await cluster.create({ name: "scratch.load-test", partitions: 12, replication_factor: 1 });
  await cluster.delete("scratch.load-test");
  const leader = await cluster.leader();
  const overview = await open(leader, "/");
  // The strips show the last minute: let it be a whole one.
  await overview.waitForTimeout(62_000);
  await cluster.create({ name: "fraud.alerts", partitions: 8, replication_factor: 3, configs: { "min.insync.replicas": "2" } });
  await overview.waitForTimeout(1_000);
  await shoot(overview, join(DOCS, "overview.png"));
  if (!SHOTS) return;

  mkdirSync(SHOTS, { recursive: true });
  for (const [name, { path, fill }] of Object.entries(PAGES)) {
    const page = await open(leader, path);
    await fill?.(page);
    await shootAll(page, name);
    await page.context().close();
  }

  await cluster.kill("broker-102");
  await expect(overview.getByRole("heading", { level: 1 })).toContainText("fenced", { timeout: 20_000 });
  // As long as the change still flashes, it is not the state that a person finds.
  await overview.waitForTimeout(5_000);
  await shootAll(overview, "overview-degraded");
  const topic = await open(leader, "/topics/orders.placed");
  await shootAll(topic, "topic-degraded");

  await cluster.kill(`node-${leader}`);
  await expect(chip(overview)).toContainText("Stale");
  await shootAll(overview, "overview-stale");
});
