// The service, quick as in `quick-service.ts`, with threads that quote; on SIGUSR2 it fails with all that an error can hold.
import { Octokit } from '@octokit/rest'
import { serve } from '../../src/service.ts'
import { readSettings } from '../../src/settings.ts'

process.on('SIGUSR2', () => {
  const { BODY = '', TOKEN = '' } = process.env
  const answer = () => Response.json({ message: 'Not Found', body: BODY }, { status: 404 })
  const octokit = new Octokit({ auth: TOKEN, request: { fetch: async () => answer() } })
  // Nobody waits for it.
  void octokit.rest.markdown.render({ text: BODY })
})
await serve(readSettings(process.env), { secondMs: 1, program: new URL('./quoting-worker.ts', import.meta.url) })
