import { BROKERS, Cluster } from "../fixtures/cluster.ts";
import { accessible, expect, live, noSidewaysScroll, type Page, row, test as base } from "../fixtures/test.ts";

// A cluster that nobody has joined yet; its storage services start within the test.
const test = base.extend<{}, { clusterFor: (file: string) => Promise<Cluster> }>({
  clusterFor: [
    async ({}, use) => {
      const cluster = await Cluster.start({ brokers: [] });
      await use(async () => cluster);
      await cluster.stop();
    },
    { scope: "worker" },
  ],
  cluster: async ({ clusterFor }, use, info) => use(await clusterFor(info.file)),
});

const PATHS = ["/", "/topics", "/create-topic", "/brokers", "/quorum"];

async function looksRight(page: Page, what: string): Promise<void> {
  await expect(page.getByRole("heading", { level: 1 })).toHaveCount(1);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await accessible(page, `${what}, ${colorScheme}`);
  }
  await page.setViewportSize({ width: 390, height: 844 });
  await noSidewaysScroll(page, what);
  await page.setViewportSize({ width: 1440, height: 900 });
}

test("an empty cluster says what to do next, and fills without a reload", async ({ cluster, open }) => {
  test.setTimeout(300_000);
  const page = await open(1, "/");
  const [overview, brokers, topics] = [await open(2, "/"), await open(2, "/brokers"), await open(3, "/topics")];
  for (const path of PATHS) {
    await page.goto(cluster.url(1, path));
    await live(page);
    await looksRight(page, `no brokers: ${path}`);
  }
  // The command that starts the first broker is there to copy.
  await expect(brokers.getByText(/quorate storage --id/)).toBeVisible();
  await expect(overview.getByText(/quorate storage --id/)).toBeVisible();
  await expect(topics.getByRole("link", { name: /Create topic/ })).toHaveCount(0);

  BROKERS.forEach((id) => cluster.startBroker(id));
  for (const id of BROKERS) await expect(row(brokers, `Broker ${id}`)).toContainText("Online");
  await expect(overview.getByRole("heading", { level: 1 })).toContainText("nothing is stored yet");
  await expect(topics.getByRole("link", { name: /Create topic/ }).first()).toBeVisible();
  for (const path of PATHS) {
    await page.goto(cluster.url(1, path));
    await live(page);
    await looksRight(page, `no topics: ${path}`);
  }

  await cluster.create({ name: "the.first" });
  await expect(row(topics, "the.first")).toBeVisible();
});
