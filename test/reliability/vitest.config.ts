import { defineConfig } from 'vitest/config'

// One after the other: what is measured here must not wait for its neighbours.
export default defineConfig({
  test: {
    include: ['test/reliability/*.case.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/reliability/table.ts'],
  },
})
