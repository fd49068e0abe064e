import { createForm, fillCreateForm } from "../fixtures/topic-form.ts";
import { described, expect, row, test } from "../fixtures/test.ts";

const without = { javaScriptEnabled: false };

test("the first paint has real rows", async ({ cluster, open }) => {
  await cluster.create({ name: "painted", partitions: 3, replication_factor: 3 });
  const page = await open(2, "/topics", without);
  await expect(row(page, "painted")).toBeVisible();

  await page.getByRole("link", { name: "painted" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("painted");
  for (const partition of ["0", "1", "2"]) await expect(row(page, partition)).toContainText("3 of 3");

  await page.goto(cluster.url(2, "/brokers"));
  for (const id of [101, 102, 103]) await expect(row(page, `Broker ${id}`)).toContainText("Online");

  await page.goto(cluster.url(2, "/"));
  await expect(page.getByRole("heading", { level: 1 })).toContainText("in sync");
  await page.goto(cluster.url(2, "/quorum"));
  await expect(page.getByText("leader").filter({ visible: true }).first()).toBeVisible();

  // Nothing that needs JavaScript is offered.
  await expect(page.getByRole("button", { name: /theme/i })).toBeHidden();
  await expect(page.locator("body")).toHaveAttribute("data-revision", /^[1-9]\d*$/);
});

test("a topic is created, and a name that cannot be is refused beside its field", async ({ cluster, open }) => {
  const page = await open(1, "/topics", without);
  await page.getByRole("link", { name: /^Create (topic|the first topic)/ }).first().click();
  const form = createForm(page);
  await fillCreateForm(page, { name: "not a name", partitions: 5, replicationFactor: 2 });
  await form.submit.click();

  await expect(form.name).toHaveAttribute("aria-invalid", "true");
  await expect(await described(form.name)).toContainText(/a-z/i);
  // Nothing that was entered is lost.
  await expect(form.name).toHaveValue("not a name");
  await expect(form.partitions).toHaveValue("5");
  await expect(form.replicationFactor).toHaveValue("2");

  await form.name.fill("plain.form");
  await form.submit.click();
  await expect(page).toHaveURL(/\/topics\/plain\.form$/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("plain.form");
  const { topic } = await cluster.topic("plain.form");
  expect(topic.partitions.map(({ replicas }) => replicas.length)).toEqual([2, 2, 2, 2, 2]);

  // The same name again: only the leader can tell.
  await page.goto(cluster.url(1, "/create-topic"));
  await form.name.fill("plain.form");
  await form.submit.click();
  await expect(await described(form.name)).toContainText(/exists/i);
});

test("a topic is deleted, once its name is typed", async ({ cluster, open }) => {
  await cluster.create({ name: "to.go" });
  const page = await open(3, "/topics/to.go", without);
  await page.getByRole("link", { name: "Settings" }).click();
  const confirm = page.getByLabel("Type the topic's name").filter({ visible: true });
  const button = page.getByRole("button", { name: "Delete topic" });
  await confirm.fill("to.stay");
  await button.click();
  await expect(page.getByRole("alert").filter({ hasText: /\w/ })).toBeVisible();
  await cluster.topic("to.go");

  await confirm.fill("to.go");
  await button.click();
  await expect(page).toHaveURL(/\/topics$/);
  await expect(row(page, "to.go")).toBeHidden();
  await expect(cluster.topic("to.go")).rejects.toThrow("UNKNOWN_TOPIC_OR_PARTITION");
});

test("search and order are plain links and forms", async ({ cluster, open }) => {
  for (const name of ["search.a", "search.b", "other"]) await cluster.create({ name });
  const page = await open(1, "/topics", without);
  await page.getByLabel("Search topics").fill("search.");
  await page.getByLabel("Search topics").press("Enter");
  await expect(row(page, "search.a")).toBeVisible();
  await expect(row(page, "search.b")).toBeVisible();
  await expect(row(page, "other")).toBeHidden();
  await page.getByRole("columnheader", { name: "Name" }).getByRole("button").click();
  await expect(page.getByRole("columnheader", { name: "Name" })).toHaveAttribute("aria-sort", /ascending|descending/);
});
