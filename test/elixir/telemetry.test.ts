import { describe, expect, test } from 'vitest'
import { attachments, SOME_PARTS } from '#elixir'
import { moduleOf } from './read-source.ts'

/** The attachments of a module with a handler `handle/4`. */
function attached(call: string, above = '') {
  const module = moduleOf(
    `defmodule A do\n${above}\ndef setup do\n${call}\nend\ndef handle(_, _, _, _), do: :ok\nend\n` +
      'defmodule B do\ndef on(_, _, _, _), do: :ok\nend\n',
  )
  return attachments(module).map(({ events, function: fun }) => ({
    events,
    handler: fun === undefined ? null : `${fun.module.name}.${fun.id}`,
  }))
}

describe('attachments', () => {
  test.each([
    [':telemetry.attach("a", [:shop, :sale], &handle/4, nil)', 'A.handle/4'],
    [':telemetry.attach("a", [:shop, :sale], &__MODULE__.handle/4, nil)', 'A.handle/4'],
    [':telemetry.attach("a", [:shop, :sale], &A.handle/4, nil)', 'A.handle/4'],
    [':telemetry.attach("a", [:shop, :sale], &handle(&1, &2, &3, &4), nil)', 'A.handle/4'],
    [':telemetry.attach("a", [:shop, :sale], &B.on/4, nil)', 'B.on/4'],
    [':telemetry.attach("a", [:shop, :sale], &Elsewhere.on/4, nil)', null],
    [':telemetry.attach("a", [:shop, :sale], fn _, _, _, _ -> :ok end, nil)', null],
  ])('%s', (call, handler) => {
    expect(attached(call)).toEqual([{ events: [['shop', 'sale']], handler }])
  })

  test('several events, out of a variable or an attribute, with parts that are not known', () => {
    const [many] = attached(
      'events = [[:shop, :sale], @other]\n:telemetry.attach_many("a", events, &handle/4, nil)',
      '@other [:shop, :refund]',
    )
    const [prefixed] = attached(':telemetry.attach("a", prefix ++ [:stop], &handle/4, nil)')
    const [part] = attached(':telemetry.attach("a", [:shop, name], &handle/4, nil)')

    expect(prefixed!.events).toEqual([[SOME_PARTS, 'stop']])
    expect(many!.events).toEqual([
      ['shop', 'sale'],
      ['shop', 'refund'],
    ])
    expect(part!.events).toEqual([['shop', null]])
  })

  test('events that are computed are not known', () => {
    const [many] = attached(':telemetry.attach_many("a", events(), &handle/4, nil)')
    const [one] = attached(':telemetry.attach("a", [:shop] ++ name, &handle/4, nil)')

    expect(many!.events).toBeNull()
    expect(one!.events).toBeNull()
  })
})
