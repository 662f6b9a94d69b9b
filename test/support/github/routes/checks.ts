// Check runs and suites.
import { announceRun, announceSuite, createRun, type RunFields, updateRun } from '../checks.ts'
import { latestRuns, runsOf } from '../json.ts'
import { type Answer, Refusal } from '../refusal.ts'
import { found } from '../reviews.ts'
import type { CheckRun, CheckSuite } from '../world.ts'
import { inRepository, ok, paged, type RepositoryCall, type Routes } from './route.ts'

export const checkRoutes: Routes = {
  'POST /repos/{owner}/{repo}/check-runs': inRepository('checks:write', async (call) =>
    ok(call.github.write.run(await createRun(call.github, call.repository, call.body as RunFields)), 201),
  ),

  'GET /repos/{owner}/{repo}/check-runs/{check_run_id}': inRepository('checks:read', (call) =>
    ok(call.github.write.run(runOf(call))),
  ),

  'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}': inRepository('checks:write', async (call) => {
    const run = runOf(call)
    await updateRun(call.github, run, call.body as RunFields)
    return ok(call.github.write.run(run))
  }),

  'GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations': inRepository('checks:read', (call) => {
    const run = runOf(call)
    return paged(call, run.annotations, (one) => call.github.write.annotation(run, one))
  }),

  'POST /repos/{owner}/{repo}/check-runs/{check_run_id}/rerequest': inRepository('checks:write', async (call) => {
    await announceRun(call.github, runOf(call), 'rerequested', call.github.world.app.bot)
    return ok({}, 201)
  }),

  'GET /repos/{owner}/{repo}/commits/{ref}/check-runs': inRepository('checks:read', async (call) => {
    const sha = await headOf(call)
    return runList(
      call,
      call.repository.runs.filter((run) => run.headSha === sha),
    )
  }),

  'GET /repos/{owner}/{repo}/commits/{ref}/check-suites': inRepository('checks:read', async (call) => {
    const sha = await headOf(call)
    const { app_id: app } = call.query
    const suites = call.repository.suites.filter((one) => one.headSha === sha && isOurs(call, app))
    const wrap = (page: unknown[], total: number) => ({ total_count: total, check_suites: page })
    return paged(call, suites, call.github.write.fullSuite, wrap)
  }),

  'GET /repos/{owner}/{repo}/check-suites/{check_suite_id}': inRepository('checks:read', async (call) =>
    ok(await call.github.write.fullSuite(suiteOf(call))),
  ),

  'GET /repos/{owner}/{repo}/check-suites/{check_suite_id}/check-runs': inRepository('checks:read', (call) =>
    runList(call, runsOf(suiteOf(call))),
  ),

  'POST /repos/{owner}/{repo}/check-suites/{check_suite_id}/rerequest': inRepository('checks:write', async (call) => {
    await announceSuite(call.github, suiteOf(call), 'rerequested', call.github.world.app.bot)
    return ok({}, 201)
  }),
}

function runList(call: RepositoryCall, runs: CheckRun[]): Promise<Answer> {
  const { check_name: name, status, filter = 'latest', app_id: app } = call.query
  const wanted = (filter === 'latest' ? latestRuns(runs) : runs)
    .filter((run) => (!name || run.name === name) && (!status || run.status === status) && isOurs(call, app))
    .toReversed()
  return paged(call, wanted, call.github.write.run, (page, total) => ({ total_count: total, check_runs: page }))
}

function isOurs(call: RepositoryCall, app: string | undefined): boolean {
  return app === undefined || Number(app) === call.github.world.app.id
}

function runOf(call: RepositoryCall): CheckRun {
  const id = Number(call.params['check_run_id'])
  return found(call.repository.runs.find((run) => run.id === id))
}

function suiteOf(call: RepositoryCall): CheckSuite {
  const id = Number(call.params['check_suite_id'])
  return found(call.repository.suites.find((suite) => suite.id === id))
}

async function headOf(call: RepositoryCall): Promise<string> {
  const ref = call.params['ref'] ?? ''
  const sha = await call.repository.git.resolve(ref)
  if (!sha) throw new Refusal(422, `No commit found for SHA: ${ref}`)
  return sha
}
