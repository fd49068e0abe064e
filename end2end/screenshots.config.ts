import { defineConfig } from "@playwright/test";
import config from "./playwright.config.ts";

// Not part of the tests: they take longer, and write into docs/.
export default defineConfig(config, { testDir: ".", testMatch: "screenshots.ts", timeout: 300_000, use: { trace: "off" } });
