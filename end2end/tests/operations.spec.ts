// What is asked of the whole cluster: each action says first what it would do, with JavaScript and without.
import type { NodeId } from "../fixtures/cluster.ts";
import { accessible, expect, noSidewaysScroll, type Page, test } from "../fixtures/test.ts";

const show = "Show what it would do";

async function confirm(page: Page): Promise<void> {
  const card = page.getByRole("region", { name: "What it would do" });
  await expect(card).toBeVisible();
  await card.getByRole("button", { name: "Do it" }).click();
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with JavaScript" : "without JavaScript";

  test(`${how}: a replication factor is changed after it was shown what that moves`, async ({ cluster, open }) => {
    const topic = `factor-${javaScriptEnabled}`;
    await cluster.create({ name: topic, partitions: 2, replication_factor: 2 });
    const page = await open(1, "/operations", { javaScriptEnabled });
    const form = page.getByRole("form", { name: "Change a replication factor" });
    await form.getByLabel("Topic").fill(topic);
    await form.getByLabel("Replicas").fill("3");
    await form.getByRole("button", { name: show }).click();
    await expect(page.getByRole("heading", { name: `Keep 3 replicas of each partition of ${topic}?` })).toBeVisible();
    await expect(page.getByText("2 partitions change, of which 2 copy data.")).toBeVisible();
    await confirm(page);
    await expect(page.getByRole("status").filter({ hasText: "Committed at #" })).toBeVisible();
    await expect.poll(async () => (await cluster.topic(topic)).topic.partitions.map(({ isr }) => isr.length)).toEqual([3, 3]);
  });

  test(`${how}: a setting is set and put back`, async ({ open }) => {
    const page = await open(2, "/operations", { javaScriptEnabled });
    await page.getByLabel("New value of cluster.name").fill("staging");
    await page.getByRole("button", { name: "Set cluster.name" }).click();
    await expect(page.getByRole("heading", { name: "Set cluster.name to staging?" })).toBeVisible();
    await confirm(page);
    await expect(page.getByRole("row", { name: /cluster\.name/ }).getByText("staging", { exact: true })).toBeVisible();
    await page.getByRole("button", { name: "Back to the default of cluster.name" }).click();
    await confirm(page);
    await expect(page.getByRole("row", { name: /cluster\.name/ }).getByText("staging", { exact: true })).toHaveCount(0);
  });

  test(`${how}: what would be refused says why before anything is asked`, async ({ open }) => {
    const page = await open(3, "/operations", { javaScriptEnabled });
    const form = page.getByRole("form", { name: "Drain a broker" });
    await form.getByLabel("Broker").fill("4242");
    await form.getByRole("button", { name: show }).click();
    await expect(page.getByRole("alert").filter({ hasText: "Broker 4242 is not registered" })).toBeVisible();
    await expect(page.getByRole("button", { name: "Do it" })).toHaveCount(0);
  });

  test(`${how}: the leadership goes to another controller`, async ({ cluster, open }) => {
    const leader = await cluster.leader();
    const heir: NodeId = leader === 1 ? 2 : 1;
    const page = await open(leader, "/operations", { javaScriptEnabled });
    await page.getByRole("button", { name: `Let lead controller ${heir}` }).click();
    await expect(page.getByRole("heading", { name: `Let controller ${heir} lead?` })).toBeVisible();
    await confirm(page);
    await expect(page.getByRole("status").filter({ hasText: "Committed at #" })).toBeVisible();
    expect(await cluster.leader()).toBe(heir);
  });
}

test("the page is accessible and fits on a phone, with moves and a question open", async ({ cluster, open }) => {
  await cluster.create({ name: "shown", partitions: 6, replication_factor: 1 });
  for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
    const page = await open(1, "/operations?action=factor&target=shown&value=2&more=", { viewport });
    await expect(page.getByRole("heading", { name: "Keep 2 replicas of each partition of shown?" })).toBeVisible();
    await accessible(page, `${viewport.width} px`);
    await noSidewaysScroll(page, `${viewport.width} px`);
  }
});
