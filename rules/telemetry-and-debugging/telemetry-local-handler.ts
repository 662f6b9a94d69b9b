import { attachments, defineRule, type Edit, elixir, type Expression, type Module, type ProjectFacts } from '#engine'
import { replaceIn } from '../edits.ts'
import { telemetryHandlers } from '../principles.ts'
import { isDebuggingTool } from './tools.ts'

export default defineRule({
  id: 'telemetry-local-handler',
  title: 'Local or anonymous telemetry handler',
  principles: [telemetryHandlers],
  set: 'recommended',
  precision: 'P1',
  severity: 'info',
  since: '0.1.0',

  why: `
    A closure or a local capture belongs to the version of the module that made it: calling it is slower than calling
    an exported function, on every event, and after two code reloads it can no longer be called. telemetry logs a
    message about it at attach.
  `,
  instead:
    'Capture a public function with its module: `&__MODULE__.handle_event/4`. Pass what the closure holds as the config argument.',
  limits: 'A handler in a variable is not judged.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Telemetry do
          def setup do
            :telemetry.attach("shop-query", [:shop, :repo, :query], &handle_query/4, nil) # finding
          end

          def handle_query(_event, measurements, _metadata, _config) do
            Shop.Metrics.observe(measurements.total_time)
          end
        end
      `,
      good: elixir`
        defmodule Shop.Telemetry do
          def setup do
            :telemetry.attach("shop-query", [:shop, :repo, :query], &__MODULE__.handle_query/4, nil)
          end

          def handle_query(_event, measurements, _metadata, _config) do
            Shop.Metrics.observe(measurements.total_time)
          end
        end
      `,
    },
  ],

  on: 'module',
  words: ['attach', 'attach_many'],
  *check({ module, project }) {
    if (isDebuggingTool(module)) return
    const cost = `${logsAtAttach(project) ? 'telemetry logs a message at attach, and ' : ''}each event pays for the slower call.`
    for (const { call, handler, function: known } of attachments(module)) {
      if (handler === undefined || !isLocal(handler)) continue
      const captured = handler.kind === 'capture' ? handler.function : null
      // A name that the module does not define is imported, and captured with its module.
      if (captured !== null && known === undefined) continue
      const what = captured === null ? 'This closure' : `\`&${captured.name}/${captured.arity}\``
      const isPrivate = captured !== null && known?.isPublic === false
      yield {
        at: handler.range,
        evidence: [handler.range, call.at],
        message:
          `${what} is a local function value of \`${module.name}\`${isPrivate ? '. For that' : ':'} ${cost}` +
          (isPrivate
            ? ` Make \`${known.name}\` public, and capture it with its module: \`&__MODULE__.${captured.name}/${captured.arity}\`.`
            : ''),
        edit: known?.isPublic === true ? qualified(handler, module) : null,
      }
    }
  },
})

/** From 0.4.1 on; a version that is not locked is taken to be newer. */
function logsAtAttach({ deps }: ProjectFacts): boolean {
  return !/^0\.(?:[0-3]\.|4\.0$)/.test(deps['telemetry'] ?? '')
}

function isLocal(handler: Expression): boolean {
  if (handler.kind === 'fn') return true
  if (handler.kind !== 'capture') return false
  if (handler.function !== null) return handler.function.module === null && !handler.function.isQualified
  // `&Mod.handle(&1, &2, &3, &4)` is the same as `&Mod.handle/4`.
  const { body } = handler
  const passesOn =
    body?.kind === 'call' &&
    body.args.length === 4 &&
    body.args.every((arg, index) => arg.kind === 'capture-argument' && arg.position === index + 1)
  return !(passesOn && (body.module !== null || body.text.startsWith('__MODULE__')))
}

function qualified(handler: Expression, module: Module): Edit | null {
  const { startLine, endLine } = handler.range
  if (handler.kind !== 'capture' || handler.function === null || startLine !== endLine) return null
  const { name, arity } = handler.function
  return replaceIn(module.file, handler.range, `&__MODULE__.${name}/${arity}`)
}
