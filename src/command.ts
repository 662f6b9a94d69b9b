// Owns what people ask of us in comments: who may, what it does, what we answer. The check run follows in a review of its own.
import type { Logger } from 'pino'
import { ACCESS, react, readAccess, readBases, readSnapshot, RefusedError, sayAnswer } from './github/index.ts'
import type { Access, Client, Context, Reaction } from './github/index.ts'
import { planReview } from './plan-review.ts'
import type { Desk } from './plan-review.ts'
import { acceptancesIn, answerBody, canSay, readAnswer } from './review/answer.ts'
import type { Acceptance, Answer } from './review/answer.ts'
import { readCommands } from './review/commands.ts'
import type { Command } from './review/commands.ts'
import { isStanding } from './review/conclude.ts'
import type { ResolvedConfig } from './review/config.ts'
import { inlineCode } from './review/escape.ts'
import { nearest } from './review/nearest.ts'
import type { Introduced } from './review/plan.ts'
import type { Asked } from './review/snapshot.ts'
import { acceptedTooLate, acceptedTooMuch, nothingToAccept, unknownRule } from './review/speech.ts'

export interface Commanded {
  client: Client
  context: Context
  configuration: ResolvedConfig
  desk: Desk
  log: Logger
}

/** What became of one command. */
type Result = 'done' | 'not allowed' | { problem: string }

/**
 * Does what the comments ask for that have no reaction of ours yet, and answers: a reaction each, and at most one
 * comment, which is edited. Tells whether somebody asked for a recheck, and what is accepted now. Can be repeated after a crash: a comment whose
 * acceptance is written down is not read a second time.
 */
export async function answerCommands(
  commanded: Commanded,
): Promise<{ recheck: boolean; accepted: readonly Acceptance[] }> {
  const { client, context, desk, log } = commanded
  if (context.subject.kind !== 'pull') return { recheck: false, accepted: [] }
  const { repository, conversations } = context
  const { answer, asked } = conversations[0] ?? { answer: null, asked: [] }
  const unheard = asked.filter((each) => !each.heard && !each.edited && readCommands(each.body).length > 0)

  const { explained } = readAnswer(answer?.body ?? null)
  const said: Answer = { acceptances: acceptancesIn(conversations), explained }
  const problems: string[] = []
  const reactions = new Map<Asked, Reaction>()
  const work: Work = { ...commanded, author: context.subject.author, said, ...memories(commanded) }
  let recheck = false
  for (const each of unheard) {
    const results: Result[] = []
    for (const command of readCommands(each.body)) {
      const result = await obey(command, each, work)
      results.push(result)
      recheck ||= command.do === 'recheck' && result === 'done'
      log.info({ command: command.do, by: each.author, result: resultName(result) }, 'command')
    }
    problems.push(...results.flatMap((result) => (typeof result === 'object' ? [result.problem] : [])))
    reactions.set(each, reactionTo(results))
  }

  const place = { owner: repository.owner, name: repository.name, number: context.subject.number }
  const { catalogue, docsUrl } = desk
  const text = answerBody({ ...said, problems, catalogue, docsUrl })
  const isNeeded = said.acceptances.length + said.explained.length + problems.length > 0
  if (answer === null ? isNeeded : text !== answer.body) {
    // A conversation that is locked takes no comments.
    await sayAnswer(client, place, answer, text).catch((err: unknown) => {
      if (!(err instanceof RefusedError)) throw err
      log.warn({ err }, 'no answer to commands')
    })
  }
  for (const [each, reaction] of reactions) await react(client, place, each, reaction)
  return { recheck, accepted: said.acceptances }
}

interface Work extends Commanded {
  author: string
  /** What our comment will say. */
  said: Answer
  accessOf(login: string): Promise<Access>
  /** All that stands at the head right now. */
  standing(): Promise<Introduced[]>
}

async function obey(command: Command, asked: Asked, work: Work): Promise<Result> {
  switch (command.do) {
    case 'recheck':
      return asked.author === work.author || (await mayWrite(asked, work)) ? 'done' : 'not allowed'
    case 'nothing':
      return (await mayWrite(asked, work))
        ? { problem: `${inlineCode(asked.author)}: ${command.problem}` }
        : 'not allowed'
    case 'explain':
      return (await mayWrite(asked, work)) ? explain(command.rule, asked, work) : 'not allowed'
    case 'accept':
      return (await mayAccept(asked, work)) ? accept(command, asked, work) : 'not allowed'
  }
}

function explain(rule: string, asked: Asked, { desk, said }: Work): Result {
  const problem = whyNoRule(rule, desk)
  if (problem !== null) return { problem: `${inlineCode(asked.author)}: ${problem}` }
  said.explained = [...said.explained.filter((id) => id !== rule), rule]
  return 'done'
}

async function accept(
  { rule, reason }: Extract<Command, { do: 'accept' }>,
  asked: Asked,
  { said, standing, context, desk }: Work,
): Promise<Result> {
  const trouble = (problem: string) => ({ problem: `${inlineCode(asked.author)}: ${problem}` })
  if (said.acceptances.some((each) => each.comment === asked.nodeId && each.rule === rule)) return 'done'
  const unknown = whyNoRule(rule, desk)
  if (unknown !== null) return trouble(unknown)
  if (isOlderThanHead(asked, context)) return trouble(acceptedTooLate(rule))

  const fingerprints = (await standing()).flatMap(({ finding }) => (finding.rule === rule ? [finding.fingerprint] : []))
  if (fingerprints.length === 0) return trouble(nothingToAccept(rule))

  const acceptance: Acceptance = { comment: asked.nodeId, rule, by: asked.author, reason, fingerprints }
  const { catalogue, docsUrl } = desk
  const acceptances = [...said.acceptances, acceptance]
  if (!canSay({ ...said, acceptances, problems: [], catalogue, docsUrl })) return trouble(acceptedTooMuch(rule))
  said.acceptances = acceptances
  return 'done'
}

/** Nobody accepts what they can not have seen: the check run on this head began after the comment was written. */
function isOlderThanHead({ at }: Asked, { runs }: Context): boolean {
  const begun = runs.flatMap(({ startedAt }) => (startedAt === null ? [] : [Date.parse(startedAt)]))
  return begun.length > 0 && Math.min(...begun) > Date.parse(at)
}

function whyNoRule(rule: string, { catalogue }: Desk): string | null {
  const ids = catalogue.map(({ id }) => id)
  return ids.includes(rule) ? null : unknownRule(rule, nearest(rule, ids))
}

async function mayWrite({ author }: Asked, { accessOf }: Work): Promise<boolean> {
  return ACCESS.indexOf(await accessOf(author)) >= ACCESS.indexOf('write')
}

async function mayAccept(asked: Asked, work: Work): Promise<boolean> {
  const { accept, accept_own } = work.configuration.config
  if (accept === 'nobody' || (asked.author === work.author && !accept_own)) return false
  return ACCESS.indexOf(await work.accessOf(asked.author)) >= ACCESS.indexOf(accept)
}

/** What costs requests is asked once, and only where a command needs it. */
function memories({ client, context, configuration, desk }: Commanded): Pick<Work, 'accessOf' | 'standing'> {
  const access = new Map<string, Promise<Access>>()
  let plan: Promise<Introduced[]> | undefined
  const read = async () => {
    const snapshot = await readSnapshot(client, context)
    const { plan } = await planReview(snapshot, configuration, (base, paths) => readBases(client, base, paths), desk)
    return plan.introduced.filter(isStanding)
  }
  return {
    accessOf: (login) => {
      const known = access.get(login) ?? readAccess(client, context.repository, login)
      access.set(login, known)
      return known
    },
    standing: () => (plan ??= read()),
  }
}

function reactionTo(results: readonly Result[]): Reaction {
  if (results.some((result) => typeof result === 'object')) return 'confused'
  return results.includes('not allowed') ? '-1' : '+1'
}

function resultName(result: Result): string {
  return typeof result === 'object' ? 'not understood' : result
}
