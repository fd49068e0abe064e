import type { Browser, BrowserContext } from "@playwright/test";
import { Cluster } from "../fixtures/cluster.ts";
import { SecureDemo } from "../fixtures/secure-demo.ts";
import { accessible, chip, expect, live, noSidewaysScroll, type Page, row, test } from "../fixtures/test.ts";
import { createForm } from "../fixtures/topic-form.ts";

const PHONE = { width: 390, height: 844 };
const PASSWORD = "tulip engine marble fog";
const TOPIC = "seen.by.all";

let demo: SecureDemo;
let contexts: BrowserContext[] = [];

test.beforeAll(async () => {
  demo = await SecureDemo.start();
});

test.afterEach(async () => {
  await Promise.all(contexts.map((context) => context.close()));
  contexts = [];
});

test.afterAll(async () => {
  await demo.stop();
});

/** In either theme and on a phone: accessible, and not wider than the window. What looks needs scripts itself. */
async function looksRight(page: Page, what: string, scripts = true): Promise<void> {
  if (!scripts) return;
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await accessible(page, `${what}, ${colorScheme}`);
  }
  const before = page.viewportSize()!;
  await page.setViewportSize(PHONE);
  await noSidewaysScroll(page, what);
  await accessible(page, `${what}, phone`);
  await page.setViewportSize(before);
}

async function signIn(page: Page, name: string, password = PASSWORD): Promise<void> {
  await page.getByLabel("Account", { exact: true }).fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

test.describe("people", () => {
  async function visitor(browser: Browser, options = {}): Promise<BrowserContext> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
    contexts.push(context);
    return context;
  }

  /** The admin of the demo, on the page that was wanted. */
  async function admin(browser: Browser, path: string, options = {}): Promise<Page> {
    const page = await (await visitor(browser, options)).newPage();
    await page.goto(demo.url(1, path));
    await demo.signIn(page);
    return page;
  }

  /** Has an account, made by the admin's form unless it is there. */
  async function person(browser: Browser, name: string, role: string): Promise<void> {
    const page = await admin(browser, "/accounts", { javaScriptEnabled: false });
    if ((await page.getByText(name, { exact: true }).count()) > 0) return;
    const form = page.getByRole("form", { name: "Add an account" });
    await form.getByLabel("Name").fill(name);
    await form.getByLabel("Role").selectOption(role);
    await form.getByLabel("Password").fill(PASSWORD);
    await form.getByRole("button", { name: "Add" }).click();
    await expect(page.getByRole("status").filter({ hasText: "The account was made" })).toBeVisible();
  }

  /** There is a topic, made by the admin unless it is there. */
  async function topic(browser: Browser): Promise<void> {
    const page = await admin(browser, "/create-topic", { javaScriptEnabled: false });
    await createForm(page).name.fill(TOPIC);
    await createForm(page).submit.click();
    await expect(page).toHaveURL(new RegExp(`/topics/${TOPIC}|refused=TOPIC_ALREADY_EXISTS`));
  }

  for (const javaScriptEnabled of [true, false]) {
    test(`the first account is made on a page, ${javaScriptEnabled ? "with" : "without"} JavaScript`, async ({ browser }) => {
      const cluster = await Cluster.start({ brokers: [] });
      const context = await visitor(browser, { javaScriptEnabled });
      try {
        const page = await context.newPage();
        await page.goto(cluster.url(1, "/topics"));
        if (javaScriptEnabled) await live(page);
        await expect(page.getByText("Anyone on this machine can change everything.")).toBeVisible();
        await looksRight(page, "an open cluster", javaScriptEnabled);
        await page.getByRole("link", { name: "Make the first account" }).click();
        await looksRight(page, "set up", javaScriptEnabled);
        await page.getByLabel("Account").fill("ana");
        await page.getByLabel("Password").fill("short");
        await page.getByLabel("Password").press("Enter");
        await expect(page.getByRole("alert")).toContainText("15 to 128 characters");
        await expect(page.getByLabel("Password")).toHaveAttribute("aria-invalid", "true");
        await looksRight(page, "set up, refused", javaScriptEnabled);
        await page.getByLabel("Password").fill(PASSWORD);
        await page.getByLabel("Password").press("Enter");
        await expect(page).toHaveURL(cluster.url(1, "/"));
        await expect(page.getByRole("link", { name: "Your account: ana, admin" })).toBeVisible();
        await expect(page.getByText("can change everything")).toHaveCount(0);
        if (javaScriptEnabled) await live(page);
        const stranger = await (await visitor(browser)).newPage();
        await stranger.goto(cluster.url(2, "/topics?search=a"));
        await expect(stranger).toHaveURL(cluster.url(2, "/sign-in?to=%2Ftopics%3Fsearch%3Da"));
      } finally {
        await cluster.stop();
      }
    });
  }

  test("by keyboard alone one signs in, to where one wanted", async ({ browser }) => {
    await person(browser, "ben", "viewer");
    const page = await (await visitor(browser)).newPage();
    await page.goto(demo.url(2, "/topics?search=or"));
    await expect(page.getByLabel("Account")).toBeFocused();
    await looksRight(page, "sign in");
    await page.keyboard.type("ben");
    await page.keyboard.press("Tab");
    await page.keyboard.type("wrong wrong wrong wrong");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("alert")).toHaveText("No account has this name and this password.");
    await expect(page.getByLabel("Password")).toBeFocused();
    await looksRight(page, "sign in, refused");
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(demo.url(2, "/topics?search=or"));
    await live(page);
    await expect(page.getByRole("link", { name: "Your account: ben, viewer" })).toBeVisible();
  });

  /** A viewer, on this page. */
  async function viewer(browser: Browser, path: string): Promise<Page> {
    await person(browser, "ben", "viewer");
    const page = await (await visitor(browser)).newPage();
    await page.goto(demo.url(1, path));
    await signIn(page, "ben");
    return page;
  }

  const WHY = /Your role is viewer: this takes the grant .topics./;

  test("a viewer cannot create a topic, and is told why", async ({ browser }) => {
    const page = await viewer(browser, "/create-topic");
    await live(page);
    await expect(createForm(page).submit).toBeDisabled();
    await expect(page.getByText(WHY)).toBeVisible();
    await looksRight(page, "create topic, of a viewer");
  });

  test("a viewer sees topics and brokers, and what is off says why", async ({ browser }) => {
    await topic(browser);
    const page = await viewer(browser, `/topics/${TOPIC}?tab=settings`);
    await expect(page.getByRole("button", { name: "Delete topic" })).toBeDisabled();
    await expect(page.getByText(WHY)).toBeVisible();
    await page.goto(demo.url(1, "/brokers/101"));
    await expect(page.getByRole("button", { name: "Fence broker 101" })).toBeDisabled();
    await live(page);
    await expect(page.getByRole("button", { name: "Fence broker 101" })).toBeDisabled();
  });

  test("a viewer sees operations, and what is off says why", async ({ browser }) => {
    const page = await viewer(browser, "/operations");
    await live(page);
    for (const button of await page.getByRole("button", { name: "Show what it would do" }).all()) await expect(button).toBeDisabled();
    await looksRight(page, "operations, of a viewer");
    await page.goto(demo.url(1, "/operations?action=drain&target=101"));
    await expect(page.getByRole("alert").filter({ hasText: "Who asks may not do this" })).toBeVisible();
  });

  for (const path of ["/accounts", "/audit"]) {
    test(`a viewer is told why ${path} is empty`, async ({ browser }) => {
      const page = await viewer(browser, path);
      await expect(page.getByText(/Your role is viewer: this takes the grant .admin./)).toBeVisible();
      await live(page);
      await looksRight(page, `${path}, of a viewer`);
    });
  }

  test("a page whose session is ended elsewhere says so, and goes on where it was", async ({ browser }) => {
    await topic(browser);
    await person(browser, "cy", "viewer");
    const context = await visitor(browser);
    const page = await context.newPage();
    await page.goto(demo.url(1, "/topics?search=seen"));
    await signIn(page, "cy");
    await live(page);
    const admins = await admin(browser, "/accounts");
    await admins.getByText("cy", { exact: true }).click();
    await admins.getByRole("button", { name: "End the sessions of cy" }).click();
    await expect(admins.getByRole("status").filter({ hasText: "sessions have ended" })).toBeVisible();
    const banner = page.getByRole("alert").filter({ hasText: "Signed out." });
    await expect(banner).toBeVisible();
    await looksRight(page, "signed out");
    await expect(banner.getByRole("link", { name: "Sign in" })).toHaveAttribute("href", "/sign-in?to=%2Ftopics%3Fsearch%3Dseen");
    // In another tab, as when something was typed here: this page finds it out by itself.
    const other = await context.newPage();
    await other.goto(demo.url(1, "/"));
    await signIn(other, "cy");
    await live(other);
    await expect(chip(page)).toContainText("Live");
    await expect(banner).toHaveCount(0);
    await expect(page).toHaveURL(demo.url(1, "/topics?search=seen"));
    await expect(row(page, TOPIC)).toBeVisible();
  });

  test("who is signed in elsewhere sees it, ends it, and changes the password", async ({ browser }) => {
    await person(browser, "dee", "operator");
    const [one, two] = await Promise.all([visitor(browser), visitor(browser, { javaScriptEnabled: false })]);
    const pages = await Promise.all([one.newPage(), two.newPage()]);
    for (const page of pages) {
      await page.goto(demo.url(3, "/account"));
      await signIn(page, "dee");
    }
    const [here, there] = pages as [Page, Page];
    await here.reload();
    await live(here);
    await expect(here.getByText("1 other session")).toBeVisible();
    await looksRight(here, "account");
    await here.getByRole("button", { name: "Sign out everywhere else" }).click();
    await expect(here.getByText("nowhere else")).toBeVisible();
    await there.goto(demo.url(3, "/account"));
    await expect(there).toHaveURL(demo.url(3, "/sign-in?to=%2Faccount"));
    await here.getByLabel("The one you have").fill(PASSWORD);
    await here.getByLabel("The new one").fill("walnut ladder orbit sleeve");
    await here.getByRole("button", { name: "Change the password" }).click();
    await expect(here.getByRole("status").filter({ hasText: "The new password holds" })).toBeVisible();
    await here.getByRole("button", { name: "Sign out" , exact: true }).click();
    await expect(here).toHaveURL(demo.url(3, "/sign-in"));
    await here.goBack();
    await expect(here).toHaveURL(/\/sign-in/);
    await signIn(here, "dee", "walnut ladder orbit sleeve");
    await live(here);
  });

  for (const javaScriptEnabled of [true, false]) {
    test(`an admin makes an account, gives it a token, and takes both away, ${javaScriptEnabled ? "with" : "without"} JavaScript`, async ({ browser }) => {
      const name = javaScriptEnabled ? "ci-alive" : "ci-plain";
      const page = await admin(browser, "/accounts", { javaScriptEnabled });
      if (javaScriptEnabled) await live(page);
      const form = page.getByRole("form", { name: "Add an account" });
      await form.getByLabel("Name").fill("Not a name");
      await form.getByRole("button", { name: "Add" }).click();
      await expect(page.getByRole("alert")).toContainText("No account can have this name");
      await form.getByLabel("Name").fill(name);
      await form.getByLabel("Role").selectOption("operator");
      await form.getByLabel("Only topics that begin with").fill("ci., dev.");
      await form.getByRole("button", { name: "Add" }).click();
      const entry = page.getByRole("listitem").filter({ has: page.getByText(name, { exact: true }) });
      await expect(entry).toContainText("operator of ci.*, dev.*");
      await entry.getByText(name, { exact: true }).click();
      await looksRight(page, "accounts", javaScriptEnabled);
      await entry.getByRole("button", { name: `New token for ${name}` }).click();
      await expect(page.getByLabel("Token")).toHaveValue(/^qrt_[0-9a-f]{12}_/);
      await looksRight(page, "a new token", javaScriptEnabled);
      await page.getByRole("link", { name: "Back to the accounts" }).click();
      await entry.getByText(name, { exact: true }).click();
      await entry.getByRole("button", { name: /^Revoke token/ }).click();
      await expect(page.getByRole("status").filter({ hasText: "The token counts no more" })).toBeVisible();
      await entry.getByText(name, { exact: true }).click();
      await entry.getByText(`Remove ${name}`).first().click();
      await entry.getByRole("button", { name: `Remove ${name}` }).click();
      await expect(page.getByRole("status").filter({ hasText: "The account is gone" })).toBeVisible();
      await expect(page.getByText(name, { exact: true })).toHaveCount(0);
      // All of it was written down.
      await page.goto(demo.url(1, "/audit"));
      await expect(page.getByRole("row").filter({ hasText: `remove account ${name}` })).toBeVisible();
      await expect(page.getByRole("row").filter({ hasText: "sign in as admin" }).first()).toBeVisible();
      await looksRight(page, "audit", javaScriptEnabled);
    });
  }
});
