import { expect, test } from 'vitest'
import { type StandIn, startGitHub } from '../support/github/index.ts'
import { asInstallation, refusal, shop } from './client.ts'

async function openPull(github: StandIn) {
  const repo = await github.repository('acme/shop')
  return repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n2\n3\n' } })
}

const annotation = {
  path: 'lib/a.ex',
  start_line: 1,
  end_line: 1,
  annotation_level: 'warning' as const,
  message: 'Look.',
}
const output = { title: 'Title', summary: 'Summary' }

test('a conclusion completes the run, and a finished run does not go back', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)
  const { checks } = asInstallation(github).rest
  const { data: run } = await checks.create({ ...shop, name: 'OTP review', head_sha: pull.head, status: 'in_progress' })

  const done = await checks.update({ ...shop, check_run_id: run.id, conclusion: 'neutral', output })
  const back = await checks.update({ ...shop, check_run_id: run.id, status: 'in_progress' })

  expect([run.status, run.conclusion]).toEqual(['in_progress', null])
  expect([done.data.status, done.data.conclusion, done.data.completed_at]).toEqual([
    'completed',
    'neutral',
    expect.any(String),
  ])
  expect([back.data.status, back.data.conclusion]).toEqual(['completed', 'neutral'])
})

test('annotations are appended by every update, at most 50 of them', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)
  const { checks } = asInstallation(github).rest
  const { data: run } = await checks.create({ ...shop, name: 'OTP review', head_sha: pull.head })
  const update = (count: number) =>
    checks.update({ ...shop, check_run_id: run.id, output: { ...output, annotations: Array(count).fill(annotation) } })

  expect(await refusal(update(51))).toBe('422 Invalid request.\n\nNo more than 50 items are allowed; 51 were supplied.')
  await update(50)
  await update(10)

  const { data: first } = await checks.listAnnotations({ ...shop, check_run_id: run.id })
  const { data: all } = await checks.listAnnotations({ ...shop, check_run_id: run.id, per_page: 100 })
  expect([first.length, all.length]).toEqual([30, 60])
})

test.for<[string, object, string]>([
  [
    'a title of 256 characters',
    { output: { ...output, title: 'x'.repeat(256) } },
    'Only 255 characters are allowed in a title.',
  ],
  [
    'a summary of 65,536 characters',
    { output: { ...output, summary: 'x'.repeat(65_536) } },
    'Only 65535 characters are allowed in /output/summary; more were supplied.',
  ],
  [
    'four buttons',
    { actions: Array(4).fill({ label: 'a', description: 'b', identifier: 'c' }) },
    'No more than 3 items are allowed; 4 were supplied.',
  ],
  [
    'a label of 21 characters',
    { actions: [{ label: 'x'.repeat(21), description: 'b', identifier: 'c' }] },
    'Only 20 characters are allowed in /actions/0/label; more were supplied.',
  ],
  [
    'a description of 41 characters',
    { actions: [{ label: 'a', description: 'x'.repeat(41), identifier: 'c' }] },
    'Only 40 characters are allowed in /actions/0/description; more were supplied.',
  ],
  [
    'a message of more than 64 KB',
    { output: { ...output, annotations: [{ ...annotation, message: 'é'.repeat(32_769) }] } },
    'Only 64 KB are allowed in an annotation.',
  ],
  [
    'an end before its start',
    { output: { ...output, annotations: [{ ...annotation, start_line: 2 }] } },
    '`end_line` must not be before `start_line`.',
  ],
  [
    'columns over several lines',
    { output: { ...output, annotations: [{ ...annotation, end_line: 2, start_column: 1 }] } },
    'Columns are allowed on one line only.',
  ],
])('%s is refused', async ([, fields, reason]) => {
  await using github = await startGitHub()
  const pull = await openPull(github)

  const created = asInstallation(github).rest.checks.create({
    ...shop,
    name: 'OTP review',
    head_sha: pull.head,
    ...fields,
  })

  expect(await refusal(created)).toBe(`422 Invalid request.\n\n${reason}`)
  expect(pull.checkRuns()).toEqual([])
})

test('a run needs a commit that is there', async () => {
  await using github = await startGitHub()
  await openPull(github)

  const created = asInstallation(github).rest.checks.create({ ...shop, name: 'OTP review', head_sha: 'a'.repeat(40) })

  expect(await refusal(created)).toBe(`422 No commit found for SHA: ${'a'.repeat(40)}`)
})

test('of runs with one name the newest counts, and all are kept', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)
  const { checks } = asInstallation(github).rest
  const create = (conclusion?: 'success') =>
    checks.create({
      ...shop,
      name: 'OTP review',
      head_sha: pull.head,
      ...(conclusion && { conclusion }),
      external_id: 'x',
    })
  await create('success')
  const { data: newest } = await create()

  const { data: latest } = await checks.listForRef({ ...shop, ref: pull.head, check_name: 'OTP review' })
  const { data: all } = await checks.listForRef({ ...shop, ref: pull.head, filter: 'all' })
  const { data: suites } = await checks.listSuitesForRef({ ...shop, ref: pull.head, app_id: github.app.appId })

  expect(latest.check_runs.map((run) => run.id)).toEqual([newest.id])
  expect(all.total_count).toBe(2)
  expect(suites.check_suites.map((suite) => suite.status)).toEqual(['in_progress'])
  expect(latest.check_runs[0]?.pull_requests).toMatchObject([{ number: 1 }])
})

test('a run on the head of a fork is linked to no pull request', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  const pull = await repo.open({ branch: 'change', from: await repo.fork('mallory'), files: { 'lib/a.ex': '1\n' } })

  const { data: run } = await asInstallation(github).rest.checks.create({
    ...shop,
    name: 'OTP review',
    head_sha: pull.head,
  })

  expect(run.pull_requests).toEqual([])
  expect(pull.checkRuns()).toHaveLength(1)
})
