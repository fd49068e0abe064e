import { deleteDialog } from "../fixtures/topic-form.ts";
import { accessible, expect, hears, live, noSidewaysScroll, type Page, stoodStill, test } from "../fixtures/test.ts";

const PHONE = { width: 390, height: 844 };
const LONG = "a-topic-with-a-rather-long-name.that-nobody-would-type-by-hand.but-a-generator-does.v2";

const PAGES: Record<string, string> = {
  overview: "/",
  topics: "/topics",
  "topics, filtered": "/topics?search=nothing-like-this",
  "create topic": "/create-topic",
  "topic, partitions": "/topics/orders.placed",
  "topic, placement": "/topics/orders.placed?tab=placement",
  "topic, configuration": "/topics/orders.placed?tab=configuration",
  "topic, history": "/topics/orders.placed?tab=history",
  "topic, settings": "/topics/orders.placed?tab=settings",
  "topic with a long name": `/topics/${LONG}`,
  "topic, many partitions": "/topics/clickstream.raw?tab=placement",
  "unknown topic": "/topics/never.created",
  brokers: "/brokers",
  broker: "/brokers/101",
  "unknown broker": "/brokers/999",
  quorum: "/quorum",
  history: "/history",
  "history, filtered": "/history?by=people&since=1h",
  operations: "/operations",
  "operations, a question": "/operations?action=drain&target=101&more=",
  "unknown page": "/nowhere",
};

test.beforeEach(async ({ cluster }) => {
  const wanted = [
    { name: "orders.placed", partitions: 12, replication_factor: 3, configs: { "min.insync.replicas": "2", "cleanup.policy": "compact" } },
    { name: "clickstream.raw", partitions: 64, replication_factor: 2 },
    { name: LONG, partitions: 1, replication_factor: 1 },
  ];
  for (const topic of wanted) await cluster.topic(topic.name).catch(() => cluster.create(topic));
});

/** In either theme and on a phone: accessible, and not wider than the window. */
async function looksRight(page: Page, what: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await accessible(page, `${what}, ${colorScheme}`);
  }
  await page.setViewportSize(PHONE);
  await noSidewaysScroll(page, what);
  await accessible(page, `${what}, phone`);
}

for (const [what, path] of Object.entries(PAGES)) {
  test(`${what}: comes alive without moving, is accessible in both themes, fits a phone`, async ({ open, complaints }) => {
    if (/unknown/.test(what)) complaints.pagesMayBeUnknown();
    const page = await open(1, path);
    await expect(page.getByRole("heading", { level: 1 })).toHaveCount(1);
    await expect(page.getByRole("main")).toHaveCount(1);
    // The first pulses and commits after coming alive belong to it too.
    await hears(page, 4);
    await stoodStill(page);
    await looksRight(page, what);
  });
}

// A long table may be drawn before its rows have come (docs/adr/0014-first-paint-budget.md): nothing may move when they do.
for (const topic of ["orders.placed", "clickstream.raw"]) {
  test(`the head of the matrix of ${topic} alone is as wide as with its rows`, async ({ open }) => {
    const page = await open(1, `/topics/${topic}?tab=placement`, { javaScriptEnabled: false });
    const widths = async () => page.locator(".mx thead th").evaluateAll((heads) => heads.map((head) => head.getBoundingClientRect().width));
    const whole = await widths();
    await page.locator(".mx tbody").evaluateAll((bodies) => bodies.forEach((body) => body.remove()));
    expect(await widths()).toEqual(whole);
  });
}

test("dialogs and mistakes are accessible too", async ({ open }) => {
  const page = await open(1, "/topics/orders.placed?tab=settings");
  await page.getByRole("button", { name: "Delete topic" }).click();
  await expect(deleteDialog(page).dialog).toBeVisible();
  await looksRight(page, "delete dialog");
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeVisible();
  await looksRight(page, "list of keys");
  await page.keyboard.press("Escape");
  await page.goto(new URL("/create-topic?name=a%20b&partitions=0&replication_factor=9", page.url()).href);
  await live(page);
  await looksRight(page, "mistakes in the form");
});

test("the navigation leads everywhere, and says where one is", async ({ open }) => {
  const page = await open(2, "/");
  const navigation = page.getByRole("navigation", { name: "Main" }).filter({ visible: true });
  for (const [name, path] of [["Topics", "/topics"], ["Brokers", "/brokers"], ["Quorum", "/quorum"], ["History", "/history"], ["Overview", "/"]] as const) {
    const link = navigation.getByRole("link", { name: new RegExp(`^${name}`) });
    await link.click();
    await expect(page).toHaveURL((url) => url.pathname === path);
    await expect(link).toHaveAttribute("aria-current", "page");
    await expect(page.getByRole("heading", { level: 1 })).toHaveCount(1);
    await expect(page).toHaveTitle(new RegExp(`${name} · Quorate$`));
  }
});

test("the theme follows the system until it is chosen, and the choice stays", async ({ open }) => {
  const page = await open(1, "/topics", { colorScheme: "light" });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await background();
  expect(dark).not.toBe(light);
  await page.emulateMedia({ colorScheme: "light" });

  await page.getByRole("button", { name: "Dark theme" }).click();
  await expect.poll(background).toBe(dark);
  // The server paints it: no flash of the other theme on the way.
  expect(await (await page.request.get(page.url())).text()).toContain('data-theme="dark"');
  await page.reload();
  expect(await background()).toBe(dark);
  await live(page);
  await page.getByRole("button", { name: "Light theme" }).click();
  await expect.poll(background).toBe(light);
});
