import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A limit for what hangs, not for what is slow: machines that build for many are loaded.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // All cores: Vitest would leave one of two idle.
    maxWorkers: '100%',
  },
})
