import { Cluster, NODES } from "../fixtures/cluster.ts";
import { Nginx } from "../fixtures/nginx.ts";
import { chip, expect, live, type Page, row, test } from "../fixtures/test.ts";
import { createForm, deleteDialog, fillCreateForm, tab } from "../fixtures/topic-form.ts";

const BASE = "/quorate";

/** Whatever the page asked for that was not below the path, or was not there. */
function astray(page: Page): string[] {
  const found: string[] = [];
  page.on("request", (request) => {
    const { protocol, pathname } = new URL(request.url());
    if (protocol.startsWith("http") && pathname !== BASE && !pathname.startsWith(`${BASE}/`)) found.push(request.url());
  });
  page.on("response", (answer) => answer.status() >= 400 && found.push(`${answer.status()} ${answer.url()}`));
  page.on("websocket", (socket) => new URL(socket.url()).pathname.startsWith(`${BASE}/`) || found.push(socket.url()));
  return found;
}

/** Every link, form and image of the page as it is now. */
async function allBelow(page: Page): Promise<void> {
  const out = await page.evaluate((base) => {
    const addresses = [...document.querySelectorAll("[href], [src], form[action]")].map((element) => element.getAttribute("href") ?? element.getAttribute("src") ?? element.getAttribute("action")!);
    return addresses.filter((address) => address.startsWith("/") && address !== base && !address.startsWith(`${base}/`));
  }, BASE);
  expect(out, page.url()).toEqual([]);
}

test.describe("behind_nginx", () => {
  test.skip(Nginx.missing, "nginx is not installed");
  let cluster: Cluster;
  test.beforeAll(async () => {
    test.setTimeout(180_000);
    cluster = await Cluster.start({ basePath: BASE });
  });
  test.afterAll(() => cluster?.stop());

  for (const upgrades of [true, false]) {
    test(`a page below a path lives, moves and changes things, ${upgrades ? "by a WebSocket" : "by an event stream"}`, async ({ browser, complaints }) => {
      if (!upgrades) complaints.nodesMayDie();
      // A refused upgrade is an answer of 426, and that alone.
      const expected = (found: string[]) => found.filter((text) => upgrades || !/^426 .*\/feed/.test(text));
      const nginx = await Nginx.before(NODES.map((id) => cluster.url(id)), { upgrades });
      const page = await browser.newPage();
      complaints.watch(page);
      const found = astray(page);
      await page.goto(`${nginx.origin}${BASE}`);
      await live(page);
      if (!upgrades) await expect(chip(page)).toContainText("refuses WebSockets: this page follows by an event stream");
      await page.evaluate(() => Object.assign(window, { neverReloaded: true }));
      const to = async (name: RegExp, path: string) => {
        await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name }).filter({ visible: true }).click();
        await expect(page).toHaveURL(`${nginx.origin}${BASE}${path}`);
        await allBelow(page);
      };
      await allBelow(page);
      await to(/^Brokers/, "/brokers");
      await page.getByRole("main").getByRole("link", { name: "Broker 101", exact: true }).click();
      await expect(page).toHaveURL(`${nginx.origin}${BASE}/brokers/101`);
      await allBelow(page);
      await to(/^Quorum/, "/quorum");
      await expect(page.getByText(/^equal at #/)).toHaveCount(NODES.length);
      await to(/^Topics/, "/topics");
      await page.getByRole("main").getByRole("link", { name: "Create topic" }).first().click();
      const name = upgrades ? "by.socket" : "by.stream";
      await fillCreateForm(page, { name, partitions: 3, replicationFactor: 2 });
      await createForm(page).submit.click();
      await expect(page).toHaveURL(`${nginx.origin}${BASE}/topics/${name}`);
      await allBelow(page);
      // Another one's change arrives.
      await cluster.create({ name: `${name}.too` });
      await to(/^Topics/, "/topics");
      await expect(row(page, `${name}.too`)).toBeVisible();
      await page.goBack();
      await expect(page).toHaveURL(`${nginx.origin}${BASE}/topics/${name}`);
      await tab(page, "Settings").click();
      await page.getByRole("button", { name: "Delete topic" }).click();
      const dialog = deleteDialog(page);
      await dialog.confirm.fill(name);
      await dialog.submit.click();
      await expect(page).toHaveURL(`${nginx.origin}${BASE}/topics`);
      await expect(row(page, name)).toBeHidden();
      expect(await page.evaluate(() => "neverReloaded" in window)).toBe(true);
      // What is opened anew is found where its address says.
      await page.goto(`${nginx.origin}${BASE}/topics/${name}.too`);
      await live(page);
      await expect(page.getByRole("heading", { level: 1 })).toContainText(`${name}.too`);
      expect(expected(found)).toEqual([]);
      await page.close();
      await nginx.stop();
    });
  }

  test("a page that is opened on the node itself, without the path, lives too", async ({ browser, complaints }) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    complaints.watch(page);
    for (const [path, heading] of [["/topics?health=offline", "Topics"], ["/", /./], ["/brokers/101", /101/]] as const) {
      await page.goto(cluster.url(2, path));
      await live(page);
      await expect(page).toHaveURL(cluster.url(2, `${BASE}${path}`));
      await expect(page.getByRole("heading", { level: 1 })).toHaveText(heading);
      await expect(page.locator("#app[data-rendered=anew]")).toHaveCount(0);
      await expect(page.locator("#not-alive")).toBeHidden();
    }
    // The theme is kept where it was chosen, with and without a slash.
    await page.getByRole("button", { name: /theme/ }).click();
    const theme = await page.locator("html").getAttribute("data-theme");
    for (const path of ["", "/", "/topics"]) {
      await page.goto(cluster.url(2, `${BASE}${path}`));
      await expect(page.locator("html")).toHaveAttribute("data-theme", theme!);
    }
    await context.close();
  });

  test("without JavaScript a form below a path creates a topic", async ({ browser, complaints }) => {
    const nginx = await Nginx.before(NODES.map((id) => cluster.url(id)));
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    complaints.watch(page);
    const found = astray(page);
    await page.goto(`${nginx.origin}${BASE}/create-topic`);
    await fillCreateForm(page, { name: "by.form", partitions: 2, replicationFactor: 2 });
    await createForm(page).submit.click();
    await expect(page).toHaveURL(`${nginx.origin}${BASE}/topics/by.form`);
    await allBelow(page);
    expect(found).toEqual([]);
    await context.close();
    await nginx.stop();
  });
});
