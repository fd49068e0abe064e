import { type BrowserContext } from "@playwright/test";
import { type Cluster } from "../fixtures/cluster.ts";
import { accessible, chip, expect, live, noSidewaysScroll, type Page, row, test } from "../fixtures/test.ts";

/** Every page that there is, and one that there is not. */
const PAGES = ["/", "/topics", "/create-topic", "/topics/touched.topic", "/topics/touched.topic?tab=configuration", "/brokers", "/brokers/101", "/quorum", "/nowhere"];

/** What others do to a page between its markup and its program. */
const TOUCHES: Record<string, () => void> = {
  "a translation wraps every text": () => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found: Text[] = [];
    while (texts.nextNode()) found.push(texts.currentNode as Text);
    for (const text of found.filter((text) => text.data.trim() && !text.parentElement!.closest("script"))) {
      const [outer, inner] = [document.createElement("font"), document.createElement("font")];
      inner.textContent = text.data.toUpperCase();
      outer.append(inner);
      text.replaceWith(outer);
    }
    document.documentElement.lang = "de";
    document.documentElement.classList.add("translated-ltr");
  },
  "an extension puts nodes everywhere": () => {
    document.body.prepend(document.createElement("div"), document.createComment("x"), "x");
    document.body.append(document.createElement("x-extension"));
    document.querySelector("main")!.prepend(document.createElement("x-extension"));
    document.querySelector("h1")?.append(document.createElement("i"));
  },
  "another one takes nodes away": () => {
    document.querySelector("main h1")?.firstChild?.remove();
    document.querySelector("nav a")?.remove();
  },
};

/** Runs `touch` when the markup is there and before the program is. */
async function touched(page: Page, touch: () => void): Promise<void> {
  await page.addInitScript(`addEventListener("DOMContentLoaded", () => (${touch})(), { once: true, capture: true });`);
  // A module runs before DOMContentLoaded if it is there in time: it comes after.
  await page.route(/\/pkg\/quorate\.[^/]*\.js$/, async (route) => {
    await page.waitForFunction(() => document.readyState !== "loading");
    await route.continue();
  });
}

const renderedAnew = (page: Page) => page.locator("#app[data-rendered=anew]");

test.describe("touched_before_alive", () => {
  test("a page that nobody touched is hydrated", async ({ cluster, open, complaints }) => {
    test.setTimeout(180_000);
    complaints.pagesMayBeUnknown();
    await cluster.create({ name: "touched.topic", partitions: 3 });
    for (const path of PAGES) {
      const page = await open(1, path);
      await expect(renderedAnew(page), path).toHaveCount(0);
      await expect(page.locator("#not-alive"), path).toBeHidden();
      await page.context().close();
    }
  });

  for (const [what, touch] of Object.entries(TOUCHES)) {
    test(`${what}: the page is rendered anew, once, and lives`, async ({ cluster, open, complaints }) => {
      test.setTimeout(180_000);
      complaints.pagesMayBeUnknown();
      const name = `after.${what.replaceAll(" ", ".")}`;
      for (const path of PAGES) {
        let loads = 0;
        const page = await open(1, path, {}, async (page) => {
          page.on("request", (request) => (loads += request.isNavigationRequest() ? 1 : 0));
          await touched(page, touch);
        });
        await expect(renderedAnew(page), path).toHaveCount(1);
        await expect(page.locator("main font, main x-extension"), path).toHaveCount(0);
        await expect(page.getByRole("heading", { level: 1 }), path).toHaveCount(1);
        await expect(page.getByRole("heading", { level: 1 }), path).not.toBeEmpty();
        expect(loads, path).toBe(1);
        await page.context().close();
      }
      // It does what a page does.
      const page = await open(2, "/topics", {}, (page) => touched(page, touch));
      await accessible(page, "rendered anew");
      await cluster.create({ name });
      await expect(row(page, name)).toBeVisible();
      await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: /^Quorum/ }).filter({ visible: true }).click();
      await expect(page).toHaveURL(/\/quorum$/);
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("Quorum");
    });
  }

  test("scroll, focus and what was typed are kept", async ({ cluster, browser, complaints }) => {
    const context = await browser.newContext({ viewport: { width: 1_024, height: 320 } });
    const page = await context.newPage();
    complaints.watch(page);
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    await page.route(/_bg\.wasm$/, async (route) => {
      await released;
      await route.continue();
    });
    await page.goto(cluster.url(1, "/create-topic"));
    await page.locator("details.more-keys > summary").click();
    await page.getByLabel("Name").fill("typed.early");
    await page.getByLabel("Partitions").fill("7");
    const retention = page.getByLabel("retention.ms", { exact: true });
    await retention.fill("36 h");
    await retention.evaluate((field: HTMLInputElement) => field.setSelectionRange(0, 2));
    const scrolled = await page.evaluate(() => {
      document.body.prepend(document.createElement("x-extension"));
      document.querySelector("form")!.prepend(document.createElement("x-extension"));
      const box = [...document.querySelectorAll("*")].filter((box) => box.scrollHeight > box.clientHeight + 40 && getComputedStyle(box).overflowY === "auto")[0]!;
      box.scrollTop = 30;
      return [box.id || box.className, box.scrollTop] as const;
    });
    release();
    await live(page);
    await expect(renderedAnew(page)).toHaveCount(1);
    await expect(page.getByLabel("Name")).toHaveValue("typed.early");
    await expect(page.locator("details.more-keys")).toHaveAttribute("open");
    // The page would put the focus on the name, were nobody anywhere.
    await expect(retention).toBeFocused();
    await expect(retention).toHaveValue("36 h");
    await expect(page.getByLabel("Partitions")).toHaveValue("7");
    expect(await retention.evaluate((field: HTMLInputElement) => [field.selectionStart, field.selectionEnd])).toEqual([0, 2]);
    const now = await page.evaluate(([which]) => [...document.querySelectorAll("*")].find((box) => (box.id || box.className) === which)!.scrollTop, scrolled);
    expect(now).toBe(scrolled[1]);
    // What was typed is what is sent.
    await page.getByRole("button", { name: "Create topic" }).click();
    await expect(page).toHaveURL(/\/topics\/typed\.early$/);
    await context.close();
  });

  test("what others add to html and body does not matter", async ({ open }) => {
    const page = await open(1, "/topics", {}, (page) =>
      touched(page, () => {
        for (const element of [document.documentElement, document.body]) {
          element.setAttribute("cz-shortcut-listen", "true");
          element.style.setProperty("--x", "1");
          element.classList.add("vsc-initialized");
        }
        document.head.append(document.createElement("meta"));
        document.documentElement.append(document.createElement("x-extension"));
      }),
    );
    await expect(renderedAnew(page)).toHaveCount(0);
  });
});

/** The page says what is missing, looks stale, offers a reload, and is of use all the same. */
async function expectDead(page: Page, says: RegExp, cluster: Cluster): Promise<void> {
  const notice = page.locator("#not-alive");
  await expect(notice).toBeVisible();
  await expect(notice).toContainText(says);
  await expect(notice.getByRole("link", { name: "Reload" })).toBeVisible();
  await expect(page.locator("body")).toHaveAttribute("data-connection", "stale");
  await expect(chip(page)).toContainText("Stale");
  await expect(chip(page)).not.toContainText(/Live|Connecting|behind/);
  await expect(page).toHaveTitle(/^Not live · /);
  await expect.poll(() => page.locator("link[rel=icon]").getAttribute("href")).toContain("%23d98a00");
  const verdict = page.locator(".verdict h1");
  if (await verdict.count()) await expect(verdict).toHaveText(/^Last known: /);
  await page.setViewportSize({ width: 390, height: 844 });
  await noSidewaysScroll(page, "not alive, on a phone");
  await page.setViewportSize({ width: 1280, height: 720 });
  await accessible(page, "not alive");
  await noSidewaysScroll(page, "not alive");
  // Links are links.
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: /^Topics/ }).filter({ visible: true }).click();
  await expect(page).toHaveURL(cluster.url(1, "/topics"));
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Topics");
}

/** A form is sent as one without scripts is. */
async function expectPlainForm(page: Page, cluster: Cluster, name: string): Promise<void> {
  await page.goto(cluster.url(1, "/create-topic"));
  await expect(page.locator("#not-alive")).toBeVisible();
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Create topic" }).click();
  await expect(page).toHaveURL(cluster.url(1, `/topics/${name}`));
  await expect(page.getByRole("heading", { level: 1 })).toContainText(name);
}

async function fresh(context: BrowserContext): Promise<Page> {
  return context.newPage();
}

test.describe("parts_that_do_not_load", () => {
  const PARTS: [string, RegExp, RegExp][] = [
    ["the script", /\/pkg\/quorate\.[0-9a-f]*\.js$/, /A script of this page did not load \(quorate\..*\.js\)/],
    ["what the script needs", /\/pkg\/quorate\.[^/]*\.packs\.js$/, /A script of this page did not load/],
    ["the program", /_bg\.wasm$/, /The program of this page did not load \(quorate\..*_bg\.wasm\)/],
    ["the page's own pack", /\.(topics|overview|create_topic|topic)\.pack$/, /A part of this page did not load/],
    ["the part that follows the feed", /\.later\.pack$/, /The part of this page that follows the cluster did not load/],
  ];
  for (const [what, url, says] of PARTS) {
    for (const [how, answer] of Object.entries({ gone: 404, blocked: 0 })) {
      test(`${what} is ${how}`, async ({ browser, cluster }) => {
        const context = await browser.newContext();
        const page = await fresh(context);
        await page.route(url, (route) => (answer ? route.fulfill({ status: answer }) : route.abort("blockedbyclient")));
        await page.goto(cluster.url(1, "/"));
        await expectDead(page, says, cluster);
        await expectPlainForm(page, cluster, `plain.${what.replaceAll(/\W/g, "")}.${how}`);
        await page.unroute(url);
        await page.goto(cluster.url(1, "/topics"));
        await live(page);
        await expect(page.locator("#not-alive")).toBeHidden();
        await context.close();
      });
    }
  }

  test("the part that follows the feed comes late", async ({ browser, cluster }) => {
    const context = await browser.newContext();
    const page = await fresh(context);
    let asked = 0;
    await page.route(/\.later\.pack$/, (route) => ((asked += 1) < 3 ? route.fulfill({ status: 404 }) : route.continue()));
    await page.goto(cluster.url(1, "/topics"));
    // It is asked for again.
    await live(page);
    await expect(page.locator("#not-alive")).toBeHidden();
    await context.close();
  });

  test("the browser is offline when the program is asked for", async ({ browser, cluster }) => {
    const context = await browser.newContext();
    const page = await fresh(context);
    await page.route(/_bg\.wasm$/, async (route) => {
      await context.setOffline(true);
      await route.abort("internetdisconnected");
    });
    await page.goto(cluster.url(1, "/"));
    await expect(page.locator("#not-alive")).toContainText("this browser is offline");
    await context.close();
  });

  test("there is no WebAssembly", async ({ browser, cluster }) => {
    const context = await browser.newContext();
    await context.addInitScript(() => Reflect.deleteProperty(globalThis, "WebAssembly"));
    const page = await fresh(context);
    await page.goto(cluster.url(1, "/"));
    await expectDead(page, /does not run WebAssembly/, cluster);
    await context.close();
  });

  test("the program stops later on, and the page at once stops looking alive", async ({ browser, cluster }) => {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    const page = await fresh(context);
    await page.goto(cluster.url(1, "/create-topic"));
    await live(page);
    await page.getByLabel("Name").fill("typed.before");
    await page.evaluate(() => {
      setTimeout(() => {
        throw new WebAssembly.RuntimeError("unreachable");
      });
    });
    await expect(page.getByLabel("Name")).toHaveValue("typed.before");
    await expect(page.locator("#not-alive")).toContainText("The program of this page stopped with an error");
    await expect(page).toHaveTitle(/^Not live · /);
    await page.getByRole("button", { name: "Create topic" }).click();
    await expect(page).toHaveURL(cluster.url(1, "/topics/typed.before"));
    await live(page);
    await context.close();
  });

  test("after the program has stopped nothing moves, nothing looks live, and Back leads where it says", async ({ browser, cluster }) => {
    const context = await browser.newContext();
    const page = await fresh(context);
    await page.goto(cluster.url(1, "/topics"));
    await live(page);
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: /^Overview/ }).filter({ visible: true }).click();
    await expect(page.locator(".live-word")).toHaveText("Live");
    await page.evaluate(() => {
      setTimeout(() => {
        throw new WebAssembly.RuntimeError("unreachable");
      });
    });
    await expect(page.locator("#not-alive")).toContainText("The program of this page stopped with an error");
    await expect(page).toHaveTitle(/^Not live · /);
    await expect(page.locator(".live-word")).toHaveText("Stopped");
    await expect(page.locator(".verdict h1")).toHaveText(/^Last known: /);
    // What is left of the program goes on hearing commits, and shows none: another page has it, this one has not.
    const other = await fresh(context);
    await other.goto(cluster.url(2, "/topics"));
    await live(other);
    await cluster.create({ name: "not.shown" });
    await expect(row(other, "not.shown")).toBeVisible();
    await expect(page.getByText("not.shown")).toHaveCount(0);
    await page.goBack();
    await live(page);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Topics");
    await expect(row(page, "not.shown")).toBeVisible();
    await context.close();
  });
});
