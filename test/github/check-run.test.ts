import nock from 'nock'
import { describe, expect, it } from 'vitest'
import {
  beginRun,
  concludeRun,
  GitHubUnavailableError,
  hasResult,
  MissingPermissionError,
} from '../../src/github/index.ts'
import type { Run, RunSubject } from '../../src/github/index.ts'
import type { PlannedAnnotation, PlannedRun } from '../../src/review/plan.ts'
import { API, guardTheWire, wire } from './wire.ts'
import type { Wire } from './wire.ts'

guardTheWire()

const HEAD = 'a'.repeat(40)
const RUNS = '/repos/acme/shop/check-runs'
const NAME = { name: 'OTP review' }

describe('beginRun', () => {
  it('creates a run in progress that says for whom it speaks', async () => {
    nock(API).post(RUNS).reply(201, { id: 5 })
    const { client, sent } = wire()
    const pullsOnHead = [
      { number: 1, baseRef: 'main' },
      { number: 2, baseRef: 'release' },
    ]

    const run = await beginRun(client, subject({ pullsOnHead }), { ...NAME, detailsUrl: 'https://otp.example/1' })

    expect(run).toEqual({ id: 5, repository: { owner: 'acme', name: 'shop' }, resumed: false })
    expect(sent[0]?.body).toEqual({
      name: 'OTP review',
      head_sha: HEAD,
      status: 'in_progress',
      details_url: 'https://otp.example/1',
      external_id: expect.any(String),
    })
    expect(externalIdIn(sent)).toEqual({
      pulls: [
        { number: 1, base: 'main' },
        { number: 2, base: 'release' },
      ],
      config: expect.stringMatching(/^[0-9a-f]{12}$/),
      accepted: expect.stringMatching(/^[0-9a-f]{12}$/),
    })
  })

  it('a run of a merge group speaks for its pull requests', async () => {
    nock(API).post(RUNS).reply(201, { id: 5 })
    const { client, sent } = wire()

    await beginRun(client, subject({ subject: { kind: 'group', headRef: 'refs/heads/x', pulls: [104, 103] } }), NAME)

    expect(externalIdIn(sent)).toMatchObject({
      group: 'refs/heads/x',
      pulls: [
        { number: 104, base: 'main' },
        { number: 103, base: 'main' },
      ],
    })
  })

  it('takes up the unfinished run of this name, without a request', async () => {
    const { client, sent } = wire()
    const runs = [run(4, 'completed'), run(3, 'in_progress'), { ...run(9, 'in_progress'), name: 'OTP review: main' }]

    expect(await beginRun(client, subject({ runs }), NAME)).toMatchObject({ id: 3, resumed: true })
    expect(sent).toEqual([])
  })

  it('a finished run never goes back: there is a new one', async () => {
    nock(API).post(RUNS).reply(201, { id: 5 })

    expect(await beginRun(wire().client, subject({ runs: [run(4, 'completed')] }), NAME)).toMatchObject({ id: 5 })
  })

  it('leaves no second run pending', async () => {
    nock(API)
      .patch(`${RUNS}/2`, (body: { conclusion: string }) => body.conclusion === 'neutral')
      .reply(200, {})

    const begun = await beginRun(wire().client, subject({ runs: [run(3, 'in_progress'), run(2, 'in_progress')] }), NAME)

    expect(begun.id).toBe(3)
  })

  it('where the runs on the head are not known it looks for an unfinished one', async () => {
    nock(API)
      .get(`/repos/acme/shop/commits/${HEAD}/check-runs`)
      .query(true)
      .reply(200, { check_runs: [{ id: 6 }] })

    expect(await beginRun(wire().client, subject({ runs: null }), NAME)).toMatchObject({ id: 6, resumed: true })
  })

  it.each([
    ['arrived', [{ id: 6 }], 6],
    ['did not arrive', [], 7],
  ])('after a lost answer it looks first: the run %s', async (_, found, id) => {
    nock(API)
      .post(RUNS)
      .reply(502)
      .get(`/repos/acme/shop/commits/${HEAD}/check-runs`)
      .query((query) => query['check_name'] === 'OTP review' && query['app_id'] === '42')
      .reply(200, { check_runs: found })
    if (found.length === 0) nock(API).post(RUNS).reply(201, { id: 7 })

    expect(await beginRun(wire().client, subject({}), NAME)).toMatchObject({ id })
  })

  it('without the permission it says which one', async () => {
    nock(API).post(RUNS).reply(403, { message: 'Resource not accessible by integration' })

    const error = await beginRun(wire().client, subject({}), NAME).catch((error: unknown) => error)

    expect(error).toBeInstanceOf(MissingPermissionError)
    expect(error).toMatchObject({ permission: 'checks:write' })
  })
})

describe('hasResult', () => {
  const noted = async (fields: Partial<RunSubject>, accepted: string[] = []) => {
    nock(API).post(RUNS).reply(201, { id: 5 })
    const { client, sent } = wire()
    await beginRun(client, subject(fields), { ...NAME, accepted })
    return JSON.stringify(externalIdIn(sent))
  }
  const concluded = (externalId: string, id = 4) => ({ ...run(id, 'completed'), externalId })
  const one = { number: 1, baseRef: 'main' }
  const two = { number: 2, baseRef: 'main' }

  it('is so where a run was made for this pull request, base, configuration and acceptances', async () => {
    const runs = [concluded(await noted({}, ['c2 a', 'c1 b']))]

    expect(hasResult(subject({ runs }), { ...NAME, accepted: ['c1 b', 'c2 a'] })).toBe(true)
    expect(hasResult(subject({ runs }), NAME)).toBe(false)
    expect(hasResult(subject({ runs, pullsOnHead: [{ ...one, baseRef: 'next' }] }), NAME)).toBe(false)
    expect(hasResult(subject({ runs: [concluded(await noted({}))] }), NAME)).toBe(true)
  })

  it('is not so where the run was made for another pull request on this head', async () => {
    const runs = [concluded(await noted({ pullsOnHead: [two, one] }))]

    expect(hasResult(subject({ runs, pullsOnHead: [one, two] }), NAME)).toBe(false)
    expect(hasResult(subject({ runs, pullsOnHead: [two, one] }), NAME)).toBe(true)
  })

  it('is not so while a newer run is under way, or where none is ours', async () => {
    const externalId = await noted({})
    const newer = { ...run(9, 'in_progress'), externalId }

    expect(hasResult(subject({ runs: [newer, concluded(externalId)] }), NAME)).toBe(false)
    expect(hasResult(subject({ runs: [concluded('?'), concluded('')] }), NAME)).toBe(false)
  })
})

describe('concludeRun', () => {
  it('concludes in one request, with a button to check again', async () => {
    nock(API).patch(`${RUNS}/5`).reply(200, {})
    const { client, sent } = wire()

    await concludeRun(client, RUN, planned({ annotations: annotations(50) }))

    expect(sent).toHaveLength(1)
    expect(sent[0]?.body).toMatchObject({
      status: 'completed',
      conclusion: 'failure',
      output: { title: 'Two problems', summary: 'Summary.', text: 'Text.' },
      actions: [{ label: 'Check again', identifier: 'check-again', description: 'Reads the pull request anew.' }],
    })
    const { annotations: batch } = updatesIn(sent)[0]!.output
    expect(batch).toHaveLength(50)
    expect(batch?.[0]).toEqual({
      path: 'lib/m0.ex',
      start_line: 1,
      end_line: 2,
      annotation_level: 'warning',
      title: 'Title',
      message: 'Message 0',
    })
  })

  it('sends more than 50 annotations in batches and concludes with the last', async () => {
    nock(API).patch(`${RUNS}/5`).times(3).reply(200, {})
    const { client, sent } = wire()

    await concludeRun(client, RUN, planned({ annotations: annotations(120) }))

    const updates = updatesIn(sent)
    expect(updates.map(({ output }) => output.annotations?.length)).toEqual([50, 50, 20])
    expect(updates.map(({ conclusion }) => conclusion)).toEqual([undefined, undefined, 'failure'])
  })

  it('an earlier attempt is taken up where it stopped', async () => {
    const all = annotations(120)
    nock(API)
      .get(`${RUNS}/5/annotations`)
      .query({ per_page: 100, page: 1 })
      .reply(200, all.slice(0, 100).map(toListed))
      .get(`${RUNS}/5/annotations`)
      .query({ per_page: 100, page: 2 })
      .reply(200, [])
      .patch(`${RUNS}/5`)
      .reply(200, {})
    const { client, sent } = wire()

    await concludeRun(client, { ...RUN, resumed: true }, planned({ annotations: all }))

    const { output } = updatesIn(sent).at(-1)!
    expect(output.annotations?.map(({ path }) => path)).toEqual(all.slice(100).map(({ path }) => path))
  })

  it('the same annotation is sent as often as it is planned', async () => {
    const [one] = annotations(1)
    const twice = [one, one] as PlannedAnnotation[]
    nock(API)
      .get(`${RUNS}/5/annotations`)
      .query(true)
      .reply(200, twice.slice(1).map(toListed))
      .patch(`${RUNS}/5`)
      .reply(200, {})
    const { client, sent } = wire()

    await concludeRun(client, { ...RUN, resumed: true }, planned({ annotations: twice }))

    expect(updatesIn(sent).at(-1)!.output.annotations).toHaveLength(1)
  })

  it('after a lost answer it sends only what did not arrive', async () => {
    const all = annotations(60)
    nock(API)
      .patch(`${RUNS}/5`)
      .reply(502)
      .get(`${RUNS}/5/annotations`)
      .query(true)
      .reply(200, all.slice(0, 50).map(toListed))
      .patch(`${RUNS}/5`)
      .reply(200, {})
    const { client, sent } = wire()

    await concludeRun(client, RUN, planned({ annotations: all }))

    const last = updatesIn(sent).at(-1)!
    expect(last.output.annotations).toHaveLength(10)
    expect(last.conclusion).toBe('failure')
  })

  it('a second failure of the same step is left to the next attempt', async () => {
    nock(API).patch(`${RUNS}/5`).times(2).reply(502)

    await expect(concludeRun(wire().client, RUN, planned({}))).rejects.toThrow(GitHubUnavailableError)
  })

  it("stays within GitHub's limits whatever the texts", async () => {
    nock(API).patch(`${RUNS}/5`).reply(200, {})
    const { client, sent } = wire()
    const long = '日'.repeat(70_000)

    await concludeRun(
      client,
      RUN,
      planned({
        title: long,
        summary: long,
        text: long,
        annotations: [{ ...annotation(0), title: long, message: long }],
      }),
    )

    const { output } = updatesIn(sent)[0]!
    expect(output.title).toHaveLength(255)
    expect(Buffer.byteLength(output.summary)).toBeLessThanOrEqual(65_535)
    expect(output.summary).toMatch(/^日+$/)
    expect(Buffer.byteLength(output.annotations?.[0]?.message ?? '')).toBeLessThanOrEqual(65_536)
  })
})

interface Update {
  conclusion?: string
  output: { title: string; summary: string; annotations?: { path: string; message: string }[] }
}

function updatesIn(sent: Wire['sent']): Update[] {
  return sent.map(({ body }) => body as Update)
}

function externalIdIn(sent: Wire['sent']): unknown {
  return sent.map(({ body }) => JSON.parse((body as { external_id: string }).external_id))[0]
}

const RUN: Run = { id: 5, repository: { owner: 'acme', name: 'shop' }, resumed: false }

function subject(fields: Partial<RunSubject>): RunSubject {
  return {
    subject: { kind: 'pull' },
    repository: { owner: 'acme', name: 'shop' },
    head: HEAD,
    base: { ref: 'main' },
    config: { base: null, organisation: null, head: null },
    runs: [],
    pullsOnHead: [{ number: 1, baseRef: 'main' }],
    ...fields,
  }
}

function run(id: number, status: 'in_progress' | 'completed') {
  return { id, name: 'OTP review', status, conclusion: null, externalId: '', startedAt: null }
}

function planned(fields: Partial<PlannedRun>): PlannedRun {
  return {
    conclusion: 'failure',
    title: 'Two problems',
    summary: 'Summary.',
    text: 'Text.',
    annotations: [],
    ...fields,
  }
}

function annotation(index: number): PlannedAnnotation {
  return {
    path: `lib/m${index}.ex`,
    startLine: 1,
    endLine: 2,
    level: 'warning',
    title: 'Title',
    message: `Message ${index}`,
  }
}

function annotations(count: number): PlannedAnnotation[] {
  return Array.from({ length: count }, (_, index) => annotation(index))
}

function toListed({ path, startLine, endLine, level, title, message }: PlannedAnnotation) {
  return { path, start_line: startLine, end_line: endLine, annotation_level: level, title, message }
}
