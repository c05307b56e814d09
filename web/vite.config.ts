import { defineConfig } from "vite";

// Everything below `assets/` has a hash of its content in its name, so the gateway lets browsers keep it for a year.
export default defineConfig({
  build: {
    target: "es2022",
    outDir: "dist",
    assetsInlineLimit: 0, // no data: URLs in the place of files
    modulePreload: { polyfill: false }, // which would be an inline script
    sourcemap: false,
  },
});
