// `npm run test:slow`: whole processes, waits and databases, which take too long for every run of the tests.
import { mergeConfig } from 'vitest/config'
import config from './vitest.config.ts'

const slow = mergeConfig(config, {})
slow.test!.include = ['test/**/*.slow.ts']

export default slow
