import { SecureDemo } from "../fixtures/secure-demo.ts";
import { expect, live, row, test } from "../fixtures/test.ts";
import { createForm, fillCreateForm } from "../fixtures/topic-form.ts";

test("over TLS a page is alive, changes things, and sees what others change", async ({ browser, complaints }) => {
  const demo = await SecureDemo.start();
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const pages = await Promise.all([1, 2].map(async () => context.newPage()));
  const [one, other] = pages as [(typeof pages)[0], (typeof pages)[0]];
  try {
    const sockets: string[] = [];
    for (const page of pages) {
      complaints.watch(page);
      page.on("websocket", (socket) => sockets.push(socket.url()));
    }
    await other.goto(demo.url(2, "/topics"));
    await demo.signIn(other);
    await expect(other).toHaveURL(demo.url(2, "/topics"));
    await live(other);
    await one.goto(demo.url(1, "/create-topic"));
    await live(one);
    await fillCreateForm(one, { name: "over.tls", partitions: 3, replicationFactor: 3 });
    await createForm(one).submit.click();
    await expect(one).toHaveURL(/\/topics\/over\.tls$/);
    await expect(row(other, "over.tls")).toBeVisible();
    expect(sockets.filter((url) => !url.startsWith("wss://"))).toEqual([]);
    expect(sockets.length).toBeGreaterThanOrEqual(2);
  } finally {
    await context.close();
    await demo.stop();
  }
});

test("over TLS a form without JavaScript creates a topic", async ({ browser }) => {
  const demo = await SecureDemo.start();
  const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false });
  try {
    const page = await context.newPage();
    await page.goto(demo.url(3, "/create-topic"));
    await demo.signIn(page);
    await createForm(page).name.fill("by.form");
    await createForm(page).submit.click();
    await expect(page).toHaveURL(/\/topics\/by\.form/);
    expect(demo.said).toContain("Everything speaks TLS");
  } finally {
    await context.close();
    await demo.stop();
  }
});
