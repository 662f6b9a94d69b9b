// `npm run test:package`: packs and installs, which takes too long for every run of the tests.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/package/*.spec.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
