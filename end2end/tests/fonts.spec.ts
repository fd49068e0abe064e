import { accessible, drawn, expect, hears, live, type Page, stoodStill, test } from "../fixtures/test.ts";

const SIZES = { desktop: { width: 1440, height: 900 }, tablet: { width: 1024, height: 768 }, phone: { width: 390, height: 844 } };
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

/** What a person holds on to: cards, the heads of columns, headings, facts, fields, and what stands in the top bar. */
function boxes(page: Page): Promise<Box[]> {
  return page.evaluate(() => {
    const holds = "main section, main thead th, main :is(h1, h2, h3), main dl > div, main .tile, main .input, main .page-head, header > *, aside nav a";
    const shown = [...document.querySelectorAll(holds)].filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest(".sr"));
    return shown.map((element) => {
      const { x, y, width, height } = element.getBoundingClientRect();
      const words = element.textContent?.trim().slice(0, 24) ?? "";
      return { what: `${element.tagName.toLowerCase()}.${element.className} (${words})`, x, y, width, height };
    });
  });
}

/** Within a pixel, box by box. */
function expectSameBoxes(now: Box[], before: Box[], what: string): void {
  expect(now.map(({ what }) => what.split(" (")[0]), what).toEqual(before.map(({ what }) => what.split(" (")[0]));
  const apart = now.flatMap((box, at) => {
    const was = before[at]!;
    const moved = (["x", "y", "width", "height"] as const).filter((side) => Math.abs(box[side] - was[side]) > 1);
    return moved.map((side) => `${box.what}: ${side} ${was[side].toFixed(1)} → ${box[side].toFixed(1)}`);
  });
  expect.soft(apart, what).toEqual([]);
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
    if (what === "unknown page") complaints.pagesMayBeUnknown();
    for (const [size, viewport] of Object.entries(SIZES)) {
      const fonts = holdFonts();
      const page = await open(1, path, { viewport }, fonts.prepare);
      await expect(page.getByRole("heading", { level: 1 })).toHaveCount(1);
      await hears(page, 2);
      await drawn(page);
      const before = await boxes(page);
      expect(before.length).toBeGreaterThan(5);
      expect(new Set(fonts.asked()).size).toBe(2);
      fonts.release();
      await expect.poll(() => page.evaluate(() => [...document.fonts].filter(({ family, status }) => /^"?(Inter|JetBrains Mono)"?$/.test(family) && status === "loaded").length)).toBe(2);
      await drawn(page);
      expectSameBoxes(await boxes(page), before, `${what}, ${size}: after the fonts`);
      await stoodStill(page, `${what}, ${size}`);
      await page.context().close();
    }
  });
}
