// Which part of a name is different for each of many things, and which parts are bounded. It knows no rule.
import { boundValue, type Clause, drawnFrom, type Expression, originsOf, walk } from '#engine'

/** Words that name one thing out of many: an atom for each of them is an atom for each entity. */
const PER_ENTITY = /^(?:\w*_)?(?:id|uuid|slug|email|token|key)$|^\w+Id$|^(?:user|session|room|tenant|topic)$/

/** Parts of a deployment: as many as somebody has set up. */
const DEPLOYED =
  /^(?:\w+_)?(?:adapter|app|application|backend|broker|chain|cluster|connector|consumer|database|db|driver|endpoint|env|instance|lane|network|node|partition|pool|producer|provider|region|replica|repo|scheduler|shard|site|slot|stack|stage|zone)_(?:id|key|uuid)$/

/** What configuration is called. */
const CONFIGURATION = /(?:^|_)(?:conf|config|configs|configuration|settings)$/

/** Functions that turn many values into few, or are given an atom that exists. */
const BOUNDING = new Set([
  ':erlang.atom_to_binary',
  ':erlang.atom_to_list',
  ':erlang.phash',
  ':erlang.phash2',
  'Atom.to_charlist',
  'Atom.to_string',
  'Integer.mod',
  'Kernel.rem',
])

/** The part of the name that is different for each entity; null where all parts are bounded. */
export function entityIn(atom: Expression, clause: Clause): Expression | null {
  for (const each of walk(atom)) {
    const key = entityKey(each, clause)
    if (key === null || !PER_ENTITY.test(key) || DEPLOYED.test(key)) continue
    if (!isBounded(each, atom) && !isAtom(each, clause) && !isConfigured(each, clause) && !hasDefault(key, clause))
      return each
  }
  return null
}

/** `id` of the variable `id`, of `room.id`, `opts[:id]`, `params["id"]`, `Keyword.fetch!(opts, :id)`. */
function entityKey(expression: Expression, clause: Clause): string | null {
  switch (expression.kind) {
    case 'variable':
      return clause.isBound(expression.name) ? expression.name : null
    case 'field':
      return expression.field
    case 'access': {
      const { key, subject } = expression
      // What comes from outside is different each time, whatever it is called.
      if (key.kind === 'text' && subject.kind === 'variable' && /^(params|args)$/.test(subject.name)) return 'id'
      return key.kind === 'atom' || key.kind === 'text' ? key.value : null
    }
    case 'call': {
      const key = /^(Keyword|Map)\.(get|fetch!)$/.test(expression.callee) ? expression.args[1] : undefined
      return key?.kind === 'atom' || key?.kind === 'text' ? key.value : null
    }
    default:
      return null
  }
}

/** `when is_atom(id)`: as many as there are atoms already. */
function isAtom(part: Expression, { guard }: Clause): boolean {
  if (part.kind !== 'variable' || guard === null) return false
  return [...walk(guard)].some((each) => {
    const [given] = each.kind === 'call' && each.callee === 'Kernel.is_atom' ? each.args : []
    return given?.kind === 'variable' && given.name === part.name
  })
}

/** `id \\ @default_id`, `Keyword.get(opts, :id, :default)`: what is one unless somebody says otherwise is an instance. */
function hasDefault(key: string, { module }: Clause): boolean {
  return module.functions.some(
    ({ defaults, clauses }) =>
      clauses.some(({ params }) =>
        params.some((param, index) => param.kind === 'variable' && param.name === key && isName(defaults[index])),
      ) ||
      clauses.some(({ calls }) =>
        calls.some(({ callee, args }) => {
          const [, name, fallback] = /^(?:Keyword|Map)\.get$/.test(callee) ? args : []
          return name?.kind === 'atom' && name.value === key && isName(fallback)
        }),
      ),
  )
}

function isName(fallback: Expression | null | undefined): boolean {
  if (fallback?.kind === 'atom') return fallback.value !== 'nil'
  return fallback?.kind === 'attribute' || fallback?.kind === 'module'
}

/** Inside `rem(id, 8)` and the like. */
function isBounded(part: Expression, atom: Expression): boolean {
  for (let up: Expression | null = part; up !== null && up !== atom; up = up.parent) {
    if (up.kind === 'call' && BOUNDING.has(up.callee)) return true
  }
  return false
}

/** Whether the value visibly comes out of configuration, an attribute, a range or a written list. */
function isConfigured(part: Expression, clause: Clause): boolean {
  for (const each of walk(part)) {
    if (each.kind !== 'variable') continue
    const origins = originsOf(each.name, clause)
    if (origins.some((name) => CONFIGURATION.test(name) || holdsConfiguration(name, clause))) return true
    if (origins.some((name) => drawnFrom(name, clause).some((source) => isFixed(source, clause)))) return true
  }
  return false
}

/** What a process is given or holds: configuration in it says nothing of what else there is. */
const HOLDERS = /^(?:args?|assigns|conn|opts|options|params|socket|state)$/

/** Whether configuration is read out of the same thing: `sign["configs"]`, `feed.settings`. */
function holdsConfiguration(name: string, clause: Clause): boolean {
  if (HOLDERS.test(name)) return false
  return clause.variables(name).some(({ parent }) => {
    const key = parent === null ? null : entityKey(parent, clause)
    return key !== null && parent?.kind !== 'variable' && CONFIGURATION.test(key)
  })
}

function isFixed(source: Expression, clause: Clause): boolean {
  const term = source.kind === 'variable' ? (boundValue(source, clause) ?? source) : source
  switch (term.kind) {
    case 'attribute':
    case 'list':
      return true
    case 'operator':
      return term.operator === '..' || term.operator === '..//'
    case 'call':
      return term.module === 'Application'
    case 'variable':
      return CONFIGURATION.test(term.name)
    default:
      return false
  }
}
