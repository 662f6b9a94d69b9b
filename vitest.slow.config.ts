// `npm run test:slow`: whole processes, waits and databases, which take too long for every run of the tests.
import { defineConfig } from 'vitest/config'
import config from './vitest.config.ts'

export default defineConfig({ test: { ...config.test, include: ['test/**/*.slow.ts'] } })
