import { createForm, deleteDialog, fillCreateForm, tab } from "../fixtures/topic-form.ts";
import { chip, expect, reaches, revisionOf, row, test } from "../fixtures/test.ts";

test("a topic created on one node appears on another node's page without a reload, and leaves it again", async ({ open }) => {
  const [here, there] = [await open(1, "/create-topic"), await open(2, "/topics")];
  await there.evaluate(() => Object.assign(window, { neverReloaded: true }));

  await fillCreateForm(here, { name: "orders.placed", partitions: 6, replicationFactor: 3 });
  await createForm(here).submit.click();
  await expect(here).toHaveURL(/\/topics\/orders\.placed$/);
  await expect(here.getByRole("heading", { level: 1 })).toHaveText("orders.placed");
  await expect(row(there, "orders.placed")).toBeVisible();

  await tab(here, "Settings").click();
  await here.getByRole("button", { name: "Delete topic" }).click();
  const { dialog, confirm, submit } = deleteDialog(here);
  await expect(submit).toBeDisabled();
  await confirm.fill("orders.placed");
  await submit.click();
  await expect(dialog).toBeHidden();
  await expect(here).toHaveURL(/\/topics$/);
  await expect(row(here, "orders.placed")).toBeHidden();
  await expect(row(there, "orders.placed")).toBeHidden();
  expect(await there.evaluate(() => "neverReloaded" in window)).toBe(true);
});

test("body[data-revision] follows every commit, on every node", async ({ cluster, open }) => {
  const pages = [await open(1, "/"), await open(2, "/brokers"), await open(3, "/create-topic")];
  for (const name of ["revision.a", "revision.b"]) {
    const { revision } = await cluster.create({ name });
    for (const page of pages) await reaches(page, revision);
  }
  const { revision } = await cluster.delete("revision.a");
  for (const page of pages) {
    await reaches(page, revision);
    // Nothing else commits meanwhile, so all show the same.
    expect(await revisionOf(page)).toBe(revision);
    await expect(chip(page)).toContainText("Live");
  }
});

test("the change list, the counts and an open topic page follow the feed", async ({ cluster, open }) => {
  await cluster.create({ name: "audit.log", partitions: 2 });
  const [overview, topic] = [await open(1, "/"), await open(2, "/topics/audit.log")];
  const topics = overview.getByRole("navigation").getByRole("link", { name: /^Topics/ }).first();
  const before = Number((await topics.innerText()).match(/\d+/)![0]);

  await cluster.create({ name: "audit.trail" }, 3);
  await expect(topics).toContainText(`${before + 1}`);
  await expect(overview.getByRole("listitem").filter({ hasText: "audit.trail" })).toBeVisible();

  await cluster.delete("audit.log", 3);
  await expect(topic.getByRole("alert").filter({ hasText: "audit.log is deleted" })).toBeVisible();
});
