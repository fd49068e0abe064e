import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "tests",
  // One cluster at a time: six processes and a browser are enough for two cores.
  workers: 1,
  fullyParallel: false,
  // Where a test waits, it waits for a state. These only end what hangs, also on a machine that has other work on every core.
  timeout: 180_000,
  expect: { timeout: 30_000 },
  forbidOnly: !!process.env.CI,
  // A test that passes on the second try has found something too.
  retries: 0,
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    viewport: { width: 1440, height: 900 },
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
