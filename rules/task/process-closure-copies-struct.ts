import {
  ancestors,
  type Call,
  callbacks,
  type Capture,
  type Clause,
  closureRuns,
  defineRule,
  type Edit,
  elixir,
  type Expression,
  type FieldAccess,
  type Fn,
  isWithin,
  type Problem,
  type Variable,
  rebinds,
} from '#engine'
import { messagesAreCopied } from '../principles.ts'
import { listNames } from '../wording.ts'

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/))

/** Values that are large, told by name and fields: a connection to a database is called `conn` as well. */
const FIELDS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  [
    'conn',
    words(`adapter assigns body_params cookies halted host method owner params path_info path_params port private
      query_params query_string remote_ip req_cookies req_headers request_path resp_body resp_cookies resp_headers scheme
      script_name secret_key_base state status`),
  ],
  [
    'socket',
    words(`assigns channel channel_pid endpoint fingerprints handler host_uri id join_ref joined parent_pid private
      pubsub_server redirected ref root_pid router serializer topic transport transport_pid view`),
  ],
  [
    'changeset',
    words(`action changes constraints data empty_values errors filters params prepare repo repo_opts required types valid?
      validations`),
  ],
])
const LARGE = [...FIELDS.keys()]

const CLOSURE = /\bfn\b|&/
const LARGE_NAME = new RegExp(`\\b(?:${LARGE.join('|')})\\b`)

/** Closures of these are looked at by the compiler itself. */
const CHECKED_BY_COMPILER = new Set(['start_async', 'assign_async', 'stream_async'])

/** The names of all functions that run a closure in another process. */
const STARTERS =
  `apply_after apply_interval apply_repeatedly async async_call async_nolink async_stream async_stream_nolink at_exit
   block_call call cast child_spec init multicall multicast send_request spawn spawn_link spawn_monitor spawn_opt start
   start_child start_link start_monitor`.split(/\s+/)

export default defineRule({
  id: 'process-closure-copies-struct',
  title: 'A closure drags a whole struct to another process',
  principles: [messagesAreCopied],
  set: 'recommended',
  precision: 'P2',
  severity: 'info',
  since: '0.1.0',
  scripts: 'off',

  why: `
    Processes share no memory: a closure that is to run in another process is copied there, and with it the whole value
    of every variable it mentions. For conn.remote_ip that is the whole conn, for state.url the whole state of the
    server, with all its maps and lists. Bound to a name before, the one field is all that is copied.
  `,
  instead: 'Bind the field to a name before the closure, and mention only that name inside.',
  ignoreWhen: 'When the value is small and known to stay so.',
  limits:
    'Only `conn`, `socket` and `changeset`, by the fields that they have in Plug, Phoenix and Ecto, and the state of a callback are looked at, not parameters of helpers. A state is for the strict profile, but where it is copied for each element of a stream: how large it is shows in no file.',

  examples: [
    {
      bad: elixir`
        defmodule ShopWeb.SessionController do
          def create(conn, params) do
            Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Shop.Audit.log_ip(conn.remote_ip) end) # finding
            Shop.Sessions.open(conn, params)
          end
        end
      `,
      good: elixir`
        defmodule ShopWeb.SessionController do
          def create(conn, params) do
            remote_ip = conn.remote_ip
            Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Shop.Audit.log_ip(remote_ip) end)
            Shop.Sessions.open(conn, params)
          end
        end
      `,
    },
  ],

  on: 'clause',
  words: [STARTERS, ['fn', '&']],
  *check({ clause }) {
    if (!clause.mentions(CLOSURE)) return
    const large = clause.mentions(LARGE_NAME) ? LARGE : []
    const names = [...new Set([...large, ...stateOf(clause)])].filter((name) => clause.isBound(name))
    if (names.length === 0) return
    for (const closure of clause.expressions) {
      if (closure.kind !== 'fn' && closure.kind !== 'capture') continue
      const where = closureRuns(closure, clause)
      if (where.at !== 'elsewhere' || where.by.module === 'Agent' || CHECKED_BY_COMPILER.has(where.by.name)) continue
      if (
        [...ancestors(closure)].some(
          (up) => (up.kind === 'fn' || up.kind === 'capture') && closureRuns(up, clause).at === 'elsewhere',
        )
      )
        continue
      for (const name of names) yield* copied(name, closure, where.by, clause)
    }
  },
})

/** The parameter of a callback that is the state of its process. */
function stateOf(clause: Clause): string[] {
  const { function: fun, module, params } = clause
  if (fun.name === 'init' || fun.name === 'mount' || !module.isProcess || !callbacks(module).includes(fun)) return []
  const last = params.at(-1)
  const whole = last?.kind === 'match' ? [last.pattern, last.value].find(({ kind }) => kind === 'variable') : last
  return whole?.kind === 'variable' && !whole.name.startsWith('_') ? [whole.name] : []
}

function* copied(name: string, closure: Fn | Capture, by: Call, clause: Clause): Iterable<Problem> {
  const mentions = clause.variables(name).filter((each) => isWithin(each, closure))
  if (mentions.length === 0 || rebinds(closure, name)) return
  const paths = mentions.map(pathOf)
  if (paths.some((path) => path === null)) return
  const fields = stateOf(clause).includes(name) ? undefined : FIELDS.get(name)
  if (fields !== undefined && !mentions.every(({ parent }) => parent?.kind === 'field' && fields.has(parent.field)))
    return
  const texts = outermost([...new Set(paths.map((path) => path!.text))])
  const { range } = closure
  const at = {
    ...range,
    endLine: range.startLine,
    endColumn: range.startLine === range.endLine ? range.endColumn : clause.file.lineEndColumn(range.startLine),
  }
  const edit = paths.every((path) => path!.text === texts[0])
    ? bindFirst(paths as FieldAccess[], closure, clause)
    : null
  const only = texts.length <= 3 ? listNames(texts) : `${texts.length} fields of \`${name}\``
  const first = paths.find((path) => path!.text === texts[0])!
  // How large a state is shows in no file; a stream copies even a small one once for each element.
  const isWorthIt = LARGE.includes(name) || by.name.startsWith('async_stream')
  yield {
    at,
    set: isWorthIt ? 'recommended' : 'strict',
    evidence: [at, ...paths.map((path) => path!.range)],
    message:
      `This closure reads only ${only}. \`${by.callee.replace('Kernel.', '')}\` copies all of \`${name}\` to the other process with it. ` +
      `Bound before, as in \`${first.field} = ${first.text}\`, ${texts.length === 1 ? 'the field alone is' : 'the fields alone are'} copied.`,
    edit,
  }
}

/** Without `conn.assigns.shop.id` where all of `conn.assigns.shop` is read. */
function outermost(paths: readonly string[]): string[] {
  return paths.filter((path) => !paths.some((other) => path.startsWith(`${other}.`)))
}

/** `conn.assigns.user` around the mention of `conn`; null where all of it is meant. */
function pathOf(mention: Variable): FieldAccess | null {
  let path: FieldAccess | null = null
  let inner: Expression = mention
  for (const up of ancestors(mention)) {
    if (up.kind !== 'field' || up.subject !== inner) break
    path = up
    inner = up
  }
  return path
}

/** Two lines for one: the field is bound, and the closure on the same line mentions the name. */
function bindFirst(paths: readonly FieldAccess[], closure: Fn | Capture, clause: Clause): Edit | null {
  const { startLine, endLine } = closure.range
  const name = paths[0]!.field
  const statement = statementOf(closure)
  if (startLine !== endLine || statement === null || statement.line !== startLine) return null
  if (clause.isBound(name) || clause.module.has(name, 0) || clause.variables(name).length > 0) return null
  const line = clause.file.line(startLine)
  const [indentation = ''] = /^\s*/.exec(line)!
  if (line.slice(indentation.length, statement.range.startColumn - 1) !== '') return null
  let text = line
  for (const { range } of paths.toSorted((a, b) => b.start - a.start)) {
    text = text.slice(0, range.startColumn - 1) + name + text.slice(range.endColumn - 1)
  }
  return { startLine, endLine: startLine, text: `${indentation}${name} = ${paths[0]!.text}\n${text}` }
}

/** The statement of a block that an expression belongs to. */
function statementOf(expression: Expression): Expression | null {
  let inner = expression
  for (const up of ancestors(expression)) {
    if (up.kind === 'block') return inner
    if (up.kind === 'fn' || up.kind === 'branch') return null
    inner = up
  }
  return null
}
