// The settings that exist: one schema for types, defaults, checks, messages and editors. Knows no file and no path.
import { RULE_SETS } from '#engine'
import type { RuleSet } from '#engine'
import { z } from 'zod'
import type { KeyPath, Raw } from './config-file.ts'
import { cut, inlineCode } from './escape.ts'
import { whyNotGlob } from './glob.ts'
import { nearest } from './nearest.ts'

const LEVELS = ['off', 'info', 'warning', 'error'] as const
export type Level = (typeof LEVELS)[number]

const FAIL_ON = ['error', 'warning', 'never'] as const
export type FailOn = (typeof FAIL_ON)[number]

type Rules = Readonly<Record<string, Level | undefined>>

/** Every setting with its value. The keys are those of the file: one vocabulary for people and code. */
export interface Config {
  extends?: string | undefined
  mode: 'enforce' | 'observe'
  profile: RuleSet
  fail_on: FailOn
  on_error: 'neutral' | 'block'
  check_name: 'sha' | 'base'
  rules: Rules
  paths: { ignore: string[] }
  overrides: {
    paths: string[]
    profile?: RuleSet | undefined
    fail_on?: FailOn | undefined
    rules?: Rules | undefined
  }[]
  comments: { max: number }
  drafts: boolean
  accept: 'write' | 'maintain' | 'admin' | 'nobody'
  accept_own: boolean
}

/** A part of a configuration file as it is written. */
export type Mapping = { [key: string]: Raw }

/** The schema of one file; every default stands in it. */
export function schemaOf(ruleIds: readonly string[]): z.ZodType<Config> {
  const glob = z.string().superRefine((text, context) => {
    const why = whyNotGlob(text)
    if (why !== null) context.addIssue({ code: 'custom', message: why })
  })
  const profile = z.enum(RULE_SETS)
  const failOn = z.enum(FAIL_ON)
  const rules = z.strictObject(Object.fromEntries(ruleIds.map((id) => [id, z.enum(LEVELS).optional()])))

  return z
    .strictObject({
      extends: z
        .string()
        .regex(/^([a-z\d][a-z\d-]*\/)?\.github$/i)
        .optional()
        .describe("`.github`: start from the same file in your organisation's `.github` repository."),
      mode: z
        .enum(['enforce', 'observe'])
        .default('enforce')
        .describe('`observe`: a check run only, which never fails.'),
      profile: profile.default('recommended').describe('Which rules run where `rules` does not say.'),
      fail_on: failOn.default('error').describe('The severity from which on a finding fails the check.'),
      on_error: z
        .enum(['neutral', 'block'])
        .default('neutral')
        .describe('What the check concludes when otp-review itself fails: `neutral` lets the merge go on.'),
      check_name: z
        .enum(['sha', 'base'])
        .default('sha')
        .describe('`base`: one check for each base branch, where several pull requests share a commit.'),
      rules: rules.default({}).describe('The severity of a rule, or `off`.'),
      paths: z
        .strictObject({
          ignore: z
            .array(glob)
            .max(100)
            .default([])
            .describe('Files that are not reviewed, as patterns such as `lib/legacy/**`.'),
        })
        .prefault({}),
      overrides: z
        .array(
          z.strictObject({
            paths: z.array(glob).min(1).max(100),
            profile: profile.optional(),
            fail_on: failOn.optional(),
            rules: rules.optional(),
          }),
        )
        .max(50)
        .default([])
        .describe('Other settings for some paths; a later entry wins.'),
      comments: z
        .strictObject({
          max: z
            .int()
            .min(0)
            .max(50)
            .default(10)
            .describe('Comments on lines in one pull request; 0: a check run only.'),
        })
        .prefault({}),
      drafts: z
        .boolean()
        .default(false)
        .describe('Whether drafts get comments too; their check run concludes in any case.'),
      accept: z
        .enum(['write', 'maintain', 'admin', 'nobody'])
        .default('write')
        .describe('Who may accept findings with a comment: people with at least this permission.'),
      accept_own: z.boolean().default(true).describe('Whether authors may accept findings in their own pull requests.'),
    })
    .meta({ title: 'otp-review configuration' })
}

/** JSON Schema of the file, for editors; the published one is generated from it. */
export function configSchema(ruleIds: readonly string[]): Record<string, unknown> {
  return z.toJSONSchema(schemaOf(ruleIds), { io: 'input', target: 'draft-7' })
}

/** A part of the value that does not fit; `why` where the schema has words of its own. */
export interface Misfit {
  path: KeyPath
  given: Raw | undefined
  why: string | null
}

/** What of the value fits, and what was taken out of it. A key without a value is a key not set. */
export function fit(whole: Raw, schema: z.ZodType<Config>): { value: Mapping; misfits: Misfit[] } {
  const misfits: Misfit[] = []
  let value: Raw = whole ?? {}

  // Each round takes something out of the value, so it ends: at the latest with nothing left.
  for (;;) {
    const issues = schema.safeParse(value).error?.issues
    if (issues === undefined) return { value: value as Mapping, misfits: misfits.toReversed() }

    const wrong = issues.flatMap((issue) => {
      const path = issue.path as (string | number)[]
      if (issue.code !== 'unrecognized_keys') {
        return [{ path, why: issue.code === 'custom' ? issue.message : null, isUnknown: false }]
      }
      return issue.keys.map((key) => ({ path: [...path, key], why: null, isUnknown: true }))
    })
    // Backwards, so that the indexes of list items before one that goes stay right.
    for (const { path, why, isUnknown } of wrong.toReversed()) {
      const given = valueAt(value, path)
      const isUnset = given === null && typeof path.at(-1) === 'string'
      if (isUnknown || !isUnset) misfits.push({ path, given, why })
      value = without(value, given === undefined ? path.slice(0, -1) : path)
    }
  }
}

interface Spec {
  properties?: Record<string, Spec>
  items?: Spec
  enum?: string[]
  type?: string
  minimum?: number
  maximum?: number
  minItems?: number
  maxItems?: number
  pattern?: string
}

/** Says what is wrong and what would be right. */
export function explainer(ruleIds: readonly string[]): (misfit: Misfit) => string {
  const root = configSchema(ruleIds) as Spec
  const specAt = (path: KeyPath): Spec | undefined =>
    path.reduce<Spec | undefined>((spec, key) => {
      if (typeof key === 'number') return spec?.items
      // The key is anything that people write, `constructor` included.
      return spec?.properties && Object.hasOwn(spec.properties, key) ? spec.properties[key] : undefined
    }, root)

  return ({ path, given, why }) => {
    if (path.length === 0) return 'The file must be a mapping of settings, so nothing in it counts.'
    const name = inlineCode(cut(nameOf(path), 80))
    if (given === undefined) return `${name} is missing, so this entry does not count.`

    const spec = specAt(path)
    if (spec === undefined) {
      const what = path.at(-2) === 'rules' ? 'a rule of this version' : 'a setting'
      const meant = nearest(String(path.at(-1)), Object.keys(specAt(path.slice(0, -1))?.properties ?? {}))
      return `${name} is not ${what}. ${didYouMean(meant)}It does not count.`
    }
    const value = describeValue(given)
    if (why !== null) return `${name} can't be ${value}: ${why}. It does not count.`
    const meant = spec.enum === undefined ? null : nearest(String(given), spec.enum)
    return `${name} must be ${expectation(spec)}, not ${value}. ${didYouMean(meant)}It counts as unset.`
  }
}

function describeValue(value: Raw): string {
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (value === null) return 'empty'
  return typeof value === 'object' ? 'a mapping' : inlineCode(cut(String(value), 60))
}

function expectation({ type, enum: choices, minimum, maximum, minItems = 0, maxItems, pattern }: Spec): string {
  if (choices !== undefined) return `one of ${choices.map((choice) => `\`${choice}\``).join(', ')}`
  if (type === 'boolean') return '`true` or `false`'
  if (type === 'integer') return `a whole number from ${minimum} to ${maximum}`
  if (type === 'array') return `a list of ${minItems} to ${maxItems} entries`
  if (type === 'object') return 'a mapping'
  return pattern === undefined ? 'a pattern such as `lib/**`' : "`.github`, your organisation's repository"
}

function didYouMean(meant: string | null): string {
  return meant === null ? '' : `Did you mean \`${meant}\`? `
}

function nameOf(path: KeyPath): string {
  return path.reduce<string>(
    (name, key) => (typeof key === 'number' ? `${name}[${key}]` : name === '' ? key : `${name}.${key}`),
    '',
  )
}

function valueAt(value: Raw, path: KeyPath): Raw | undefined {
  let at: Raw | undefined = value
  for (const key of path) at = typeof at === 'object' && at !== null ? (at as Mapping)[key] : undefined
  return at
}

function without(value: Raw, path: KeyPath): Raw {
  const [key, ...rest] = path
  if (key === undefined || typeof value !== 'object' || value === null) return {}
  if (Array.isArray(value)) {
    return rest.length === 0
      ? value.toSpliced(key as number, 1)
      : value.with(key as number, without(value[key as number]!, rest))
  }
  const copy: Mapping = Object.assign(Object.create(null), value)
  if (rest.length === 0) delete copy[key]
  else copy[key] = without(copy[key]!, rest)
  return copy
}
