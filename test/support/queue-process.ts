// A process that takes one job from the queue in a directory and never ends it, to be killed in the middle.
import { pino } from 'pino'
import { openDatabase } from '../../src/database.ts'
import { openQueue } from '../../src/queue.ts'

const log = pino({ level: 'silent' })
const database = await openDatabase({ url: null, directory: process.argv[2]!, log })
const queue = await openQueue({ database, schema: 'otp_review', appId: 1, log })
await queue.accept('guid', {
  do: 'review',
  job: {
    kind: 'pull',
    delivery: 'guid',
    installation: 1,
    repository: { id: 10, owner: 'acme', name: 'shop' },
    number: 5,
    head: 'a',
    reason: 'opened',
  },
})
await queue.work({ run: () => new Promise(() => console.log('running')), abandon: async () => {} }, 1)
