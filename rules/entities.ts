// Which part of a name is different for each of many things, and which parts are bounded. It knows no rule.
import {
  ancestors,
  boundValue,
  type Clause,
  drawnFrom,
  type Expression,
  originsOf,
  requestCode,
  variablesIn,
  walk,
} from '#engine'

/** Words that name one thing out of many: an atom for each of them is an atom for each entity. */
const PER_ENTITY = /^(?:\w*_)?(?:id|uuid|slug|email|token|key)$|^\w+Id$|^(?:user|session|room|tenant|topic)$/

/** Words that are an entity by themselves, whatever else is known: nobody writes a list of them in advance. */
const MANY = /^(?:\w*_)?(?:uuid|email|token)$|^(?:slug|user|session|room|tenant)$/

/** What comes and goes while the system runs, by the last word of its name: `room` of `room_id`, of `chat_room.id`. */
const ENTITIES = new Set(
  `account article auction bid booking buyer call campaign cart chat checkout comment company contact contract
  conversation customer deal delivery device document employee execution export file game guest import invoice job
  lobby market match meeting member message note offer order organisation organization page participant patient
  payment person player poll post product profile project purchase quiz recipient recording request reservation ride
  rider room run seller sender session shipment student submission subscription survey task team tenant ticket
  tournament trade transaction transfer trip upload user video viewer visitor voter wallet workflow workspace`.split(
    /\s+/,
  ),
)

/** Parts of a deployment: as many as somebody has set up. */
const DEPLOYED =
  /^(?:\w+_)?(?:adapter|app|application|backend|broker|bucket|chain|cluster|connector|consumer|database|db|driver|endpoint|env|exchange|instance|lane|network|node|partition|plugin|pool|producer|provider|queue|region|replica|repo|scheduler|service|shard|site|slot|stack|stage|venue|worker|zone)_(?:id|key|uuid)$/

/** What has topics that somebody has set up: a message broker, by the words beside the topic. */
const BROKER = /(?:^|_)(?:broker|consumer|group|partition|producer|queue|subscriber)(?:_|$)/

/** Holders of what a process is given, whose `id` is as bare as a variable of that name. */
const BARE = /^(?:args?|assigns|config|context|ctx|data|init_arg|opts|options|s|spec|state)$/

/** Things that come from outside, by what people call them. */
const OUTSIDE = /^(?:args|attrs|body|event|json|message|msg|params|payload|req|request)$/

/** Callbacks whose parameters but the last are what somebody sends. */
const RECEIVING = /^(?:handle_call|handle_cast|handle_event|handle_in|join)$/

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

/** A part of a name that is different for each of many things. */
export interface Entity {
  part: Expression
  /** Whether the file shows that there is no end of them; else they can well be a few that configuration names. */
  isUnbounded: boolean
}

/** The part of the name that is different for each entity, an unbounded one first; null where all parts are bounded. */
export function entityIn(atom: Expression, clause: Clause): Entity | null {
  let known: Entity | null = null
  for (const each of walk(atom)) {
    const key = entityKey(each, clause)
    if (key === null || DEPLOYED.test(key) || !(PER_ENTITY.test(key) || isRequested(each, clause))) continue
    if (isBounded(each, atom) || isAtom(each, clause) || isConfigured(each, clause) || hasDefault(key, clause)) continue
    if (isUnbounded(each, key, atom, clause)) return { part: each, isUnbounded: true }
    if (known === null && !isInstance(each, key, atom) && !(key === 'topic' && isOfBroker(clause)))
      known = { part: each, isUnbounded: false }
  }
  return known
}

function isUnbounded(part: Expression, key: string, atom: Expression, clause: Clause): boolean {
  if (MANY.test(key) || comesFromOutside(part, clause)) return true
  const owner = ownerOf(part, key, clause)
  if (owner !== null && ENTITIES.has(owner)) return true
  return key === 'id' && (isString(part, clause) || namesEntity(atom, clause) || isStartedByCallers(part, clause))
}

/** `room` of `room_id`, `chat_room_id`, `roomId`, `chat_room.id` and `%ChatRoom{id: id}`; null for an `id` that nothing names. */
function ownerOf(part: Expression, key: string, clause: Clause): string | null {
  const named = /^(?:\w*_)?([a-z]+)(?:_(?:id|key|slug)|Id)$/.exec(key)?.[1]
  if (named !== undefined) return named
  if (key !== 'id') return null
  const name =
    part.kind === 'field' ? nameOfThing(part.subject) : part.kind === 'variable' ? takenFrom(part.name, clause) : null
  if (name === null || BARE.test(name.toLowerCase())) return null
  return (name.match(/[A-Z]?[a-z]+/g)?.at(-1) ?? name).toLowerCase()
}

function nameOfThing(subject: Expression): string | null {
  return subject.kind === 'variable' ? subject.name : subject.kind === 'field' ? subject.field : null
}

/** What a parameter is out of which a variable is taken: `%Room{id: id}`, `%{id: id} = room`. */
function takenFrom(name: string, { params }: Clause): string | null {
  for (const each of params.flatMap(walk)) {
    if (each.kind !== 'map') continue
    const id = each.get('id')
    if (id?.kind !== 'variable' || id.name !== name) continue
    if (each.struct !== null) return each.struct.slice(each.struct.lastIndexOf('.') + 1)
    const { parent } = each
    const other = parent?.kind === 'match' ? (parent.pattern === each ? parent.value : parent.pattern) : null
    return other?.kind === 'variable' ? other.name : null
  }
  return null
}

/** Out of a request, a message, a socket, or a map with strings for keys, as decoded JSON is. */
function comesFromOutside(part: Expression, clause: Clause): boolean {
  if (part.kind === 'access' && part.key.kind === 'text')
    return part.subject.kind === 'variable' && OUTSIDE.test(part.subject.name)
  const names = new Set(walk(part).flatMap((each) => (each.kind === 'variable' ? originsOf(each.name, clause) : [])))
  if (names.has('conn') || names.has('socket')) return true
  const { params, function: fun } = clause
  const isOf = (pattern: Expression): boolean => variablesIn(pattern).some((name) => names.has(name))
  if (RECEIVING.test(fun.name) && params.slice(0, -1).some(isOf)) return true
  if (params.some((param) => isDecoded(param, isOf))) return true
  return isRequest(clause) && params.some(isOf)
}

/** A value of the parameters that a request comes with, whatever it is called. */
function isRequested(part: Expression, clause: Clause): boolean {
  if (part.kind !== 'variable') return false
  const isIt = (pattern: Expression): boolean => pattern.kind === 'variable' && pattern.name === part.name
  return clause.params.some((param) => isDecoded(param, isIt)) && isRequest(clause)
}

function isDecoded(param: Expression, isOf: (value: Expression) => boolean): boolean {
  return walk(param).some((each) => each.kind === 'pair' && each.key.kind === 'text' && isOf(each.value))
}

function isRequest(clause: Clause): boolean {
  return requestCode(clause.module).some((reached) => reached.clause === clause)
}

/** `"room_" <> id`, `String.to_atom(id)`, `when is_binary(id)`: where ids are counted or configured they are numbers or atoms. */
function isString(part: Expression, { guard }: Clause): boolean {
  const { parent } = part
  if (parent?.kind === 'operator' && parent.operator === '<>') return true
  if (parent?.kind === 'call' && /^(?:String\.to_atom|:erlang\.binary_to_atom)$/.test(parent.callee)) return true
  if (part.kind !== 'variable' || guard === null) return false
  return walk(guard).some(
    (each) =>
      each.kind === 'call' &&
      each.callee === 'Kernel.is_binary' &&
      each.args[0]?.kind === 'variable' &&
      each.args[0].name === part.name,
  )
}

/** What a process is, whoever it is for. */
const ROLES = /^(?:agent|cache|genserver|id|name|pid|process|registry|server|state|store|sup|supervisor|table)$/

/** `:"room_#{id}"`, `:"game_server_#{id}"`, also in a module called `Room`; not `:"task_worker_#{id}"`. */
function namesEntity(atom: Expression, { module }: Clause): boolean {
  const texts = walk(atom).flatMap((each) =>
    each.kind === 'text' || each.kind === 'dynamic-atom' ? [each.text.replaceAll(/#\{[^}]*\}/g, ' ')] : [],
  )
  return [...texts, module.name.slice(module.name.lastIndexOf('.') + 1)].some((text) => {
    const words = (text.match(/[A-Z]?[a-z]+/g) ?? []).map((word) => word.toLowerCase())
    return ENTITIES.has(words.findLast((word) => !ROLES.test(word)) ?? '')
  })
}

/** A public function starts a child for the id it is given. */
function isStartedByCallers(part: Expression, { module }: Clause): boolean {
  if (part.kind !== 'variable') return false
  return module.functions.some(
    ({ isPublic, clauses }) =>
      isPublic &&
      clauses.some(
        ({ params, calls }) =>
          params.some((param) => param.kind === 'variable' && param.name === part.name) &&
          calls.some(
            ({ name, args }) =>
              name === 'start_child' &&
              args.some((arg) => walk(arg).some((each) => each.kind === 'variable' && each.name === part.name)),
          ),
      ),
  )
}

/** `Module.concat(id, Server)`: what a module name is made of is one itself, an instance of a library. */
function isInstance(part: Expression, key: string, atom: Expression): boolean {
  if (key !== 'id' || atom.kind !== 'call' || atom.callee !== 'Module.concat') return false
  for (const up of ancestors(part)) {
    if (up === atom) return true
    if (up.kind !== 'list' && up.kind !== 'call') return false
  }
  return false
}

function isOfBroker({ module, params, function: fun }: Clause): boolean {
  return [...params.flatMap(variablesIn), ...module.name.split('.').map((part) => part.toLowerCase()), fun.name].some(
    (name) => BROKER.test(name),
  )
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
