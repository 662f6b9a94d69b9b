// The service, but a second of waiting for GitHub's limits takes a millisecond.
import { serve } from '../../src/service.ts'
import { readSettings } from '../../src/settings.ts'

await serve(readSettings(process.env), { secondMs: 1 })
