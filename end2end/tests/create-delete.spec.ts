import { createForm, deleteDialog, fillCreateForm, placementOf, shownPlacement, tab } from "../fixtures/topic-form.ts";
import { described, expect, type Locator, type Page, row, test } from "../fixtures/test.ts";

test("what the preview shows is what is committed", async ({ cluster, open }) => {
  const page = await open(1, "/create-topic");
  await fillCreateForm(page, { name: "payments.captured", partitions: 12, replicationFactor: 2 });
  await expect.poll(async () => (await shownPlacement(page)).length).toBe(12);
  const shown = await shownPlacement(page);
  await createForm(page).submit.click();
  await expect(page).toHaveURL(/\/topics\/payments\.captured$/);

  const { topic } = await cluster.topic("payments.captured");
  expect(placementOf(topic.partitions)).toEqual(shown);
  await tab(page, "Placement").click();
  expect(await shownPlacement(page)).toEqual(shown);
});

test("a preview that the cluster has overtaken is refused, shown anew, and then created as shown", async ({ cluster, open }) => {
  const page = await open(2, "/create-topic");
  await fillCreateForm(page, { name: "overtaken", partitions: 6, replicationFactor: 2 });
  await expect.poll(async () => (await shownPlacement(page)).length).toBe(6);
  const outdated = await shownPlacement(page);
  // The broker goes between the click and the leader.
  await page.route("**/_fn/create_topic*", async (route) => {
    await cluster.fence(102);
    await route.continue();
  }, { times: 1 });
  await createForm(page).submit.click();

  await expect(page.getByRole("alert").filter({ hasText: "Nothing was created" })).toBeVisible();
  await expect.poll(() => shownPlacement(page)).not.toEqual(outdated);
  const shown = await shownPlacement(page);
  expect(shown.flatMap(({ replicas }) => replicas)).not.toContain(102);
  await expect(cluster.topic("overtaken")).rejects.toThrow("UNKNOWN_TOPIC_OR_PARTITION");

  await createForm(page).submit.click();
  await expect(page).toHaveURL(/\/topics\/overtaken$/);
  expect(placementOf((await cluster.topic("overtaken")).topic.partitions)).toEqual(shown);
});

test("what cannot be created is said beside its field, before anything is sent", async ({ cluster, open }) => {
  await cluster.create({ name: "taken.already" });
  const page = await open(3, "/create-topic");
  const form = createForm(page);
  const refuses = async (field: Locator, text: string, words: RegExp) => {
    await field.fill(text);
    await expect(await described(field)).toContainText(words);
    await expect(field).toHaveAttribute("aria-invalid", "true");
  };
  await refuses(form.name, "no spaces", /a-z/i);
  await refuses(form.name, "taken.already", /exists/);
  await refuses(form.name, "taken_already", /collides/i);
  await form.name.fill("good");
  await expect(form.name).not.toHaveAttribute("aria-invalid", "true");
  await refuses(form.partitions, "0", /at least one/);
  await refuses(form.replicationFactor, "4", /brokers, 3/);

  await form.submit.click();
  await expect(form.partitions).toBeFocused();
  await expect(page).toHaveURL(/\/create-topic$/);
  await expect(cluster.topic("good")).rejects.toThrow("UNKNOWN_TOPIC_OR_PARTITION");
});

test("configuration that is entered is committed", async ({ cluster, open }) => {
  const page = await open(1, "/create-topic");
  await fillCreateForm(page, { name: "configured", partitions: 1, replicationFactor: 3 });
  await page.getByLabel("min.insync.replicas", { exact: true }).fill("2");
  await page.getByLabel("retention.ms", { exact: true }).fill("36 h");
  await createForm(page).submit.click();
  await expect(page).toHaveURL(/\/topics\/configured$/);
  const { topic } = await cluster.topic("configured");
  expect(topic.configs).toEqual({ "min.insync.replicas": "2", "retention.ms": `${36 * 3_600_000}` });
  await tab(page, "Configuration").click();
  await expect(row(page, "min.insync.replicas")).toContainText("2");
});

/** Presses Tab until the element has the focus. */
async function tabTo(page: Page, element: Locator): Promise<void> {
  await expect(element).toBeVisible();
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press("Tab");
    if (await element.evaluate((node) => node === document.activeElement)) return;
  }
  throw new Error(`Tab does not reach ${element}`);
}

test("a topic is created and deleted with keys alone, and the focus returns from every dialog", async ({ cluster, open }) => {
  const page = await open(1, "/topics");
  const keys = page.keyboard;
  await keys.press("c");
  const form = createForm(page);
  await expect(form.name).toBeFocused();
  await keys.type("by.keys");
  await tabTo(page, form.partitions);
  await keys.type("4");
  await tabTo(page, form.replicationFactor);
  await keys.type("2");
  await keys.press("Enter");
  await expect(page).toHaveURL(/\/topics\/by\.keys$/);
  expect((await cluster.topic("by.keys")).topic.partitions.map(({ replicas }) => replicas.length)).toEqual([2, 2, 2, 2]);

  await tabTo(page, tab(page, "Settings"));
  await keys.press("Enter");
  const button = page.getByRole("button", { name: "Delete topic" });
  await tabTo(page, button);
  await keys.press("Enter");
  const { dialog, confirm, submit } = deleteDialog(page);
  await expect(dialog).toBeVisible();
  // The harmless way out comes first.
  await expect(dialog.getByRole("button", { name: "Cancel" })).toBeFocused();
  await keys.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(button).toBeFocused();

  await keys.press("Enter");
  await tabTo(page, confirm);
  await keys.type("by.keys");
  await tabTo(page, submit);
  await keys.press("Enter");
  await expect(page).toHaveURL(/\/topics$/);
  await expect(cluster.topic("by.keys")).rejects.toThrow("UNKNOWN_TOPIC_OR_PARTITION");
});

test("Escape leaves the form and closes the list of keys; letters typed in a field are no keys", async ({ open }) => {
  const page = await open(2, "/topics");
  const keys = page.keyboard;
  await keys.press("?");
  const help = page.getByRole("dialog");
  await expect(help).toBeVisible();
  await keys.press("Escape");
  await expect(help).toBeHidden();

  await keys.press("g");
  await keys.press("b");
  await expect(page).toHaveURL(/\/brokers$/);
  await keys.press("c");
  await expect(createForm(page).name).toBeFocused();
  await keys.type("cgb/?");
  await expect(createForm(page).name).toHaveValue("cgb/?");
  await keys.press("Escape");
  await expect(page).toHaveURL(/\/topics$/);
});
