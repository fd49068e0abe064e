import { drawn, expect, hears, type Page, reaches, row, stoodStill, test } from "../fixtures/test.ts";

const SIZES = { desktop: { width: 1440, height: 900 }, tablet: { width: 1024, height: 768 }, phone: { width: 390, height: 844 } };
const THEMES: Record<string, "light" | "dark"> = { desktop: "light", tablet: "dark", phone: "dark" };
const LONG = "a-topic-with-a-rather-long-name.that-nobody-would-type-by-hand.but-a-generator-does.v2";

const PAGES: Record<string, string> = {
  overview: "/",
  topics: "/topics",
  "create topic": "/create-topic?name=orders.new&partitions=12&replication_factor=3",
  "topic, partitions": "/topics/orders.placed",
  "topic, placement": "/topics/orders.placed?tab=placement",
  "topic, configuration": "/topics/orders.placed?tab=configuration",
  "topic, settings": "/topics/orders.placed?tab=settings",
  brokers: "/brokers",
  broker: "/brokers/101",
  quorum: "/quorum",
  "unknown page": "/nowhere",
};

test.beforeEach(async ({ cluster }) => {
  const wanted = [
    { name: "orders.placed", partitions: 12, replication_factor: 3, configs: { "min.insync.replicas": "2" } },
    { name: LONG, partitions: 3, replication_factor: 2 },
  ];
  for (const topic of wanted) await cluster.topic(topic.name).catch(() => cluster.create(topic));
});

interface Box {
  what: string;
  x: number;
  y: number;
  width: number;
  height: number;
}
type Side = "x" | "y" | "width" | "height";
const SIDES: Side[] = ["x", "y", "width", "height"];

/** What is laid out: cards, heads of columns, facts, tiles, fields, and what stands in the frame. */
const HOLD = "main section, main thead th, main dl > div, main .tile, main .input, main .page-head, header .jump, header .ibtn, aside nav a";
/** What is as wide as its words. */
const FOLLOW = "main :is(h1, h2, h3), main .btn, main .tabs a, main .st, main .tag, header .conn";

function boxes(page: Page, of: string): Promise<Box[]> {
  return page.evaluate((of) => {
    const shown = [...document.querySelectorAll(of)].filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest(".sr"));
    return shown.map((element) => {
      const { x, y, width, height } = element.getBoundingClientRect();
      const words = element.textContent?.trim().slice(0, 24) ?? "";
      return { what: `${element.tagName.toLowerCase()}.${element.className} (${words})`, x, y, width, height };
    });
  }, of);
}

/** Within a pixel, box by box. */
function expectSameBoxes(now: Box[], before: Box[], what: string, sides = SIDES): void {
  const names = (boxes: Box[]) => boxes.map(({ what }) => what.split(" (")[0]);
  expect(names(now), what).toEqual(names(before));
  const apart = now.flatMap((box, at) => {
    const moved = sides.filter((side) => Math.abs(box[side] - before[at]![side]) > 1);
    return moved.map((side) => `${box.what}: ${side} ${before[at]![side].toFixed(1)} → ${box[side].toFixed(1)}`);
  });
  expect.soft(apart, what).toEqual([]);
}

/** The faces of our two fonts that are there; their stand-ins have longer names. */
function loaded(page: Page): Promise<number> {
  const ours = () => [...document.fonts].filter(({ family, status }) => /^"?(Inter|JetBrains Mono)"?$/.test(family) && status === "loaded").length;
  return page.evaluate(ours);
}

/** Holds fonts up until they are released; says then when all that were asked for are there. */
function holdFonts(): { prepare: (page: Page) => Promise<void>; release: () => void; asked: () => string[] } {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const asked: string[] = [];
  const prepare = async (page: Page) => {
    await page.route(/\.woff2$/, async (route) => {
      asked.push(new URL(route.request().url()).pathname);
      await released;
      await route.continue();
    });
  };
  return { prepare, release: () => release(), asked: () => asked };
}

for (const [what, path] of Object.entries(PAGES)) {
  test(`${what}: a font that comes late moves nothing`, async ({ open, complaints }) => {
    if (/unknown/.test(what)) complaints.pagesMayBeUnknown();
    for (const [size, viewport] of Object.entries(SIZES)) {
      const fonts = holdFonts();
      const page = await open(1, path, { viewport, colorScheme: THEMES[size]! }, fonts.prepare);
      await expect(page.getByRole("heading", { level: 1 })).toHaveCount(1);
      await hears(page, 2);
      await drawn(page);
      const before = [await boxes(page, HOLD), await boxes(page, FOLLOW)] as const;
      expect(before[0].length).toBeGreaterThan(1);
      expect(new Set(fonts.asked()).size, "fonts that are asked for").toBe(2);
      expect(await loaded(page)).toBe(0);
      fonts.release();
      await expect.poll(() => loaded(page)).toBe(2);
      await drawn(page);
      expectSameBoxes(await boxes(page, HOLD), before[0], `${what}, ${size}`);
      // Figures tick on meanwhile, and no box of words moves for another reason.
      expectSameBoxes(await boxes(page, FOLLOW), before[1], `${what}, ${size}`, ["y", "height"]);
      await stoodStill(page, `${what}, ${size}`);
      await page.context().close();
    }
  });

  test(`${what}: fonts that never come change no column, no card and no line`, async ({ open, complaints }) => {
    complaints.fontsMayBeMissing();
    if (/unknown/.test(what)) complaints.pagesMayBeUnknown();
    // A busy machine may be too late with a font that is optional; here it is waited for.
    const certain = await open(1, path, {}, async (page) => {
      await page.route(/\.css$/, async (route) => {
        const response = await route.fetch();
        const css = await response.text();
        expect(css.match(/font-display:optional/g)).toHaveLength(2);
        await route.fulfill({ response, body: css.replaceAll("font-display:optional", "font-display:block") });
      });
    });
    const without = await open(1, path, {}, async (page) => {
      await page.route(/\.woff2$/, (route) => route.abort());
    });
    await expect.poll(() => loaded(certain)).toBe(2);
    // How often running text and long names break hangs on their font, and on which of the stand-ins this machine has.
    const sides = /create|configuration|settings|^broker$/.test(what) ? (["x", "width"] as Side[]) : SIDES;
    for (const [size, viewport] of Object.entries(SIZES)) {
      for (const page of [certain, without]) {
        await page.setViewportSize(viewport);
        await drawn(page);
      }
      expectSameBoxes(await boxes(without, HOLD), await boxes(certain, HOLD), `${what}, ${size}`, sides);
      const [words, stood] = [await boxes(certain, "main :is(h1, h2)"), await boxes(without, "main :is(h1, h2)")];
      for (const [at, { what, width }] of words.entries()) expect.soft(Math.abs(stood[at]!.width / width - 1), `${what}, ${size}`).toBeLessThan(0.15);
    }
    expect(await loaded(without)).toBe(0);
  });
}

test("fonts are asked for before the style sheet, once, and kept for good", async ({ cluster, open }) => {
  for (const path of ["/", "/topics", "/quorum"]) {
    const html = await (await fetch(cluster.url(1, path))).text();
    const links = [...html.matchAll(/<link [^>]*as="font"[^>]*>/g)].map(([link]) => link);
    expect(links).toHaveLength(2);
    expect(html.indexOf(links[1]!)).toBeLessThan(html.indexOf('rel="stylesheet"'));
    const asked = links.map((link) => {
      expect(link).toMatch(/rel="preload"/);
      expect(link).toMatch(/crossorigin/);
      return /href="([^"]+)"/.exec(link)![1]!;
    });
    for (const name of asked) {
      const { headers } = await fetch(cluster.url(1, name));
      expect(headers.get("content-type")).toBe("font/woff2");
      expect(headers.get("cache-control")).toContain("immutable");
    }
    const page = await open(1, path);
    await expect.poll(() => loaded(page)).toBe(2);
    const fetched = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname));
    expect(fetched.filter((name) => name.endsWith(".woff2")).sort()).toEqual(asked.sort());
  }
});

test("columns stay where they are when what they hold grows", async ({ cluster, open }) => {
  const columns = "main thead th, main section";
  const [topics, broker] = [await open(1, "/topics"), await open(2, "/brokers/101")];
  const before = [await boxes(topics, columns), await boxes(broker, columns)] as const;
  const name = "grows.".padEnd(200, "x");
  const { revision } = await cluster.create({ name, partitions: 1_200, replication_factor: 3 });
  for (const page of [topics, broker]) {
    await reaches(page, revision);
    await expect(row(page, name)).toBeVisible();
  }
  expectSameBoxes(await boxes(topics, columns), before[0], "topics", ["x", "width"]);
  expectSameBoxes(await boxes(broker, columns), before[1], "broker", ["x", "width"]);
  await cluster.delete(name);
});
