import { defineConfig } from 'vite'

/** Builds `page/` into `built/`, under names that stay the same: `npm run console:build` (ADR 27). */
export default defineConfig({
  root: `${import.meta.dirname}/page`,
  base: '/console/',
  publicDir: false,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../built',
    emptyOutDir: true,
    modulePreload: false,
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        entryFileNames: 'assets/console.js',
        assetFileNames: 'assets/console[extname]',
      },
    },
  },
})
