// Check runs that an earlier attempt left unfinished on a commit that nobody will review any more. Knows no pull request.
import type { PlannedRun } from '../review/plan.ts'
import { concludeRun } from './check-run.ts'
import type { Client } from './client.ts'
import { GoneError } from './errors.ts'

/** Gives every unfinished run of ours on a commit this conclusion; a commit that GitHub forgot has none. */
export async function concludeLeftRuns(
  client: Client,
  repository: { owner: string; name: string },
  head: string,
  plan: PlannedRun,
): Promise<void> {
  const { owner, name } = repository
  const query = { owner, repo: name, ref: head, app_id: client.appId, filter: 'all', per_page: 100 } as const
  try {
    const { data } = await client.rest.rest.checks.listForRef(query)
    for (const { id, status } of data.check_runs) {
      if (status !== 'completed') await concludeRun(client, { id, repository: { owner, name }, resumed: true }, plan)
    }
  } catch (error) {
    if (!(error instanceof GoneError)) throw error
  }
}
