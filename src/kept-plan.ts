// Plans that wait to be published: kept before anything is said, so that a crash, an outage of GitHub or a draft costs
// no second analysis. Knows what a plan was made for and what of it is said already, not where it is kept.
import { createHash } from 'node:crypto'
import type { Context } from './github/index.ts'
import { acceptancesIn } from './review/answer.ts'
import type { PublicPlan } from './review/plan.ts'
import type { Said } from './review/snapshot.ts'

/** Of what is kept: another release that reads it otherwise analyses anew. */
const VERSION = 1

/** Plain data. It quotes what the comments quote, and no file. */
interface KeptPlan {
  version: typeof VERSION
  /** Digest of all that decides a plan but the code, which the head names. */
  madeFor: string
  /** Our comments that stood then. */
  said: Pick<Said, 'nodeId' | 'answered'>[]
  plan: PublicPlan
  /** What a draft is told once it is ready; null where it is not waited for. */
  whenReady: PublicPlan | null
  /** How many files were read, and the rule of each introduced finding: for the log. */
  files: number
  rules: string[]
}

/** A plan on its way. */
export type Prepared = Pick<KeptPlan, 'plan' | 'whenReady' | 'files' | 'rules'>

/** What a plan depends on, as it is now. */
type Present = Pick<Context, 'subject' | 'head' | 'base' | 'config' | 'conversations' | 'lacking' | 'said'>

/** The plan as text, with what it was made for. */
export function writePlan(present: Present, { plan, whenReady, files, rules }: Prepared): string {
  const kept: KeptPlan = {
    version: VERSION,
    madeFor: digest(present),
    said: present.said.map(({ nodeId, answered }) => ({ nodeId, answered })),
    plan,
    whenReady,
    files,
    rules,
  }
  return JSON.stringify(kept)
}

/**
 * What is left to publish of a plan that was kept; null where something changed since that may change it: the code, its
 * base, the configuration, what is accepted, what people did to our comments. A draft that is ready is no such change.
 */
export function resumePlan(text: string | null, present: Present): Prepared | null {
  const kept = text === null ? null : (JSON.parse(text) as KeptPlan)
  if (kept?.version !== VERSION || !isUntouched(kept, present)) return null
  const { plan, whenReady } = kept
  if (kept.madeFor === digest(present)) return { ...kept, plan: unsaid(plan, kept, present) }
  if (whenReady === null || kept.madeFor !== digest(asDraft(present))) return null
  return { ...kept, plan: unsaid(whenReady, kept, present), whenReady: null }
}

/** Whether anything is left to say beside the check run. */
export function hasWords({ plan: { comments, replies, edits } }: Prepared): boolean {
  return comments.length + replies.length + edits.length > 0
}

/** Whether nobody but ourselves, by this very plan, said or removed anything in our threads. */
function isUntouched(kept: KeptPlan, { said, head }: Present): boolean {
  const stood = new Map(kept.said.map(({ nodeId, answered }) => [nodeId, answered]))
  const since = saidSince(kept, said)
  return (
    said.length - since.length === stood.size &&
    said.every(({ nodeId, answered }) => answered === (stood.get(nodeId) ?? false)) &&
    since.every(({ marker }) => marker.sha === head)
  )
}

/** The plan without what was said by it before. */
function unsaid(plan: PublicPlan, kept: KeptPlan, { said }: Present): PublicPlan {
  const since = saidSince(kept, said)
  const threadOf = new Map(said.map(({ id, threadId }) => [id, threadId]))
  const isSaid = (fingerprint: string, isThere: (one: Said) => boolean) =>
    since.some((one) => one.marker.fingerprint === fingerprint && isThere(one))
  const closed = new Set(said.flatMap(({ nodeId, marker }) => (marker.state === 'open' ? [] : [nodeId])))
  return {
    ...plan,
    comments: plan.comments.filter(({ path, fingerprint }) => !isSaid(fingerprint, (one) => one.path === path)),
    replies: plan.replies.filter(
      ({ commentId, fingerprint }) => !isSaid(fingerprint, (one) => one.threadId === threadOf.get(commentId)),
    ),
    edits: plan.edits.filter(({ nodeId }) => !closed.has(nodeId)),
  }
}

function saidSince({ said: before }: KeptPlan, said: readonly Said[]): Said[] {
  const stood = new Set(before.map(({ nodeId }) => nodeId))
  return said.filter(({ nodeId }) => !stood.has(nodeId))
}

function asDraft(present: Present): Present {
  const { subject } = present
  return subject.kind === 'pull' ? { ...present, subject: { ...subject, draft: true } } : present
}

function digest({ subject, head, base, config, conversations, lacking }: Present): string {
  const parts = [subject, head, base, config.base, config.organisation, acceptancesIn(conversations), lacking]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
